//! Loading and reading anew: relations of every kind and shape, what is not read again, and what refresh leaves.

use anyorm::prelude::*;
use anyorm::{Error, Hooks, Result, Schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent, settled};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    two_relations_to_one_table_are_told_apart,
    a_to_one_that_the_session_has_is_not_read,
    a_to_one_reads_only_the_targets_that_are_missing,
    siblings_share_the_handle_of_their_parent,
    a_link_of_the_loaded_parent_is_a_handle_on_its_children,
    composite_keys_are_loaded_each_with_its_own,
    a_path_goes_down_and_up_again,
    a_path_through_a_one_to_one,
    a_path_goes_on_where_the_first_part_was_loaded,
    the_order_of_the_query_is_kept,
    a_filter_of_the_query_is_not_one_of_the_members,
    a_join_that_repeats_rows_gives_a_handle_each_time_and_loads_once,
    a_tree_is_loaded_to_the_depth_that_is_asked_for,
    a_link_to_itself_is_its_own_parent,
    members_pushed_before_are_there_once_after_the_load,
    a_member_that_left_is_not_loaded_back,
    a_loaded_list_is_not_read_again_for_what_others_wrote,
    refresh_follows_a_link_that_others_moved,
    refresh_makes_a_one_to_one_not_loaded,
    refresh_takes_a_pending_move_back_and_nothing_else,
    refresh_inside_a_savepoint_is_taken_back_with_it,
    refresh_of_a_row_flushed_in_the_transaction_reads_it,
    refresh_of_a_versioned_row_makes_its_update_pass,
    refresh_of_a_row_deleted_elsewhere_leaves_the_rest_usable,
    refresh_drops_a_pending_delete,
    hooks_of_loads_run_for_members_too,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "addresses")]
struct Address {
    #[key(auto)]
    id: i64,
    street: String,
    #[has_many(Order::SHIP_TO)]
    shipped: HasMany<Order>,
    #[has_many(Order::BILL_TO)]
    billed: HasMany<Order>,
    #[has_one(Label::ADDRESS)]
    label: HasOne<Label>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "labels")]
struct Label {
    #[key(auto)]
    id: i64,
    #[belongs_to(unique)]
    address: BelongsTo<Option<Address>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "orders")]
struct Order {
    #[key(auto)]
    id: i64,
    text: String,
    #[belongs_to]
    ship_to: BelongsTo<Address>,
    #[belongs_to]
    bill_to: BelongsTo<Option<Address>>,
    #[version]
    version: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "shelves")]
struct Shelf {
    #[key]
    hall: i32,
    #[key]
    number: i32,
    #[has_many(Item::SHELF)]
    items: HasMany<Item>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "items")]
struct Item {
    #[key(auto)]
    id: i64,
    #[belongs_to(columns("shelf_hall", "shelf_number"))]
    shelf: BelongsTo<Option<Shelf>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "nodes")]
struct Node {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    parent: BelongsTo<Option<Node>>,
    #[has_many(Node::PARENT)]
    children: HasMany<Node>,
}

fn all() -> Schema {
    schema![Address, Label, Order, Shelf, Item, Node]
}

/// Three addresses, the first with a label; orders 1 to 3.
async fn stored(db: &Database) -> Result<Session> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO addresses VALUES (1, 'a'), (2, 'b'), (3, 'c')").await?;
    elsewhere(db, "INSERT INTO labels VALUES (1, 1)").await?;
    let rows = "(1, 'x', 1, 2, 1), (2, 'y', 1, 1, 1), (3, 'z', 2, NULL, 1)";
    elsewhere(db, &format!("INSERT INTO orders VALUES {rows}")).await?;
    elsewhere(db, "INSERT INTO shelves VALUES (1, 1), (1, 2), (2, 1)").await?;
    elsewhere(db, "INSERT INTO items VALUES (1, 1, 1), (2, 2, 1), (3, 1, 2), (4, 1, 1), (5, NULL, NULL)")
        .await?;
    elsewhere(db, "INSERT INTO nodes VALUES (1, NULL), (2, 1), (3, 2), (4, 3), (5, 5)").await?;
    db.engine.advance_keys(&all()).await?;
    db.log.clear();
    Ok(db.engine.session())
}

fn ids<'a>(session: &Session, orders: impl IntoIterator<Item = &'a Handle<Order>>) -> Vec<i64> {
    orders.into_iter().map(|&order| session[order].id).collect()
}

async fn two_relations_to_one_table_are_told_apart(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Address::select().order_by(Address::ID).with(Address::SHIPPED).with(Address::BILLED);
    let addresses = session.all(query).await?;
    assert_eq!(db.log.hops(), 1);
    let orders: Vec<_> = addresses
        .iter()
        .map(|&at| (ids(&session, session[at].shipped.iter()), ids(&session, session[at].billed.iter())))
        .collect();
    assert_eq!(orders, [(vec![1, 2], vec![2]), (vec![3], vec![1]), (vec![], vec![])]);
    settled(&db, &mut session).await
}

async fn a_to_one_that_the_session_has_is_not_read(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let addresses = session.all(Address::select().order_by(Address::ID)).await?;
    let orders = session.all(Order::select().order_by(Order::ID)).await?;
    db.log.clear();
    session.load(&orders, Order::SHIP_TO).await?;
    session.load(&orders, Order::BILL_TO).await?;
    assert_eq!(db.log.hops(), 0, "{:?}", sent(&db));
    let links: Vec<_> = orders.iter().map(|&order| session[order].bill_to.handle()).collect();
    assert_eq!(links, [Some(addresses[1]), Some(addresses[0]), None]);
    settled(&db, &mut session).await
}

async fn a_to_one_reads_only_the_targets_that_are_missing(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let known = session.get_one::<Address>(1).await?;
    let orders = session.all(Order::select().order_by(Order::ID)).await?;
    db.log.clear();
    session.load(&orders, Order::SHIP_TO).await?;
    assert_eq!(sent(&db), ["SELECT id, street FROM addresses WHERE id IN (..) x1"]);
    assert_eq!(session[orders[0]].ship_to.handle(), Some(known));
    let read = session[orders[2]].ship_to.handle().expect("loaded");
    assert_eq!(session[read].street, "b");
    Ok(())
}

async fn siblings_share_the_handle_of_their_parent(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Order::select().order_by(Order::ID).with(Order::SHIP_TO).with(Order::BILL_TO);
    let orders = session.all(query).await?;
    assert_eq!(db.log.hops(), 1);
    let first = session[orders[0]].ship_to.handle();
    assert!(first.is_some());
    assert_eq!(first, session[orders[1]].ship_to.handle());
    assert_eq!(first, session[orders[1]].bill_to.handle(), "by the other relation, too");
    assert_eq!(session[orders[2]].bill_to.handle(), None);
    settled(&db, &mut session).await
}

async fn a_link_of_the_loaded_parent_is_a_handle_on_its_children(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Address::select().filter(Address::ID.eq(1)).with(Address::SHIPPED).with(Address::LABEL);
    let address = session.one(query).await?;
    let orders = session[address].shipped.to_vec();
    db.log.clear();
    session.load(&orders, Order::SHIP_TO).await?;
    assert_eq!(db.log.hops(), 0);
    assert!(orders.iter().all(|&order| session[order].ship_to.handle() == Some(address)));
    let label = session[address].label.handle().expect("there is one");
    session.load(&[label], Label::ADDRESS).await?;
    assert_eq!(session[label].address.handle(), Some(address));
    settled(&db, &mut session).await
}

async fn composite_keys_are_loaded_each_with_its_own(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Shelf::select().order_by((Shelf::HALL, Shelf::NUMBER)).with(Shelf::ITEMS);
    let shelves = session.all(query).await?;
    assert_eq!(db.log.hops(), 1);
    let items: Vec<Vec<i64>> = shelves
        .iter()
        .map(|&shelf| session[shelf].items.iter().map(|&item| session[item].id).collect())
        .collect();
    assert_eq!(items, [vec![1, 4], vec![3], vec![2]]);
    let loose = session.get_one::<Item>(5).await?;
    session.load(&[loose], Item::SHELF).await?;
    assert!(session[loose].shelf.is_empty());
    settled(&db, &mut session).await
}

async fn a_path_goes_down_and_up_again(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let path = Address::SHIPPED.then(Order::BILL_TO.then(Address::LABEL));
    let address = session.one(Address::select().filter(Address::ID.eq(1)).with(path)).await?;
    assert_eq!(db.log.hops(), 1);
    let orders = session[address].shipped.to_vec();
    assert_eq!(session[orders[1]].bill_to.handle(), Some(address), "itself");
    let other = session[orders[0]].bill_to.handle().expect("loaded");
    assert!(session[address].label.handle().is_some());
    assert_eq!(session[other].label.loaded(), Some(None));
    settled(&db, &mut session).await
}

async fn a_path_through_a_one_to_one(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let path = Address::LABEL.then(Label::ADDRESS.then(Address::SHIPPED));
    let addresses = session.all(Address::select().order_by(Address::ID).with(path)).await?;
    assert_eq!(session[addresses[0]].shipped.len(), 2);
    assert!(!session[addresses[1]].shipped.is_loaded(), "it has no label to go along");
    settled(&db, &mut session).await
}

async fn a_path_goes_on_where_the_first_part_was_loaded(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let address = session.one(Address::select().filter(Address::ID.eq(1)).with(Address::SHIPPED)).await?;
    db.log.clear();
    session.load(&[address], Address::SHIPPED.then(Order::BILL_TO)).await?;
    assert_eq!(sent(&db), ["SELECT id, street FROM addresses WHERE id IN (..) x1"], "the orders are there");
    let orders = session[address].shipped.to_vec();
    assert!(orders.iter().all(|&order| session[order].bill_to.handle().is_some()));
    Ok(())
}

async fn the_order_of_the_query_is_kept(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.get_one::<Order>(2).await?;
    let query = Order::select().order_by(Order::TEXT.desc()).limit(2).with(Order::SHIP_TO);
    let orders = session.all(query).await?;
    assert_eq!(ids(&session, &orders), [3, 2]);
    assert!(orders.iter().all(|&order| session[order].ship_to.handle().is_some()));
    Ok(())
}

async fn a_filter_of_the_query_is_not_one_of_the_members(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Address::select().join(Address::SHIPPED).filter(Order::TEXT.eq("y")).with(Address::SHIPPED);
    let address = session.one(query).await?;
    assert_eq!(session[address].shipped.len(), 2, "all of them, not only those that the query asked for");
    Ok(())
}

async fn a_join_that_repeats_rows_gives_a_handle_each_time_and_loads_once(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Address::select().join(Address::SHIPPED).order_by((Address::ID, Order::ID));
    let addresses = session.all(query.with(Address::SHIPPED)).await?;
    assert_eq!(addresses.len(), 3, "a row for each order");
    assert_eq!(addresses[0], addresses[1]);
    let orders = session[addresses[0]].shipped.to_vec();
    assert_eq!(ids(&session, &orders), [1, 2], "each member once");
    settled(&db, &mut session).await
}

async fn a_tree_is_loaded_to_the_depth_that_is_asked_for(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let path = Node::CHILDREN.then(Node::CHILDREN);
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(path)).await?;
    let child = session[root].children.first().expect("one");
    let grandchild = session[child].children.first().expect("one");
    assert_eq!(session[grandchild].children.loaded(), None, "no deeper");
    assert_eq!(session[grandchild].parent.key(), Some(&2));
    db.log.clear();
    session.load(&[grandchild], Node::PARENT).await?;
    assert_eq!((session[grandchild].parent.handle(), db.log.hops()), (Some(child), 0));
    settled(&db, &mut session).await
}

async fn a_link_to_itself_is_its_own_parent(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Node::select().filter(Node::ID.eq(5)).with(Node::PARENT).with(Node::CHILDREN);
    let node = session.one(query).await?;
    assert_eq!(session[node].parent.handle(), Some(node));
    assert_eq!(session[node].children.loaded(), Some(&[node][..]));
    session[node].parent = None.into();
    session.commit().await?;
    assert!(session[node].children.is_empty());
    settled(&db, &mut session).await
}

async fn members_pushed_before_are_there_once_after_the_load(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.set_autoflush(false);
    let address = session.get_one::<Address>(1).await?;
    let (stored, other) = (session.get_one::<Order>(1).await?, session.get_one::<Order>(3).await?);
    session[address].shipped.push(stored);
    session[address].shipped.push(other);
    session.load(&[address], Address::SHIPPED).await?;
    let members = session[address].shipped.to_vec();
    assert_eq!(ids(&session, &members), [1, 2, 3]);
    assert_eq!(session.changes()?.to_string(), "update Order 3: ship_to_id");
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn a_member_that_left_is_not_loaded_back(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.set_autoflush(false);
    let (one, three) = (session.get_one::<Address>(1).await?, session.get_one::<Address>(3).await?);
    let order = session.get_one::<Order>(1).await?;
    session.link(three, Address::SHIPPED, order);
    session.load(&[one, three], Address::SHIPPED).await?;
    assert!(session[three].shipped.contains(order));
    session.commit().await?;
    assert!(!session[one].shipped.contains(order) && session[three].shipped.contains(order));
    settled(&db, &mut session).await
}

async fn a_loaded_list_is_not_read_again_for_what_others_wrote(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = || Address::select().filter(Address::ID.eq(1)).with(Address::SHIPPED);
    let address = session.one(query()).await?;
    elsewhere(&db, "INSERT INTO orders VALUES (4, 'n', 1, NULL, 1)").await?;
    session.one(query()).await?;
    assert_eq!(session[address].shipped.len(), 2, "as it was read");
    session.refresh(address).await?;
    session.load(&[address], Address::SHIPPED).await?;
    assert_eq!(session[address].shipped.len(), 3);
    settled(&db, &mut session).await
}

async fn refresh_follows_a_link_that_others_moved(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let order = session.one(Order::select().filter(Order::ID.eq(1)).with(Order::SHIP_TO)).await?;
    elsewhere(&db, "UPDATE orders SET ship_to_id = 3, bill_to_id = NULL, version = 2 WHERE id = 1").await?;
    session.refresh(order).await?;
    assert_eq!(session[order].ship_to.key(), Some(&3));
    assert!(session[order].bill_to.is_empty());
    session.load(&[order], Order::SHIP_TO).await?;
    let address = session[order].ship_to.handle().expect("loaded");
    assert_eq!(session[address].street, "c");
    settled(&db, &mut session).await
}

async fn refresh_makes_a_one_to_one_not_loaded(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let address = session.one(Address::select().filter(Address::ID.eq(1)).with(Address::LABEL)).await?;
    session[address].label.clear();
    session.refresh(address).await?;
    assert_eq!(session[address].label.loaded(), None);
    settled(&db, &mut session).await?;
    session.load(&[address], Address::LABEL).await?;
    assert!(session[address].label.handle().is_some());
    Ok(())
}

async fn refresh_takes_a_pending_move_back_and_nothing_else(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let orders = session.all(Order::select().order_by(Order::ID)).await?;
    let three = session.get_one::<Address>(3).await?;
    for &order in &orders {
        session[order].ship_to = three.into();
    }
    session.refresh(orders[1]).await?;
    session.commit().await?;
    let stored = db.engine.all(Order::select().order_by(Order::ID).columns(Order::SHIP_TO_ID)).await?;
    assert_eq!(stored, [3, 1, 3]);
    settled(&db, &mut session).await
}

async fn refresh_inside_a_savepoint_is_taken_back_with_it(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let address = session.get_one::<Address>(1).await?;
    session[address].street = "outer".into();
    let mut inner = session.begin_nested().await?;
    inner[address].street = "inner".into();
    inner.flush().await?;
    inner[address].street = "pending".into();
    inner.refresh(address).await?;
    assert_eq!(inner[address].street, "inner");
    inner.rollback().await?;
    assert_eq!(session[address].street, "outer");
    session.commit().await?;
    let streets = db.engine.all(Address::select().order_by(Address::ID).columns(Address::STREET)).await?;
    assert_eq!(streets, ["outer", "b", "c"]);
    settled(&db, &mut session).await
}

async fn refresh_of_a_row_flushed_in_the_transaction_reads_it(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let new = session.add(Address { street: "n".into(), ..Address::default() });
    session.flush().await?;
    session[new].street = "pending".into();
    session.refresh(new).await?;
    assert_eq!(session[new].street, "n");
    session.rollback().await?;
    assert!(session.peek(new).is_none());
    settled(&db, &mut session).await
}

async fn refresh_of_a_versioned_row_makes_its_update_pass(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let order = session.get_one::<Order>(1).await?;
    elsewhere(&db, "UPDATE orders SET text = 'theirs', version = 7 WHERE id = 1").await?;
    session[order].text = "mine".into();
    assert!(matches!(session.commit().await, Err(Error::StaleData(_))));
    session.recover().await?;
    session.refresh(order).await?;
    assert_eq!((&*session[order].text, session[order].version), ("theirs", 7));
    session[order].text.push_str(" and mine");
    session.commit().await?;
    assert_eq!(session[order].version, 8);
    settled(&db, &mut session).await
}

async fn refresh_of_a_row_deleted_elsewhere_leaves_the_rest_usable(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let order = session.get_one::<Order>(3).await?;
    let address = session.get_one::<Address>(3).await?;
    session[address].street = "changed".into();
    elsewhere(&db, "DELETE FROM orders WHERE id = 3").await?;
    assert!(matches!(session.refresh(order).await, Err(Error::NotFound(_))));
    session.commit().await?;
    assert_eq!(session[order].text, "z", "nothing was changed");
    settled(&db, &mut session).await
}

async fn refresh_drops_a_pending_delete(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let order = session.get_one::<Order>(3).await?;
    session.delete(order);
    session.refresh(order).await?;
    assert_eq!(session.get::<Order>(3).await?, Some(order));
    session[order].text = "alive".into();
    assert_eq!(session.changes()?.to_string(), "update Order 3: text");
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn hooks_of_loads_run_for_members_too(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.listen_to(Hooks::<Order>::new().after_load(|order| order.text.push('!')));
    let address = session.one(Address::select().filter(Address::ID.eq(1)).with(Address::SHIPPED)).await?;
    session.load(&[address], Address::BILLED).await?;
    let members = session[address].shipped.to_vec();
    let texts: Vec<&str> = members.iter().map(|&order| &*session[order].text).collect();
    assert_eq!(texts, ["x!", "y!"], "each row once, though it was read twice");
    settled(&db, &mut session).await?;
    session.refresh(members[0]).await?;
    assert_eq!(session[members[0]].text, "x!");
    Ok(())
}
