//! Values that leave a session and come back by `merge`: graphs, keys of several columns, orphans, and rows that changed.

use anyorm::prelude::*;
use anyorm::{Error, Result, Schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, keys_of, sent, settled};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_value_detached_and_merged_again_is_no_change,
    merging_twice_before_the_flush_is_the_last_value,
    merging_a_new_value_twice_is_two_rows,
    a_pending_entity_with_a_given_key_is_merged_onto,
    a_change_that_is_pending_is_overwritten_by_the_value,
    an_entity_that_is_being_deleted_refuses_the_value,
    a_row_that_was_deleted_elsewhere_is_inserted_again,
    a_link_by_key_needs_no_row_in_the_session,
    a_link_that_is_empty_empties_it,
    one_row_twice_in_a_graph_is_one_entity,
    a_tree_is_merged_with_its_branches,
    a_list_that_lacks_a_member_makes_it_an_orphan,
    a_list_that_is_empty_but_set_removes_all,
    a_composite_key_is_found_by_all_of_its_columns,
    a_text_key_is_found,
    a_one_to_one_of_the_same_key_is_changed_in_place,
    rollback_undoes_a_merge,
    a_merge_reads_what_an_autoflush_wrote,
    a_merged_list_is_put_in_the_order_of_the_value,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "boards")]
struct Board {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Card::BOARD, delete_orphan, position = Card::PLACE)]
    cards: HasMany<Card>,
    #[has_one(Cover::BOARD, delete_orphan)]
    cover: HasOne<Cover>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cards")]
struct Card {
    #[key(auto)]
    id: i64,
    text: String,
    place: i64,
    #[belongs_to]
    board: BelongsTo<Option<Board>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "covers")]
struct Cover {
    #[key(auto)]
    id: i64,
    color: String,
    #[belongs_to(unique)]
    board: BelongsTo<Board>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "seats")]
struct Seat {
    #[key]
    row: i32,
    #[key]
    place: i32,
    guest: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "countries")]
struct Country {
    #[key]
    code: String,
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "nodes")]
struct Node {
    #[key(auto)]
    id: i64,
    name: String,
    #[belongs_to]
    parent: BelongsTo<Option<Node>>,
    #[has_many(Node::PARENT)]
    children: HasMany<Node>,
}

fn all() -> Schema {
    schema![Board, Card, Cover, Seat, Country, Node]
}

/// A board with the cards 1 and 2 and a cover, and a second one without.
async fn stored(db: &Database) -> Result<Session> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO boards VALUES (1, 'one'), (2, 'two')").await?;
    elsewhere(db, "INSERT INTO cards VALUES (1, 'a', 0, 1), (2, 'b', 1, 1)").await?;
    elsewhere(db, "INSERT INTO covers VALUES (1, 'red', 1)").await?;
    elsewhere(db, "INSERT INTO seats VALUES (1, 1, 'Ada'), (1, 2, NULL), (2, 1, NULL)").await?;
    elsewhere(db, "INSERT INTO countries VALUES ('at', 'Austria')").await?;
    elsewhere(db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1), (3, 'b', 1)").await?;
    db.engine.advance_keys(&all()).await?;
    db.log.clear();
    Ok(db.engine.session())
}

fn board(name: &str) -> Board {
    Board { id: 1, name: name.into(), ..Board::default() }
}

fn card(id: i64, text: &str) -> Card {
    Card { id, text: text.into(), ..Card::default() }
}

async fn a_value_detached_and_merged_again_is_no_change(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let read = session.get_one::<Card>(1).await?;
    let value = session.detach(read);
    let merged = session.merge(value).await?;
    assert_ne!(merged, read, "another handle");
    settled(&db, &mut session).await
}

async fn merging_twice_before_the_flush_is_the_last_value(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.set_autoflush(false);
    let first = session.merge(board("x")).await?;
    db.log.clear();
    assert_eq!(session.merge(board("y")).await?, first);
    assert_eq!(db.log.hops(), 0, "the session has it");
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE boards SET name = ? WHERE id = ? x1"]);
    assert_eq!(session[first].name, "y");
    settled(&db, &mut session).await
}

async fn merging_a_new_value_twice_is_two_rows(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let value = card(0, "n");
    let one = session.merge(value.clone()).await?;
    let two = session.merge(value).await?;
    assert_ne!(one, two);
    session.commit().await?;
    assert_eq!(keys_of(&db, "cards").await?, [1, 2, 3, 4]);
    settled(&db, &mut session).await
}

async fn a_pending_entity_with_a_given_key_is_merged_onto(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let pending = session.add(Country { code: "de".into(), name: "x".into() });
    let merged = session.merge(Country { code: "de".into(), name: "Germany".into() }).await?;
    assert_eq!(merged, pending);
    session.commit().await?;
    assert_eq!(session[pending].name, "Germany");
    assert_eq!(db.engine.count(Country::select()).await?, 2);
    settled(&db, &mut session).await
}

async fn a_change_that_is_pending_is_overwritten_by_the_value(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.set_autoflush(false);
    let one = session.get_one::<Board>(1).await?;
    session[one].name = "mine".into();
    session.merge(board("one")).await?;
    settled(&db, &mut session).await?;
    assert_eq!(session[one].name, "one", "as it was stored");
    Ok(())
}

async fn an_entity_that_is_being_deleted_refuses_the_value(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let at = session.get_one::<Country>("at").await?;
    session.delete(at);
    let value = Country { code: "at".into(), name: "x".into() };
    session.set_autoflush(false);
    let error = session.merge(value.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Flush(_)), "{error}");
    assert!(error.to_string().contains("Country \"at\""), "{error}");
    session.set_autoflush(true);
    let new = session.merge(value).await?;
    assert_ne!(new, at, "the autoflush deleted the row, so it is a new one");
    session.commit().await?;
    assert_eq!(session[new].name, "x");
    assert_eq!(db.engine.count(Country::select()).await?, 1);
    settled(&db, &mut session).await
}

async fn a_row_that_was_deleted_elsewhere_is_inserted_again(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let read = session.get_one::<Country>("at").await?;
    let value = session.detach(read);
    elsewhere(&db, "DELETE FROM countries").await?;
    session.merge(value).await?;
    assert_eq!(session.changes()?.to_string(), "insert Country \"at\": code, name");
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn a_link_by_key_needs_no_row_in_the_session(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let value = Card { place: 0, board: BelongsTo::to_key(2), ..card(1, "a") };
    let merged = session.merge(value).await?;
    assert_eq!(sent(&db).len(), 1, "one card is read, and no board");
    assert_eq!(session.changes()?.to_string(), "update Card 1: board_id");
    session.commit().await?;
    assert_eq!(session[merged].board.key(), Some(&2));
    settled(&db, &mut session).await
}

async fn a_link_that_is_empty_empties_it(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.merge(Node { id: 2, name: "a".into(), ..Node::default() }).await?;
    assert_eq!(session.changes()?.to_string(), "update Node 2: parent_id");
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn one_row_twice_in_a_graph_is_one_entity(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.set_autoflush(false);
    let parent = || Node { id: 1, name: "ROOT".into(), ..Node::default() };
    let child = |id, name: &str| Node { id, name: name.into(), parent: parent().into(), ..Node::default() };
    let a = session.merge(child(2, "a")).await?;
    let b = session.merge(child(3, "b")).await?;
    assert_eq!(session[a].parent.handle(), session[b].parent.handle());
    assert_eq!(session.changes()?.to_string(), "update Node 1: name");
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn a_tree_is_merged_with_its_branches(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let leaf = Node { name: "leaf".into(), ..Node::default() };
    let a = Node { id: 2, name: "A".into(), children: vec![leaf].into(), ..Node::default() };
    let b = Node { id: 3, name: "b".into(), ..Node::default() };
    let root = session
        .merge(Node { id: 1, name: "root".into(), children: vec![b, a].into(), ..Node::default() })
        .await?;
    session.commit().await?;
    let query = Node::select().order_by(Node::ID).columns((Node::NAME, Node::PARENT_ID));
    let rows = db.engine.all(query).await?;
    let expected = [("root", None), ("A", Some(1)), ("b", Some(1)), ("leaf", Some(2))];
    assert_eq!(rows, expected.map(|(name, parent)| (name.to_owned(), parent)));
    assert_eq!(session[root].children.len(), 2);
    settled(&db, &mut session).await
}

async fn a_list_that_lacks_a_member_makes_it_an_orphan(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let value = Board { cards: vec![card(2, "B"), card(0, "n")].into(), ..board("one") };
    let one = session.merge(value).await?;
    session.commit().await?;
    assert_eq!(keys_of(&db, "cards").await?, [2, 3]);
    let texts: Vec<&str> = session[one].cards.iter().map(|&card| &*session[card].text).collect();
    assert_eq!(texts, ["B", "n"]);
    assert_eq!(keys_of(&db, "covers").await?, [1], "the cover was not set");
    settled(&db, &mut session).await
}

async fn a_list_that_is_empty_but_set_removes_all(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.merge(Board { cards: Vec::<Card>::new().into(), ..board("one") }).await?;
    session.commit().await?;
    assert_eq!(keys_of(&db, "cards").await?, [0; 0]);
    settled(&db, &mut session).await
}

async fn a_composite_key_is_found_by_all_of_its_columns(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.set_autoflush(false);
    let known = session.get_one::<Seat>((1, 2)).await?;
    let guest = Some("Bob".to_owned());
    assert_eq!(session.merge(Seat { row: 1, place: 2, guest: guest.clone() }).await?, known);
    session.merge(Seat { row: 2, place: 1, guest: guest.clone() }).await?;
    session.merge(Seat { row: 2, place: 2, guest }).await?;
    assert_eq!(
        session.changes()?.to_string(),
        "insert Seat (2, 2): row, place, guest\nupdate Seat (1, 2): guest\nupdate Seat (2, 1): guest"
    );
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn a_text_key_is_found(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let at = session.merge(Country { code: "at".into(), name: "Österreich".into() }).await?;
    session.commit().await?;
    assert_eq!(session.get::<Country>("at").await?, Some(at));
    assert_eq!(db.engine.count(Country::select()).await?, 1);
    settled(&db, &mut session).await
}

async fn a_one_to_one_of_the_same_key_is_changed_in_place(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let cover = Cover { id: 1, color: "blue".into(), ..Cover::default() };
    let one = session.merge(Board { cover: cover.into(), ..board("one") }).await?;
    db.log.clear();
    session.commit().await?;
    assert!(sent(&db).contains(&"UPDATE covers SET color = ? WHERE id = ? x1".to_owned()), "{:?}", sent(&db));
    assert_eq!(keys_of(&db, "covers").await?, [1]);
    let cover = session[one].cover.handle().expect("it is there");
    assert_eq!((&*session[cover].color, session[cover].board.handle()), ("blue", Some(one)));
    settled(&db, &mut session).await
}

async fn rollback_undoes_a_merge(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let one = session.one(Board::select().filter(Board::ID.eq(1)).with(Board::CARDS)).await?;
    let cards = session[one].cards.to_vec();
    session.merge(Board { cards: vec![card(0, "n")].into(), ..board("x") }).await?;
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session[one].name, "one");
    assert_eq!(session[one].cards.loaded(), Some(&cards[..]));
    assert_eq!(keys_of(&db, "cards").await?, [1, 2]);
    settled(&db, &mut session).await
}

async fn a_merge_reads_what_an_autoflush_wrote(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let new = session.add(card(0, "n"));
    session.flush().await?;
    let id = session[new].id;
    assert_eq!(session.merge(card(id, "N")).await?, new);
    session.commit().await?;
    assert_eq!(session[new].text, "N");
    assert_eq!(keys_of(&db, "cards").await?, [1, 2, 3]);
    settled(&db, &mut session).await
}

async fn a_merged_list_is_put_in_the_order_of_the_value(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let cards = vec![card(2, "b"), card(0, "n"), card(1, "a")];
    session.merge(Board { cards: cards.into(), ..board("one") }).await?;
    session.commit().await?;
    let query = Card::select().order_by(Card::PLACE).columns((Card::TEXT, Card::PLACE));
    let rows = db.engine.all(query).await?;
    assert_eq!(rows, [("b", 0), ("n", 1), ("a", 2)].map(|(text, place)| (text.to_owned(), place)));
    settled(&db, &mut session).await
}
