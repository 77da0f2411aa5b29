//! Collections in an order: by columns of their members, and by a place that the flush keeps.

use anyorm::prelude::*;
use anyorm::{Result, Schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, panic_of, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    loaded_members_come_in_order,
    members_by_pairs_come_in_order,
    new_members_are_numbered_in_their_order,
    only_places_that_changed_are_written,
    members_can_be_moved_inserted_and_swapped,
    a_removal_closes_the_gap,
    what_is_pushed_unread_comes_last,
    who_joins_by_its_own_link_comes_last,
    who_joins_one_that_is_not_loaded_keeps_its_place,
    a_move_between_lists_numbers_both,
    a_list_sorted_by_its_entities_is_stored_so,
    rollback_restores_the_order,
    one_that_is_not_loaded_cannot_be_reordered,
    a_place_may_be_an_option,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "lists")]
struct List {
    #[key(auto)]
    id: i64,
    #[has_many(Item::LIST, position = Item::PLACE)]
    items: HasMany<Item>,
    #[has_many(Note::LIST, order_by(Note::RANK.desc(), Note::TEXT))]
    notes: HasMany<Note>,
    #[many_to_many(through = "list_labels", order_by = Label::NAME)]
    labels: ManyToMany<Label>,
    #[has_many(Card::LIST, delete_orphan, position = Card::PLACE)]
    cards: HasMany<Card>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "items")]
struct Item {
    #[key(auto)]
    id: i64,
    text: String,
    place: i64,
    #[belongs_to]
    list: BelongsTo<Option<List>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "notes")]
struct Note {
    #[key(auto)]
    id: i64,
    text: String,
    rank: i32,
    #[belongs_to]
    list: BelongsTo<List>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "labels")]
struct Label {
    #[key(auto)]
    id: i64,
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cards")]
struct Card {
    #[key(auto)]
    id: i64,
    place: Option<i32>,
    #[belongs_to]
    list: BelongsTo<List>,
}

fn all() -> Schema {
    schema![List, Item, Note, Label, Card]
}

/// Two lists; the first has b, a and c in this order.
async fn two(db: &Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO lists VALUES (1), (2)").await?;
    elsewhere(db, "INSERT INTO items VALUES (1, 'a', 1, 1), (2, 'b', 0, 1), (3, 'c', 2, 1)").await?;
    db.engine.advance_keys(&all()).await
}

async fn items(db: &Database, list: i64) -> Result<Vec<(String, i64)>> {
    let items = Item::select().filter(Item::LIST_ID.eq(list)).order_by((Item::PLACE, Item::ID));
    db.engine.all(items.columns((Item::TEXT, Item::PLACE))).await
}

fn rows(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|&(text, place)| (text.to_owned(), place)).collect()
}

async fn first(session: &mut Session) -> Result<Handle<List>> {
    session.one(List::select().filter(List::ID.eq(1)).with(List::ITEMS)).await
}

fn texts(session: &Session, list: Handle<List>) -> String {
    session[list].items.iter().map(|&item| session[item].text.as_str()).collect()
}

fn item(text: &str) -> Item {
    Item { text: text.into(), ..Item::default() }
}

async fn loaded_members_come_in_order(db: Database) -> Result<()> {
    two(&db).await?;
    elsewhere(&db, "INSERT INTO notes VALUES (1, 'z', 1, 1), (2, 'y', 5, 1), (3, 'a', 1, 1)").await?;
    let mut session = db.engine.session();
    let list = first(&mut session).await?;
    assert_eq!(texts(&session, list), "bac");
    db.log.clear();
    session.load(&[list], List::NOTES).await?;
    assert_eq!(
        sent(&db),
        ["SELECT id, text, rank, list_id FROM notes WHERE list_id IN (..) ORDER BY rank DESC, text, id x1"]
    );
    let ids: Vec<i64> = session[list].notes.iter().map(|&note| session[note].id).collect();
    assert_eq!(ids, [2, 3, 1]);
    Ok(())
}

async fn members_by_pairs_come_in_order(db: Database) -> Result<()> {
    two(&db).await?;
    elsewhere(&db, "INSERT INTO labels VALUES (1, 'z'), (2, 'm'), (3, 'a')").await?;
    elsewhere(&db, "INSERT INTO list_labels VALUES (1, 1), (1, 2), (1, 3), (2, 3), (2, 1)").await?;
    let mut session = db.engine.session();
    let lists = session.all(List::select().order_by(List::ID).with(List::LABELS)).await?;
    let ids = |list: Handle<List>| -> Vec<i64> {
        session[list].labels.iter().map(|&label| session[label].id).collect()
    };
    assert_eq!((ids(lists[0]), ids(lists[1])), (vec![3, 2, 1], vec![3, 1]));
    Ok(())
}

async fn new_members_are_numbered_in_their_order(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let list = session.add(List { items: vec![item("x"), item("y")].into(), ..List::default() });
    session[list].items.push(item("z"));
    session.commit().await?;
    assert_eq!(items(&db, 1).await?, rows(&[("x", 0), ("y", 1), ("z", 2)]));
    let last = session[list].items.last().expect("three");
    assert_eq!(session[last].place, 2, "in memory too");
    assert!(!session.is_dirty());
    Ok(())
}

async fn only_places_that_changed_are_written(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let list = first(&mut session).await?;
    session[list].items.swap(0, 1);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE items SET place = ? WHERE id = ? x2"]);
    assert_eq!(items(&db, 1).await?, rows(&[("a", 0), ("b", 1), ("c", 2)]));
    session[list].items.swap(0, 0);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), [""; 0], "the same order");
    Ok(())
}

async fn members_can_be_moved_inserted_and_swapped(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let list = first(&mut session).await?;
    let last = session[list].items.last().expect("three");
    session[list].items.insert(0, last);
    assert_eq!(texts(&session, list), "cba");
    let new = session.add(item("n"));
    session[list].items.insert(1, new);
    session[list].items.swap(2, 3);
    assert_eq!(texts(&session, list), "cnab");
    session[list].items.reverse();
    assert_eq!(session[list].items.index_of(new), Some(2));
    session.commit().await?;
    assert_eq!(items(&db, 1).await?, rows(&[("b", 0), ("a", 1), ("n", 2), ("c", 3)]));
    let mut fresh = db.engine.session();
    let list = first(&mut fresh).await?;
    assert_eq!(texts(&fresh, list), "banc");
    Ok(())
}

async fn a_removal_closes_the_gap(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let list = first(&mut session).await?;
    session[list].items.remove_at(0);
    session.commit().await?;
    assert_eq!(items(&db, 1).await?, rows(&[("a", 0), ("c", 1)]));
    let list = session.add(List { cards: vec![Card::default(), Card::default()].into(), ..List::default() });
    session.flush().await?;
    session[list].cards.remove_at(0);
    session.commit().await?;
    let cards = db.engine.all(Card::select().columns((Card::ID, Card::PLACE))).await?;
    assert_eq!(cards, [(2, Some(0))], "the orphan was deleted");
    Ok(())
}

async fn what_is_pushed_unread_comes_last(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let list = session.get_one::<List>(1).await?;
    session[list].items.push(item("n"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 2, "the others are read to know their end");
    assert_eq!(items(&db, 1).await?, rows(&[("b", 0), ("a", 1), ("c", 2), ("n", 3)]));
    assert_eq!(texts(&session, list), "bacn");
    Ok(())
}

async fn who_joins_by_its_own_link_comes_last(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let list = first(&mut session).await?;
    let n = session.add(Item { text: "n".into(), list: list.into(), ..Item::default() });
    let m = session.add(Item { text: "m".into(), list: list.into(), ..Item::default() });
    session.commit().await?;
    assert_eq!((session[n].place, session[m].place), (3, 4));
    assert_eq!(texts(&session, list), "bacnm");
    assert_eq!(items(&db, 1).await?, rows(&[("b", 0), ("a", 1), ("c", 2), ("n", 3), ("m", 4)]));
    Ok(())
}

async fn who_joins_one_that_is_not_loaded_keeps_its_place(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    session.add(Item { text: "n".into(), place: 7, list: BelongsTo::to_key(1), ..Item::default() });
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1, "nothing is read for a link");
    assert_eq!(items(&db, 1).await?, rows(&[("b", 0), ("a", 1), ("c", 2), ("n", 7)]));
    Ok(())
}

async fn a_move_between_lists_numbers_both(db: Database) -> Result<()> {
    two(&db).await?;
    elsewhere(&db, "INSERT INTO items VALUES (4, 'd', 0, 2), (5, 'e', 1, 2)").await?;
    let mut session = db.engine.session();
    let lists = session.all(List::select().order_by(List::ID).with(List::ITEMS)).await?;
    let moved = session[lists[0]].items.remove_at(0);
    session[lists[1]].items.insert(1, moved);
    session.commit().await?;
    assert_eq!(items(&db, 1).await?, rows(&[("a", 0), ("c", 1)]));
    assert_eq!(items(&db, 2).await?, rows(&[("d", 0), ("b", 1), ("e", 2)]));
    Ok(())
}

async fn a_list_sorted_by_its_entities_is_stored_so(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let list = first(&mut session).await?;
    let mut sorted = session[list].items.to_vec();
    sorted.sort_by_key(|&item| std::cmp::Reverse(session[item].text.clone()));
    session[list].items.reorder(&sorted);
    session.commit().await?;
    assert_eq!(items(&db, 1).await?, rows(&[("c", 0), ("b", 1), ("a", 2)]));
    sorted.reverse();
    session[list].items = sorted.into();
    session.commit().await?;
    assert_eq!(items(&db, 1).await?, rows(&[("a", 0), ("b", 1), ("c", 2)]));
    Ok(())
}

async fn rollback_restores_the_order(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let list = first(&mut session).await?;
    session[list].items.reverse();
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(texts(&session, list), "bac");
    assert!(!session.is_dirty());
    session[list].items.reverse();
    session.changes()?;
    session.rollback().await?;
    assert_eq!(texts(&session, list), "bac");
    assert!(session[list].items.iter().enumerate().all(|(at, &item)| session[item].place == at as i64));
    Ok(())
}

async fn one_that_is_not_loaded_cannot_be_reordered(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let list = session.get_one::<List>(1).await?;
    let message = panic_of(|| session[list].items.swap(0, 1));
    assert!(message.contains("this collection of Item is not loaded"), "{message}");
    let loaded = first(&mut session).await?;
    let item = session[loaded].items.first().expect("three");
    let message = panic_of(|| session[loaded].items.insert(3, item));
    assert!(message.contains("a place beyond the end: 3 of a collection of 2"), "{message}");
    Ok(())
}

async fn a_place_may_be_an_option(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let list = session.add(List { cards: vec![Card::default(), Card::default()].into(), ..List::default() });
    session.commit().await?;
    let places: Vec<Option<i32>> = session[list].cards.iter().map(|&card| session[card].place).collect();
    assert_eq!(places, [Some(0), Some(1)]);
    Ok(())
}
