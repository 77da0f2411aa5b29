//! What a flush makes of ordinary work: moves, replacements, values of all kinds, rows that are only keys.

use anyorm::prelude::*;
use anyorm::{Error, Json, Result, Schema, schema};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use crate::support::{elsewhere, sent, settled, stored};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    names_that_are_words_of_sql,
    text_of_all_languages_in_keys_and_values,
    equal_bytes_are_no_change,
    a_document_changed_in_place_is_written,
    none_is_null_and_null_is_a_document,
    rows_that_are_only_keys,
    zero_is_a_part_of_a_composite_key,
    two_children_move_in_opposite_directions,
    a_moved_child_is_changed_and_its_old_parent_deleted,
    a_child_changed_and_another_removed_in_one_flush,
    a_link_changes_to_new_to_none_and_back,
    a_target_and_who_refers_to_it_are_deleted,
    a_target_deleted_while_its_referrer_moves_on,
    parents_and_children_added_in_turn_are_two_batches,
    a_switched_parent_loses_the_child_that_does_not_come_back,
    a_switched_parent_gets_its_child_in_the_same_row,
    a_missing_row_among_several_updates_is_named,
    raw_keys_order_deletes_of_rows_read_apart,
    an_unloaded_link_is_replaced_without_a_read,
    a_value_set_to_its_default_is_written,
    updates_of_different_columns_are_batches_of_their_own,
    a_flush_after_each_add_is_the_same_as_one,
    a_child_with_two_parents_of_one_table,
    a_row_read_changed_and_deleted_by_two_handles_of_one_row,
    a_removed_orphan_is_given_back_before_the_flush,
    an_only_child_is_replaced_twice_before_a_flush,
    a_failed_unit_is_mended_piece_by_piece,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "order")]
struct Order {
    #[key(auto)]
    id: i64,
    group: String,
    #[column(name = "select")]
    chosen: i64,
    #[has_many(Where::FROM)]
    r#where: HasMany<Where>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "where")]
struct Where {
    #[key(auto)]
    id: i64,
    #[belongs_to(column = "references")]
    from: BelongsTo<Order>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "files")]
struct File {
    #[key]
    name: String,
    bytes: Vec<u8>,
    tree: Json<Vec<i64>>,
    maybe: Option<Json<Option<i64>>>,
    size: f64,
    hidden: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "ids")]
struct OnlyId {
    #[key(auto)]
    id: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "squares")]
struct Square {
    #[key]
    x: i32,
    #[key]
    y: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "folks")]
struct Folk {
    #[key]
    id: i64,
    name: String,
    age: Option<i64>,
    #[has_many(Pet::HOME)]
    pets: HasMany<Pet>,
    #[has_many(Pet::LENT)]
    lent: HasMany<Pet>,
    #[has_many(Toy::FOLK, delete_orphan)]
    toys: HasMany<Toy>,
    #[has_one(Card::FOLK, delete_orphan)]
    card: HasOne<Card>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "pets")]
struct Pet {
    #[key(auto)]
    id: i64,
    name: String,
    #[belongs_to]
    home: BelongsTo<Option<Folk>>,
    #[belongs_to]
    lent: BelongsTo<Option<Folk>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "toys")]
struct Toy {
    #[key]
    #[belongs_to]
    folk: BelongsTo<Folk>,
    #[key]
    number: i64,
    text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cards")]
struct Card {
    #[key(auto)]
    id: i64,
    text: String,
    #[belongs_to(unique)]
    folk: BelongsTo<Folk>,
}

fn all() -> Schema {
    schema![Order, Where, File, OnlyId, Square, Folk, Pet, Toy, Card]
}

async fn session(db: &Database) -> Result<Session> {
    db.engine.create_all(&all()).await?;
    db.log.clear();
    Ok(db.engine.session())
}

fn folk(id: i64) -> Folk {
    Folk { id, ..Folk::default() }
}

fn pet(name: &str, home: impl Into<BelongsTo<Option<Folk>>>) -> Pet {
    Pet { name: name.into(), home: home.into(), ..Pet::default() }
}

fn toy(number: i64, text: &str) -> Toy {
    Toy { number, text: text.into(), ..Toy::default() }
}

async fn pets(db: &Database) -> Result<Vec<(String, Option<i64>)>> {
    stored(db, "SELECT name, home_id FROM pets ORDER BY id").await
}

async fn toys(db: &Database) -> Result<Vec<(i64, i64, String)>> {
    stored(db, "SELECT folk_id, number, text FROM toys ORDER BY 1, 2").await
}

fn rows(expected: &[(&str, Option<i64>)]) -> Vec<(String, Option<i64>)> {
    expected.iter().map(|&(name, home)| (name.to_owned(), home)).collect()
}

/// Folk 1 and 2 with a pet each.
async fn two(db: &Database) -> Result<(Session, [Handle<Folk>; 2], [Handle<Pet>; 2])> {
    let mut session = session(db).await?;
    let folks = [1, 2].map(|id| session.add(folk(id)));
    let pets = [("cat", folks[0]), ("dog", folks[1])].map(|(name, home)| session.add(pet(name, home)));
    session.commit().await?;
    db.log.clear();
    Ok((session, folks, pets))
}

async fn names_that_are_words_of_sql(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let order = session.add(Order { group: "by".into(), chosen: 1, ..Order::default() });
    session[order].r#where.push(Where::default());
    session.commit().await?;
    session[order].group = "limit".into();
    session[order].chosen = 2;
    session.commit().await?;
    let found = session.all(Order::select().filter(Order::GROUP.eq("limit")).join(Order::WHERE)).await?;
    assert_eq!(found, [order]);
    session.execute(Order::update().set(Order::CHOSEN, Order::CHOSEN + 1).everything()).await?;
    assert_eq!(session[order].chosen, 3);
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn text_of_all_languages_in_keys_and_values(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let names = ["Straße", "北京", "👩‍🚀", "é", "e\u{301}", "a'b\"c;--", ""];
    for name in names {
        session.add(File { name: name.into(), ..File::default() });
    }
    session.commit().await?;
    let mut session = db.engine.session();
    for name in names {
        let file = session.get_one::<File>(name).await?;
        session[file].name.push('!');
    }
    session.commit().await?;
    let mut expected: Vec<String> = names.iter().map(|name| format!("{name}!")).collect();
    expected.sort_unstable();
    assert_eq!(stored::<String>(&db, "SELECT name FROM files ORDER BY name").await?, expected);
    settled(&db, &mut session).await
}

async fn equal_bytes_are_no_change(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let file = session.add(File { name: "a".into(), bytes: vec![0, 255, 7], ..File::default() });
    session.commit().await?;
    session[file].bytes = [0, 255, 7].to_vec();
    session[file].size = -0.0 + 0.0;
    settled(&db, &mut session).await?;
    session[file].bytes.push(0);
    assert_eq!(session.changes()?.to_string(), "update File \"a\": bytes");
    session.commit().await?;
    assert_eq!(stored::<Vec<u8>>(&db, "SELECT bytes FROM files").await?, [[0, 255, 7, 0]]);
    settled(&db, &mut session).await
}

async fn a_document_changed_in_place_is_written(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let file = session.add(File { name: "a".into(), tree: Json(vec![1, 2]), ..File::default() });
    session.commit().await?;
    session[file].tree.0.push(3);
    assert_eq!(session.changes()?.to_string(), "update File \"a\": tree");
    session.rollback().await?;
    assert_eq!(session[file].tree.0, [1, 2]);
    session[file].tree.0.push(4);
    session[file].tree.0.pop();
    settled(&db, &mut session).await
}

async fn none_is_null_and_null_is_a_document(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let file = session.add(File { name: "a".into(), maybe: Some(Json(None)), ..File::default() });
    session.commit().await?;
    assert_eq!(stored::<Option<String>>(&db, "SELECT maybe FROM files").await?, [Some("null".to_owned())]);
    session[file].maybe = None;
    session.commit().await?;
    assert_eq!(stored::<Option<String>>(&db, "SELECT maybe FROM files").await?, [None]);
    session[file].maybe = Some(Json(None));
    assert!(session.is_dirty());
    session.commit().await?;
    session.refresh(file).await?;
    assert_eq!(session[file].maybe, Some(Json(None)));
    settled(&db, &mut session).await
}

async fn rows_that_are_only_keys(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let ids = [0, 0, 7, 0].map(|id| session.add(OnlyId { id }));
    session.add_all([Square { x: 1, y: 2 }, Square { x: 1, y: 1 }]);
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    let last = if db.has(Capability::KeysFollowTheLargest) { 8 } else { 3 };
    assert_eq!(ids.map(|id| session[id].id), [1, 2, 7, last]);
    session.delete(ids[2]);
    let again = session.add(OnlyId { id: 7 });
    session.commit().await?;
    assert_eq!(session.get::<OnlyId>(7).await?, Some(again));
    assert_eq!(stored::<i64>(&db, "SELECT id FROM ids ORDER BY id <> 7, id").await?, [7, 1, 2, last]);
    settled(&db, &mut session).await
}

async fn zero_is_a_part_of_a_composite_key(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let zero = session.add(Square { x: 0, y: 0 });
    session.commit().await?;
    assert_eq!(session.get::<Square>((0, 0)).await?, Some(zero));
    session[zero].x = 5;
    session.commit().await?;
    session.delete(zero);
    session.add(Square { x: 0, y: 0 });
    session.commit().await?;
    assert_eq!(stored::<(i64, i64)>(&db, "SELECT x, y FROM squares").await?, [(0, 0)]);
    settled(&db, &mut session).await
}

async fn two_children_move_in_opposite_directions(db: Database) -> Result<()> {
    let (mut session, [one, two], [cat, dog]) = two(&db).await?;
    session[one].pets = vec![dog].into();
    session[two].pets = vec![cat].into();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE pets SET home_id = ? WHERE id = ? x2"]);
    assert_eq!(pets(&db).await?, rows(&[("cat", Some(2)), ("dog", Some(1))]));
    assert_eq!((session[cat].home.handle(), session[dog].home.handle()), (Some(two), Some(one)));
    settled(&db, &mut session).await
}

async fn a_moved_child_is_changed_and_its_old_parent_deleted(db: Database) -> Result<()> {
    let (mut session, [one, two], [cat, _]) = two(&db).await?;
    session[cat].name = "tom".into();
    session[one].pets.remove(cat);
    session[two].pets.push(cat);
    session.delete(one);
    session.commit().await?;
    assert_eq!(pets(&db).await?, rows(&[("tom", Some(2)), ("dog", Some(2))]));
    assert_eq!(session[two].pets.len(), 2);
    settled(&db, &mut session).await
}

async fn a_child_changed_and_another_removed_in_one_flush(db: Database) -> Result<()> {
    let (mut session, [one, _], [cat, dog]) = two(&db).await?;
    session[one].pets = vec![cat, dog].into();
    session.commit().await?;
    session[cat].name = "tom".into();
    session[one].pets = vec![cat].into();
    session[one].pets.push(pet("owl", BelongsTo::default()));
    session.commit().await?;
    assert_eq!(pets(&db).await?, rows(&[("tom", Some(1)), ("dog", None), ("owl", Some(1))]));
    assert!(session[dog].home.is_empty());
    settled(&db, &mut session).await
}

async fn a_link_changes_to_new_to_none_and_back(db: Database) -> Result<()> {
    let (mut session, [one, _], [cat, _]) = two(&db).await?;
    session[cat].home = folk(3).into();
    session.commit().await?;
    assert_eq!(session[cat].home.key(), Some(&3));
    session[cat].home = BelongsTo::default();
    session.commit().await?;
    assert_eq!(pets(&db).await?[0], ("cat".to_owned(), None));
    session[cat].home = one.into();
    session.commit().await?;
    assert_eq!(pets(&db).await?[0], ("cat".to_owned(), Some(1)));
    assert_eq!(session[one].pets.loaded(), Some(&[cat][..]));
    settled(&db, &mut session).await
}

async fn a_target_and_who_refers_to_it_are_deleted(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    // Nothing leads from one to the other in memory but the key.
    let one = session.get_one::<Folk>(1).await?;
    let cat = session.get_one::<Pet>(1).await?;
    session.delete(one);
    session.delete(cat);
    session.commit().await?;
    assert_eq!(pets(&db).await?, rows(&[("dog", Some(2))]));
    settled(&db, &mut session).await
}

async fn a_target_deleted_while_its_referrer_moves_on(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let cat = session.get_one::<Pet>(1).await?;
    let one = session.get_one::<Folk>(1).await?;
    session[cat].home = folk(9).into();
    session.delete(one);
    session.commit().await?;
    assert_eq!(pets(&db).await?, rows(&[("cat", Some(9)), ("dog", Some(2))]));
    assert_eq!(stored::<i64>(&db, "SELECT id FROM folks ORDER BY id").await?, [2, 9]);
    settled(&db, &mut session).await
}

async fn parents_and_children_added_in_turn_are_two_batches(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    for id in 1..=3 {
        let home = session.add(folk(id));
        session.add(pet("one", home));
        session.add(pet("two", home));
    }
    session.commit().await?;
    let sizes: Vec<String> = sent(&db).iter().map(|sql| sql[sql.len() - 2..].to_owned()).collect();
    assert_eq!(sizes, ["x3", "x6"], "{:?}", sent(&db));
    assert_eq!(
        stored::<Option<i64>>(&db, "SELECT home_id FROM pets ORDER BY id").await?,
        [1, 1, 2, 2, 3, 3].map(Some)
    );
    settled(&db, &mut session).await
}

async fn a_switched_parent_loses_the_child_that_does_not_come_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let old = session.add(Folk { toys: vec![toy(1, "a"), toy(2, "b")].into(), ..folk(1) });
    session.commit().await?;
    session.delete(old);
    session.add(Folk { name: "new".into(), ..folk(1) });
    session.commit().await?;
    assert!(toys(&db).await?.is_empty());
    assert_eq!(stored::<String>(&db, "SELECT name FROM folks").await?, ["new"]);
    settled(&db, &mut session).await
}

async fn a_switched_parent_gets_its_child_in_the_same_row(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let old = session.add(Folk { toys: vec![toy(1, "a"), toy(2, "b")].into(), ..folk(1) });
    session.commit().await?;
    session.delete(old);
    let new = session.add(Folk { toys: vec![toy(2, "B"), toy(3, "c")].into(), ..folk(1) });
    session.commit().await?;
    assert_eq!(toys(&db).await?, [(1, 2, "B".to_owned()), (1, 3, "c".to_owned())]);
    assert_eq!(session[new].toys.len(), 2);
    settled(&db, &mut session).await
}

async fn a_missing_row_among_several_updates_is_named(db: Database) -> Result<()> {
    let (mut session, [one, two], _) = two(&db).await?;
    let three = session.add(folk(3));
    session.commit().await?;
    elsewhere(&db, "DELETE FROM folks WHERE id = 3").await?;
    for folk in [three, one, two] {
        session[folk].name = "new".into();
    }
    let error = session.commit().await.unwrap_err();
    let Error::StaleData(stale) = &error else { panic!("{error}") };
    assert_eq!((stale.entity, &*stale.key, stale.expected, stale.matched), ("Folk", "3", 3, 2));
    session.recover().await?;
    session.detach(three);
    session.commit().await?;
    assert_eq!(stored::<String>(&db, "SELECT name FROM folks").await?, ["new", "new"]);
    settled(&db, &mut session).await
}

async fn raw_keys_order_deletes_of_rows_read_apart(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.add(Toy { folk: BelongsTo::to_key(1), ..toy(1, "a") });
    session.add(folk(1));
    session.commit().await?;
    let mut session = db.engine.session();
    let (one, toy) = (session.get_one::<Folk>(1).await?, session.get_one::<Toy>((1, 1)).await?);
    session.delete(one);
    session.delete(toy);
    session.commit().await?;
    assert_eq!(db.engine.count(Folk::select()).await?, 0);
    settled(&db, &mut session).await
}

async fn an_unloaded_link_is_replaced_without_a_read(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let cat = session.get_one::<Pet>(1).await?;
    session[cat].home = BelongsTo::to_key(2);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE pets SET home_id = ? WHERE id = ? x1"]);
    settled(&db, &mut session).await
}

async fn a_value_set_to_its_default_is_written(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let one = session.add(Folk { name: "Ann".into(), age: Some(0), ..folk(1) });
    let file = session.add(File { name: "a".into(), size: 1.5, hidden: true, ..File::default() });
    session.commit().await?;
    session[one].name.clear();
    session[one].age = None;
    (session[file].size, session[file].hidden) = (0.0, false);
    assert_eq!(session.changes()?.to_string(), "update File \"a\": size, hidden\nupdate Folk 1: name, age");
    session.commit().await?;
    assert_eq!(
        stored::<(String, Option<i64>)>(&db, "SELECT name, age FROM folks").await?,
        [(String::new(), None)]
    );
    assert_eq!(stored::<(f64, bool)>(&db, "SELECT size, hidden FROM files").await?, [(0.0, false)]);
    settled(&db, &mut session).await
}

async fn updates_of_different_columns_are_batches_of_their_own(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let folks = [4, 3, 2, 1].map(|id| session.add(folk(id)));
    session.commit().await?;
    for (index, &folk) in folks.iter().enumerate() {
        session[folk].name = "new".into();
        if index % 2 == 0 {
            session[folk].age = Some(1);
        }
    }
    db.log.clear();
    session.commit().await?;
    let mut statements = sent(&db);
    statements.sort_unstable();
    assert_eq!(
        statements,
        ["UPDATE folks SET name = ? WHERE id = ? x2", "UPDATE folks SET name = ?, age = ? WHERE id = ? x2"]
    );
    settled(&db, &mut session).await
}

async fn a_flush_after_each_add_is_the_same_as_one(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let one = session.add(folk(1));
    session.flush().await?;
    session[one].pets.push(pet("cat", BelongsTo::default()));
    session.flush().await?;
    session[one].toys.push(toy(1, "ball"));
    session.flush().await?;
    session[one].card.set(Card::default());
    session.flush().await?;
    session.flush().await?;
    session.commit().await?;
    assert_eq!(pets(&db).await?, rows(&[("cat", Some(1))]));
    assert_eq!(toys(&db).await?, [(1, 1, "ball".to_owned())]);
    assert_eq!(stored::<i64>(&db, "SELECT folk_id FROM cards").await?, [1]);
    settled(&db, &mut session).await
}

async fn a_child_with_two_parents_of_one_table(db: Database) -> Result<()> {
    let (mut session, [one, two], [cat, dog]) = two(&db).await?;
    session[two].lent.push(cat);
    session[dog].lent = one.into();
    session.commit().await?;
    assert_eq!(session[one].lent.loaded(), Some(&[dog][..]));
    session.delete(two);
    session.commit().await?;
    assert_eq!(
        stored::<(Option<i64>, Option<i64>)>(&db, "SELECT home_id, lent_id FROM pets ORDER BY id").await?,
        [(Some(1), None), (None, Some(1))]
    );
    assert!(session[cat].lent.is_empty() && session[dog].home.is_empty());
    settled(&db, &mut session).await
}

async fn a_row_read_changed_and_deleted_by_two_handles_of_one_row(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let by_key = session.get_one::<Folk>(1).await?;
    let by_link = session.one(Pet::select().filter(Pet::ID.eq(1)).with(Pet::HOME)).await?;
    let by_link = session[by_link].home.handle().expect("read along");
    session[by_key].name = "x".into();
    session.delete(by_link);
    session.delete(by_key);
    session.commit().await?;
    assert_eq!(pets(&db).await?, rows(&[("cat", None), ("dog", Some(2))]));
    settled(&db, &mut session).await
}

async fn a_removed_orphan_is_given_back_before_the_flush(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let one = session.add(Folk { toys: vec![toy(1, "a")].into(), card: Card::default().into(), ..folk(1) });
    session.commit().await?;
    let (own, card) =
        (session[one].toys.iter().next().copied().unwrap(), session[one].card.handle().unwrap());
    session[one].toys.remove(own);
    session[one].card.clear();
    assert_eq!(session.changes()?.to_string().matches("delete").count(), 2);
    session[one].toys.push(own);
    session[one].card.set(card);
    settled(&db, &mut session).await?;
    assert_eq!(toys(&db).await?.len(), 1);
    Ok(())
}

async fn an_only_child_is_replaced_twice_before_a_flush(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let card = |text: &str| Card { text: text.into(), ..Card::default() };
    let one = session.add(Folk { card: card("a").into(), ..folk(1) });
    session.commit().await?;
    session[one].card.set(card("b"));
    session[one].card.set(card("c"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(stored::<String>(&db, "SELECT text FROM cards").await?, ["c"]);
    settled(&db, &mut session).await
}

async fn a_failed_unit_is_mended_piece_by_piece(db: Database) -> Result<()> {
    let (mut session, [one, _], [cat, _]) = two(&db).await?;
    let bad = session.add(pet("owl", BelongsTo::to_key(77)));
    session[cat].home = BelongsTo::to_key(88);
    session[one].name = "kept".into();
    for mended in [bad, cat] {
        let error = session.commit().await.unwrap_err();
        assert!(error.constraint().is_some_and(|broken| broken.columns == ["home_id"]), "{error}");
        session.recover().await?;
        session[mended].home = one.into();
    }
    session.commit().await?;
    assert_eq!(pets(&db).await?, rows(&[("cat", Some(1)), ("dog", Some(2)), ("owl", Some(1))]));
    assert_eq!(session[one].pets.len(), 2);
    settled(&db, &mut session).await
}
