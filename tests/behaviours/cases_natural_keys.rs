//! Keys that the program gives: renamed rows, what refers to them, and keys made of links.

use anyorm::prelude::*;
use anyorm::{Error, Result, Schema, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent, settled, stored};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_renamed_parent_keeps_its_loaded_members_and_lets_them_go,
    a_parent_renamed_through_its_child_moves_all_children,
    parent_and_child_are_renamed_in_one_flush,
    both_ends_of_pairs_are_renamed_while_pairs_change,
    a_one_to_one_follows_the_renamed_owner,
    a_renamed_root_keeps_its_tree,
    every_node_of_a_tree_is_renamed_at_once,
    a_key_that_holds_the_parents_key_moves_with_it,
    a_key_that_holds_the_parents_key_moves_to_another_parent,
    a_parent_switched_for_a_new_one_keeps_the_child_of_its_key,
    two_keys_that_swap_are_a_circle,
    a_key_changed_and_put_back_is_no_change,
    a_key_changed_in_two_flushes_rolls_back_to_the_first,
    a_row_takes_the_key_of_a_deleted_one,
    a_rename_of_a_row_that_went_elsewhere_is_stale,
    a_tracked_plain_key_column_follows_a_unique_column,
    a_renamed_row_takes_a_new_child_in_the_same_flush,
    a_rename_and_a_delete_of_the_same_row_is_one_delete,
    a_savepoint_takes_a_rename_and_its_followers_back,
    a_dropped_rename_is_the_same_as_none,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "persons")]
struct Person {
    #[key]
    name: String,
    full: String,
    #[has_many(Mail::PERSON)]
    mails: HasMany<Mail>,
    #[has_one(Pass::PERSON)]
    pass: HasOne<Pass>,
    #[many_to_many(through = "person_items")]
    items: ManyToMany<Item>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "mails")]
struct Mail {
    #[key]
    address: String,
    note: String,
    #[belongs_to]
    person: BelongsTo<Option<Person>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "passes")]
struct Pass {
    #[key(auto)]
    id: i64,
    #[belongs_to(unique)]
    person: BelongsTo<Option<Person>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "items")]
struct Item {
    #[key]
    code: String,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "branches")]
struct Branch {
    #[key]
    name: String,
    #[belongs_to]
    parent: BelongsTo<Option<Branch>>,
    #[has_many(Branch::PARENT)]
    children: HasMany<Branch>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "houses")]
struct House {
    #[key]
    street: String,
    #[column(unique)]
    owner: String,
    #[has_many(Flat::HOUSE)]
    flats: HasMany<Flat>,
}

/// Its key has the key of its house.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "flats")]
struct Flat {
    #[key]
    #[belongs_to]
    house: BelongsTo<House>,
    #[key]
    number: i32,
    #[column(references = House::OWNER)]
    rented_by: Option<String>,
}

fn all() -> Schema {
    schema![Person, Mail, Pass, Item, Branch, House, Flat]
}

fn person(name: &str) -> Person {
    Person { name: name.into(), ..Person::default() }
}

fn mail(address: &str) -> Mail {
    Mail { address: address.into(), ..Mail::default() }
}

fn item(code: &str) -> Item {
    Item { code: code.into() }
}

fn branch(name: &str, parent: impl Into<BelongsTo<Option<Branch>>>) -> Branch {
    Branch { name: name.into(), parent: parent.into(), ..Branch::default() }
}

async fn session(db: &Database) -> Result<Session> {
    db.engine.create_all(&all()).await?;
    Ok(db.engine.session())
}

/// Jack with two mails.
async fn jack(db: &Database) -> Result<(Session, Handle<Person>, [Handle<Mail>; 2])> {
    let mut session = session(db).await?;
    let jack = session.add(person("jack"));
    let mails = ["j1", "j2"].map(|address| session.add(Mail { person: jack.into(), ..mail(address) }));
    session.commit().await?;
    db.log.clear();
    Ok((session, jack, mails))
}

async fn mails(db: &Database) -> Result<Vec<(String, Option<String>)>> {
    stored(db, "SELECT address, person_id FROM mails ORDER BY address").await
}

fn rows(expected: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    expected.iter().map(|&(one, other)| (one.to_owned(), other.map(Into::into))).collect()
}

async fn a_renamed_parent_keeps_its_loaded_members_and_lets_them_go(db: Database) -> Result<()> {
    let (mut session, jack, [one, two]) = jack(&db).await?;
    session[jack].name = "ed".into();
    session.commit().await?;
    assert_eq!(mails(&db).await?, rows(&[("j1", Some("ed")), ("j2", Some("ed"))]));
    assert!([one, two].iter().all(|&mail| session[mail].person.key().is_some_and(|key| key == "ed")));
    settled(&db, &mut session).await?;
    // Renamed again and emptied in one flush.
    session[jack].name = "fred".into();
    session[jack].mails.remove(one);
    session.commit().await?;
    assert_eq!(mails(&db).await?, rows(&[("j1", None), ("j2", Some("fred"))]));
    session.delete(jack);
    session.commit().await?;
    assert_eq!(mails(&db).await?, rows(&[("j1", None), ("j2", None)]));
    assert!(session[two].person.is_empty());
    settled(&db, &mut session).await
}

async fn a_parent_renamed_through_its_child_moves_all_children(db: Database) -> Result<()> {
    jack(&db).await?;
    let mut session = db.engine.session();
    let found = session.all(Mail::select().order_by(Mail::ADDRESS).with(Mail::PERSON)).await?;
    let jack = session[found[0]].person.handle().expect("read along");
    assert_eq!(session[found[1]].person.handle(), Some(jack));
    session[jack].name = "ed".into();
    session[found[0]].note = "first".into();
    session.commit().await?;
    for mail in found {
        assert_eq!(
            (session[mail].person.handle(), &**session[mail].person.key().unwrap()),
            (Some(jack), "ed")
        );
    }
    assert_eq!(session.get::<Person>("ed").await?, Some(jack));
    assert_eq!(mails(&db).await?, rows(&[("j1", Some("ed")), ("j2", Some("ed"))]));
    settled(&db, &mut session).await
}

async fn parent_and_child_are_renamed_in_one_flush(db: Database) -> Result<()> {
    let (mut session, jack, [one, _]) = jack(&db).await?;
    session[jack].name = "ed".into();
    session[one].address = "e1".into();
    session.commit().await?;
    assert_eq!(mails(&db).await?, rows(&[("e1", Some("ed")), ("j2", Some("ed"))]));
    db.log.clear();
    assert_eq!(session.get::<Mail>("e1").await?, Some(one));
    assert_eq!(db.log.hops(), 0);
    assert_eq!(session.get::<Mail>("j1").await?, None);
    assert_eq!(session[jack].mails.loaded().map(<[_]>::len), Some(2));
    settled(&db, &mut session).await
}

async fn both_ends_of_pairs_are_renamed_while_pairs_change(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let jack = session.add(person("jack"));
    let [hat, cup, pen] = ["hat", "cup", "pen"].map(|code| session.add(item(code)));
    session[jack].items = vec![hat, cup].into();
    session.commit().await?;
    session[jack].name = "ed".into();
    session[hat].code = "cap".into();
    session[jack].items.remove(cup);
    session[jack].items.push(pen);
    session.commit().await?;
    let pairs =
        stored::<(String, String)>(&db, "SELECT person_id, item_id FROM person_items ORDER BY 2").await?;
    assert_eq!(pairs, [("ed", "cap"), ("ed", "pen")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    session[jack].items.clear();
    session.commit().await?;
    assert_eq!(stored::<i64>(&db, "SELECT count(*) FROM person_items").await?, [0]);
    settled(&db, &mut session).await
}

async fn a_one_to_one_follows_the_renamed_owner(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let jack = session.add(Person { pass: Pass::default().into(), ..person("jack") });
    session.commit().await?;
    let pass = session[jack].pass.handle().expect("taken in");
    session[jack].name = "ed".into();
    session.commit().await?;
    assert_eq!(session[pass].person.key().map(String::as_str), Some("ed"));
    assert_eq!(stored::<Option<String>>(&db, "SELECT person_id FROM passes").await?, [Some("ed".to_owned())]);
    session[jack].name = "fred".into();
    session[jack].pass.set(Pass::default());
    session.commit().await?;
    let owners = stored::<Option<String>>(&db, "SELECT person_id FROM passes ORDER BY id").await?;
    assert_eq!(owners, [None, Some("fred".to_owned())]);
    settled(&db, &mut session).await
}

async fn a_renamed_root_keeps_its_tree(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let root = session.add(branch("root", BelongsTo::default()));
    let left = session.add(branch("left", root));
    let leaf = session.add(branch("leaf", left));
    session.commit().await?;
    session[root].name = "trunk".into();
    session.commit().await?;
    assert_eq!(session[left].parent.key().map(String::as_str), Some("trunk"));
    session[left].name = "right".into();
    session[leaf].parent = root.into();
    session.commit().await?;
    let tree =
        stored::<(String, Option<String>)>(&db, "SELECT name, parent_id FROM branches ORDER BY name").await?;
    assert_eq!(tree, rows(&[("leaf", Some("trunk")), ("right", Some("trunk")), ("trunk", None)]));
    assert!(session[left].children.is_empty());
    settled(&db, &mut session).await
}

async fn every_node_of_a_tree_is_renamed_at_once(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let root = session.add(branch("a", BelongsTo::default()));
    let middle = session.add(branch("b", root));
    let leaf = session.add(branch("c", middle));
    session.commit().await?;
    for (node, name) in [(leaf, "z"), (root, "x"), (middle, "y")] {
        session[node].name = name.into();
    }
    session.commit().await?;
    let tree =
        stored::<(String, Option<String>)>(&db, "SELECT name, parent_id FROM branches ORDER BY name").await?;
    assert_eq!(tree, rows(&[("x", None), ("y", Some("x")), ("z", Some("y"))]));
    assert_eq!(session[leaf].parent.key().map(String::as_str), Some("y"));
    assert_eq!(session.get::<Branch>("y").await?, Some(middle));
    settled(&db, &mut session).await
}

fn house(street: &str, owner: &str) -> House {
    House { street: street.into(), owner: owner.into(), ..House::default() }
}

async fn flats(db: &Database) -> Result<Vec<(String, i64, Option<String>)>> {
    stored(db, "SELECT house_id, number, rented_by FROM flats ORDER BY house_id, number").await
}

async fn a_key_that_holds_the_parents_key_moves_with_it(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let elm = session.add(house("elm", "Ann"));
    let first = session.add(Flat { house: elm.into(), number: 1, ..Flat::default() });
    session.commit().await?;
    session[elm].street = "oak".into();
    session.commit().await?;
    db.log.clear();
    assert_eq!(session.get::<Flat>(("oak", 1)).await?, Some(first));
    assert_eq!(db.log.hops(), 0);
    assert_eq!(session.get::<Flat>(("elm", 1)).await?, None);
    session[first].rented_by = Some("Ann".into());
    session.commit().await?;
    assert_eq!(flats(&db).await?, [("oak".to_owned(), 1, Some("Ann".to_owned()))]);
    session.delete(first);
    session.commit().await?;
    assert!(flats(&db).await?.is_empty());
    settled(&db, &mut session).await
}

async fn a_key_that_holds_the_parents_key_moves_to_another_parent(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let [elm, oak] =
        [("elm", "Ann"), ("oak", "Bob")].map(|(street, owner)| session.add(house(street, owner)));
    let flat = session.add(Flat { house: elm.into(), number: 1, ..Flat::default() });
    session.commit().await?;
    session[oak].flats.push(flat);
    session[oak].street = "ash".into();
    session.delete(elm);
    session.commit().await?;
    assert_eq!(flats(&db).await?, [("ash".to_owned(), 1, None)]);
    assert_eq!(session.get::<Flat>(("ash", 1)).await?, Some(flat));
    assert_eq!(session.get::<House>("elm").await?, None);
    settled(&db, &mut session).await
}

async fn a_parent_switched_for_a_new_one_keeps_the_child_of_its_key(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let old = session.add(house("elm", "Ann"));
    let flat = session.add(Flat { house: old.into(), number: 1, ..Flat::default() });
    session.commit().await?;
    session.delete(old);
    session.delete(flat);
    let new = session.add(house("elm", "Bob"));
    let again = session.add(Flat { house: new.into(), number: 1, rented_by: Some("Bob".into()) });
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "UPDATE houses SET owner = ? WHERE street = ? x1",
            "UPDATE flats SET rented_by = ? WHERE house_id = ? AND number = ? x1"
        ]
    );
    assert_eq!(session.get::<Flat>(("elm", 1)).await?, Some(again));
    assert_eq!(flats(&db).await?, [("elm".to_owned(), 1, Some("Bob".to_owned()))]);
    settled(&db, &mut session).await
}

async fn two_keys_that_swap_are_a_circle(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let [hat, cup] = ["hat", "cup"].map(|code| session.add(item(code)));
    session.commit().await?;
    session[hat].code = "cup".into();
    session[cup].code = "hat".into();
    db.log.clear();
    let error = session.commit().await.unwrap_err();
    assert!(matches!(error, Error::Circular(_)), "{error}");
    assert_eq!(db.log.hops(), 0);
    // In two steps, as the guide says.
    session[cup].code = "pen".into();
    session.flush().await?;
    session[cup].code = "hat".into();
    session.commit().await?;
    assert_eq!(session.get::<Item>("cup").await?, Some(hat));
    assert_eq!(session.get::<Item>("hat").await?, Some(cup));
    settled(&db, &mut session).await
}

async fn a_key_changed_and_put_back_is_no_change(db: Database) -> Result<()> {
    let (mut session, jack, _) = jack(&db).await?;
    session[jack].name = "ed".into();
    assert_eq!(session.changes()?.to_string(), "update Person \"jack\": name");
    session[jack].name = "jack".into();
    settled(&db, &mut session).await?;
    assert_eq!(session.get::<Person>("jack").await?, Some(jack));
    Ok(())
}

async fn a_key_changed_in_two_flushes_rolls_back_to_the_first(db: Database) -> Result<()> {
    let (mut session, jack, [one, _]) = jack(&db).await?;
    for name in ["ed", "fred"] {
        session[jack].name = name.into();
        session.flush().await?;
    }
    assert_eq!(session[one].person.key().map(String::as_str), Some("fred"));
    session.rollback().await?;
    assert_eq!((&*session[jack].name, session[one].person.key().map(String::as_str)), ("jack", Some("jack")));
    assert_eq!(session.get::<Person>("jack").await?, Some(jack));
    assert_eq!(session.get::<Person>("ed").await?, None);
    session[jack].name = "ed".into();
    session.commit().await?;
    assert_eq!(mails(&db).await?, rows(&[("j1", Some("ed")), ("j2", Some("ed"))]));
    settled(&db, &mut session).await
}

async fn a_row_takes_the_key_of_a_deleted_one(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let [hat, cup] = ["hat", "cup"].map(|code| session.add(item(code)));
    session.commit().await?;
    session.delete(hat);
    session[cup].code = "hat".into();
    db.log.clear();
    session.flush().await?;
    assert_eq!(
        sent(&db),
        ["DELETE FROM items WHERE code = ? x1", "UPDATE items SET code = ? WHERE code = ? x1"]
    );
    assert_eq!(session.get::<Item>("hat").await?, Some(cup));
    session.rollback().await?;
    assert_eq!(session.get::<Item>("hat").await?, Some(hat));
    assert_eq!(session.get::<Item>("cup").await?, Some(cup));
    settled(&db, &mut session).await
}

async fn a_rename_of_a_row_that_went_elsewhere_is_stale(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let hat = session.add(item("hat"));
    session.commit().await?;
    elsewhere(&db, "UPDATE items SET code = 'cap'").await?;
    session[hat].code = "bonnet".into();
    let error = session.commit().await.unwrap_err();
    let Error::StaleData(stale) = &error else { panic!("{error}") };
    assert_eq!((stale.entity, &*stale.key), ("Item", "\"hat\""));
    session.rollback().await?;
    assert_eq!(session[hat].code, "hat");
    assert!(session.get::<Item>("cap").await?.is_some());
    settled(&db, &mut session).await
}

async fn a_tracked_plain_key_column_follows_a_unique_column(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let elm = session.add(house("elm", "Ann"));
    let flat = session.add(Flat { house: elm.into(), number: 1, rented_by: Some("Ann".into()) });
    session.commit().await?;
    session[elm].owner = "Bob".into();
    session.commit().await?;
    assert_eq!(flats(&db).await?, [("elm".to_owned(), 1, Some("Bob".to_owned()))]);
    assert_eq!(session[flat].rented_by.as_deref(), Some("Bob"));
    settled(&db, &mut session).await
}

async fn a_renamed_row_takes_a_new_child_in_the_same_flush(db: Database) -> Result<()> {
    let (mut session, jack, _) = jack(&db).await?;
    session[jack].name = "ed".into();
    session[jack].mails.push(mail("e1"));
    session.add(Mail { person: jack.into(), ..mail("e2") });
    session.commit().await?;
    let expected = ["e1", "e2", "j1", "j2"].map(|address| (address, Some("ed")));
    assert_eq!(mails(&db).await?, rows(&expected));
    settled(&db, &mut session).await
}

async fn a_rename_and_a_delete_of_the_same_row_is_one_delete(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let hat = session.add(item("hat"));
    session.commit().await?;
    session[hat].code = "cap".into();
    session.delete(hat);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM items WHERE code = ? x1"]);
    assert_eq!(db.engine.count(Item::select()).await?, 0);
    settled(&db, &mut session).await
}

async fn a_savepoint_takes_a_rename_and_its_followers_back(db: Database) -> Result<()> {
    let (mut session, jack, [one, _]) = jack(&db).await?;
    session[jack].name = "ed".into();
    {
        let mut nested = session.begin_nested().await?;
        nested[jack].name = "fred".into();
        nested[one].address = "f1".into();
        nested.flush().await?;
        assert_eq!(nested[one].person.key().map(String::as_str), Some("fred"));
        nested.rollback().await?;
    }
    assert_eq!((&*session[one].address, session[one].person.key().map(String::as_str)), ("j1", Some("ed")));
    assert_eq!(session.get::<Mail>("j1").await?, Some(one));
    assert_eq!(session.get::<Person>("ed").await?, Some(jack));
    session.commit().await?;
    assert_eq!(mails(&db).await?, rows(&[("j1", Some("ed")), ("j2", Some("ed"))]));
    settled(&db, &mut session).await
}

async fn a_dropped_rename_is_the_same_as_none(db: Database) -> Result<()> {
    let (mut session, jack, [one, _]) = jack(&db).await?;
    let db = &db;
    session[jack].name = "ed".into();
    drop(session.commit());
    assert_eq!(session[one].person.key().map(String::as_str), Some("jack"));
    assert_eq!(mails(db).await?, rows(&[("j1", Some("jack")), ("j2", Some("jack"))]));
    session.rollback().await?;
    assert_eq!(session[jack].name, "jack");
    settled(db, &mut session).await
}
