//! Keys that are made before the database knows of their rows: `#[key(uuid_v7)]` and `#[key(uuid_v4)]`.

use anyorm::prelude::*;
use anyorm::uuid::Uuid;
use anyorm::{Result, Schema, SqlType, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_key_is_there_when_the_entity_is_added,
    a_key_that_is_given_is_kept,
    parents_and_children_go_in_one_hop,
    keys_of_version_7_ascend,
    inserts_past_a_session_make_keys,
    merge_of_a_value_without_a_key_adds_it,
    a_row_is_found_by_its_key,
    a_part_of_a_key_is_made,
    an_added_entity_that_is_rolled_back_takes_its_key_along,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "made_orders")]
struct Order {
    #[key(uuid_v7)]
    id: Uuid,
    name: String,
    #[has_many(Item::ORDER)]
    items: HasMany<Item>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SqlType)]
struct ItemId(Uuid);

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "made_items")]
struct Item {
    #[key(uuid_v4)]
    id: ItemId,
    name: String,
    #[belongs_to(on_delete = cascade)]
    order: BelongsTo<Order>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "made_events")]
struct Event {
    #[key]
    tenant: i64,
    #[key(uuid_v7)]
    id: Uuid,
    name: String,
}

fn shop() -> Schema {
    schema![Order, Item, Event]
}

fn order(name: &str) -> Order {
    Order { name: name.into(), ..Order::default() }
}

fn item(name: &str) -> Item {
    Item { name: name.into(), ..Item::default() }
}

async fn a_key_is_there_when_the_entity_is_added(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    assert_eq!((Order::default().key(), Item::default().key()), (None, None));
    let mut session = db.engine.session();
    let order = session.add(order("first"));
    let key = session[order].id;
    assert_eq!(key.get_version_num(), 7);
    let item = session.add(Item { order: BelongsTo::to_key(key), ..item("one") });
    let item_key = session[item].id;
    assert_eq!(item_key.0.get_version_num(), 4);
    session.commit().await?;
    assert_eq!((session[order].id, session[item].id), (key, item_key));
    assert_eq!(db.engine.one(Order::select()).await?.id, key);
    assert_eq!(db.engine.one(Item::select()).await?.order.key(), Some(&key));
    Ok(())
}

async fn a_key_that_is_given_is_kept(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    let given = Uuid::from_u128(7);
    let mut session = db.engine.session();
    let added = session.add(Order { id: given, ..order("given") });
    session.commit().await?;
    assert_eq!(session[added].id, given);
    assert_eq!(session.get::<Order>(given).await?, Some(added));
    // Taken away before the flush: nothing makes another one unseen.
    let nil = session.add(order("nil"));
    session[nil].id = Uuid::nil();
    let error = session.flush().await.expect_err("no key").to_string();
    assert!(error.contains("the key is not set"), "{error}");
    Ok(())
}

async fn parents_and_children_go_in_one_hop(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    let mut session = db.engine.session();
    let order = session.add(Order { items: vec![item("one"), item("two")].into(), ..order("tree") });
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "INSERT INTO made_orders (id, name) VALUES (?, ?) x1",
            "INSERT INTO made_items (id, name, order_id) VALUES (?, ?, ?) x2",
        ]
    );
    let items: Vec<_> = session[order].items.iter().copied().collect();
    assert_eq!(items.len(), 2);
    for item in items {
        assert_eq!(session[item].order.key(), Some(&session[order].id));
    }
    let mut other = db.engine.session();
    let again = other.one(Order::select().with(Order::ITEMS)).await?;
    let mut names: Vec<&str> = other[again].items.iter().map(|&item| other[item].name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["one", "two"]);
    Ok(())
}

async fn keys_of_version_7_ascend(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    let mut session = db.engine.session();
    let orders = session.add_all((0..1_000).map(|at| order(&at.to_string())));
    let keys: Vec<Uuid> = orders.iter().map(|&order| session[order].id).collect();
    assert!(keys.is_sorted(), "made later, larger");
    session.commit().await?;
    let names: Vec<String> = db.engine.all(Order::select().columns(Order::NAME).order_by(Order::ID)).await?;
    assert_eq!(names, (0..1_000).map(|at| at.to_string()).collect::<Vec<_>>());
    Ok(())
}

async fn inserts_past_a_session_make_keys(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    db.engine.insert_many((0..10).map(|at| order(&at.to_string()))).await?;
    let key = db.engine.one(Order::insert().value(order("one")).returning(Order::ID)).await?;
    assert_eq!(key.get_version_num(), 7);
    db.engine.execute(Order::insert().values([order("two"), order("three")])).await?;
    let mut session = db.engine.session();
    session.insert_many([order("four")]).await?;
    session.commit().await?;
    let keys = db.engine.all(Order::select().columns(Order::ID).order_by(Order::ID)).await?;
    assert_eq!(keys.len(), 14);
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]) && !keys[0].is_nil(), "{keys:?}");
    let unknown = db.engine.update_many([order("nowhere")]).await.expect_err("no key").to_string();
    assert!(unknown.contains("by its key"), "{unknown}");
    Ok(())
}

async fn merge_of_a_value_without_a_key_adds_it(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    let mut session = db.engine.session();
    db.log.clear();
    let value = Order { items: vec![item("inside")].into(), ..order("merged") };
    let merged = session.merge(value).await?;
    assert_eq!(sent(&db), [""; 0], "there is no row to look for");
    session.commit().await?;
    let key = session[merged].id;
    assert_eq!(key.get_version_num(), 7);
    assert_eq!(db.engine.one(Item::select()).await?.order.key(), Some(&key));
    let again = session.merge(Order { id: key, name: "again".into(), ..Order::default() }).await?;
    assert_eq!(again, merged);
    session.commit().await?;
    assert_eq!(db.engine.one(Order::select()).await?.name, "again");
    Ok(())
}

async fn a_row_is_found_by_its_key(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    db.engine.insert_many([order("a"), order("b")]).await?;
    let keys = db.engine.all(Order::select().columns(Order::ID).order_by(Order::ID)).await?;
    let mut session = db.engine.session();
    let first = session.get_one::<Order>(keys[0]).await?;
    assert_eq!(session[first].name, "a");
    // One live entity for each key, however it is read.
    let all = session.all(Order::select().order_by(Order::ID)).await?;
    assert_eq!(all[0], first);
    session.refresh(first).await?;
    session.delete(first);
    session.commit().await?;
    assert_eq!(session.get::<Order>(keys[0]).await?, None);
    let missing = session.get_one::<Order>(keys[0]).await.expect_err("deleted").to_string();
    assert!(missing.contains(&keys[0].to_string()), "{missing}");
    Ok(())
}

async fn a_part_of_a_key_is_made(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    let mut session = db.engine.session();
    let event = session.add(Event { tenant: 3, name: "born".into(), ..Event::default() });
    let key = session[event].id;
    session.commit().await?;
    assert_eq!(session[event].key(), Some((3, key)));
    let mut other = db.engine.session();
    let same = other.get_one::<Event>((3, key)).await?;
    assert_eq!(other[same].name, "born");
    Ok(())
}

async fn an_added_entity_that_is_rolled_back_takes_its_key_along(db: Database) -> Result<()> {
    db.engine.create_all(&shop()).await?;
    let mut session = db.engine.session();
    let gone = session.add(order("gone"));
    let key = session[gone].id;
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session.get::<Order>(key).await?, None);
    let same = session.add(Order { id: key, ..order("back") });
    session.commit().await?;
    assert_eq!(session[same].id, key);
    Ok(())
}
