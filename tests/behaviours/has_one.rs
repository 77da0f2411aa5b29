//! Relations to one whose row has the key: `has_one`.

use anyorm::error::ConstraintKind;
use anyorm::prelude::*;
use anyorm::{Result, Schema};
use orm_testkit::{Behaviour, Database, behaviours};
use serde::Serialize;

use crate::support::{elsewhere, panic_of, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_new_value_is_taken_in,
    it_is_loaded_with_and_by_load,
    one_that_is_not_loaded_panics_with_advice,
    the_one_before_loses_its_link,
    also_where_it_was_not_loaded,
    it_can_be_cleared,
    it_is_deleted_with_delete_orphan,
    the_new_one_takes_the_unique_value_after_the_old_one_gave_it_up,
    a_required_link_without_delete_orphan_is_an_error,
    the_child_takes_the_place_by_its_own_link,
    link_and_unlink_show_on_both_sides,
    two_swap,
    both_sides_that_differ_are_an_error,
    it_joins,
    merge_replaces_it_and_leaves_one_that_is_not_set,
    detach_keeps_its_key_for_serde,
    rollback_restores_it,
    recover_keeps_the_new_one,
    create_all_makes_the_key_unique,
    it_goes_with_a_deleted_owner,
    a_list_linked_by_next,
    composite_keys,
];

#[derive(Clone, Debug, Default, PartialEq, Serialize, Entity)]
#[entity(table = "users")]
struct User {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_one(Profile::USER)]
    profile: HasOne<Profile>,
    #[has_one(Badge::USER, delete_orphan)]
    badge: HasOne<Badge>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Entity)]
#[entity(table = "profiles")]
struct Profile {
    #[key(auto)]
    id: i64,
    text: String,
    #[belongs_to(unique)]
    user: BelongsTo<Option<User>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Entity)]
#[entity(table = "badges")]
struct Badge {
    #[key(auto)]
    id: i64,
    color: String,
    #[belongs_to(unique)]
    user: BelongsTo<User>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cars")]
struct Car {
    #[key(auto)]
    id: i64,
    #[has_one(Engine1::CAR)]
    engine: HasOne<Engine1>,
}

/// Neither unique by its attribute nor to be without a car.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "engines")]
struct Engine1 {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    car: BelongsTo<Car>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "steps")]
struct Step {
    #[key(auto)]
    id: i64,
    #[belongs_to(unique)]
    before: BelongsTo<Option<Step>>,
    #[has_one(Step::BEFORE)]
    after: HasOne<Step>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "seats")]
struct Seat {
    #[key]
    row: i32,
    #[key]
    place: i32,
    #[has_one(Guest::SEAT, delete_orphan)]
    guest: HasOne<Guest>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "guests")]
struct Guest {
    #[key(auto)]
    id: i64,
    name: String,
    #[belongs_to(columns("seat_row", "seat_place"), unique)]
    seat: BelongsTo<Seat>,
}

fn all() -> Schema {
    schema![User, Profile, Badge, Car, Engine1, Step, Seat, Guest]
}

/// Two users with a profile each, the first with a badge.
async fn two(db: &Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace')").await?;
    elsewhere(db, "INSERT INTO profiles VALUES (1, 'a', 1), (2, 'g', 2)").await?;
    elsewhere(db, "INSERT INTO badges VALUES (1, 'red', 1)").await?;
    db.engine.advance_keys(&all()).await
}

fn profile(text: &str) -> Profile {
    Profile { text: text.into(), ..Profile::default() }
}

fn badge(color: &str) -> Badge {
    Badge { color: color.into(), ..Badge::default() }
}

async fn badges(db: &Database) -> Result<Vec<(String, i64)>> {
    db.engine.all(Badge::select().order_by(Badge::ID).columns((Badge::COLOR, Badge::USER_ID))).await
}

async fn profiles(db: &Database) -> Result<Vec<(String, Option<i64>)>> {
    let query = Profile::select().order_by(Profile::ID).columns((Profile::TEXT, Profile::USER_ID));
    db.engine.all(query).await
}

fn rows(expected: &[(&str, Option<i64>)]) -> Vec<(String, Option<i64>)> {
    expected.iter().map(|&(text, user)| (text.to_owned(), user)).collect()
}

async fn loaded(session: &mut Session, id: i64) -> Result<Handle<User>> {
    session.one(User::select().filter(User::ID.eq(id)).with(User::PROFILE).with(User::BADGE)).await
}

async fn a_new_value_is_taken_in(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let user = session.add(User { name: "Ada".into(), profile: profile("a").into(), ..User::default() });
    let own = session[user].profile.handle().expect("taken in");
    session.commit().await?;
    assert_eq!(session[own].user.handle(), Some(user));
    assert_eq!(session[user].badge.loaded(), Some(None), "a new entity has none");
    assert_eq!(profiles(&db).await?, rows(&[("a", Some(1))]));
    Ok(())
}

async fn it_is_loaded_with_and_by_load(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    db.log.clear();
    let users = session.all(User::select().order_by(User::ID).with(User::PROFILE)).await?;
    assert_eq!(db.log.hops(), 1);
    let own = session[users[1]].profile.get().expect("she has one");
    assert_eq!(session[own].text, "g");
    session.load(&users, User::BADGE).await?;
    assert!(session[users[0]].badge.handle().is_some());
    assert_eq!(session[users[1]].badge.handle(), None);
    assert!(session[users[1]].badge.is_empty());
    Ok(())
}

async fn one_that_is_not_loaded_panics_with_advice(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    assert_eq!(session[ada].profile.loaded(), None);
    let message = panic_of(|| session[ada].profile.handle());
    assert!(message.contains("Profile is not loaded") && message.contains("session.load"), "{message}");
    Ok(())
}

async fn the_one_before_loses_its_link(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = loaded(&mut session, 1).await?;
    let old = session[ada].profile.handle().expect("loaded");
    session[ada].profile = profile("new").into();
    session.commit().await?;
    assert_eq!(profiles(&db).await?, rows(&[("a", None), ("g", Some(2)), ("new", Some(1))]));
    assert!(session[old].user.is_empty());
    let new = session[ada].profile.handle().expect("the new one");
    assert_eq!(session[new].text, "new");
    Ok(())
}

async fn also_where_it_was_not_loaded(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    session[ada].profile.set(profile("new"));
    session[ada].badge.set(badge("blue"));
    session.commit().await?;
    assert_eq!(profiles(&db).await?, rows(&[("a", None), ("g", Some(2)), ("new", Some(1))]));
    assert_eq!(badges(&db).await?, [("blue".to_owned(), 1)], "the old badge was deleted");
    Ok(())
}

async fn it_can_be_cleared(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let (ada, grace) = (loaded(&mut session, 1).await?, session.get_one::<User>(2).await?);
    session[ada].profile.clear();
    session[grace].profile = None::<Handle<Profile>>.into();
    session.commit().await?;
    assert_eq!(profiles(&db).await?, rows(&[("a", None), ("g", None)]));
    assert_eq!(session[ada].profile.handle(), None);
    assert_eq!(session[grace].profile.handle(), None);
    Ok(())
}

async fn it_is_deleted_with_delete_orphan(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = loaded(&mut session, 1).await?;
    session[ada].badge.clear();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM badges WHERE id = ? x1"]);
    Ok(())
}

async fn the_new_one_takes_the_unique_value_after_the_old_one_gave_it_up(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = loaded(&mut session, 1).await?;
    session[ada].badge.set(badge("blue"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        ["DELETE FROM badges WHERE id = ? x1", "INSERT INTO badges (color, user_id) VALUES (?, ?) x1"]
    );
    assert_eq!(db.log.hops(), 1);
    Ok(())
}

async fn a_required_link_without_delete_orphan_is_an_error(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let car = session.add(Car { engine: Engine1::default().into(), ..Car::default() });
    session.commit().await?;
    session[car].engine.set(Engine1::default());
    let error = session.commit().await.unwrap_err().to_string();
    assert!(error.contains("Engine1 1") && error.contains("`car` is empty"), "{error}");
    session.rollback().await?;
    assert_eq!(db.engine.count(Engine1::select()).await?, 1);
    Ok(())
}

async fn the_child_takes_the_place_by_its_own_link(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let (ada, grace) = (loaded(&mut session, 1).await?, loaded(&mut session, 2).await?);
    let (a, g) = (session[ada].profile.handle(), session[grace].profile.handle().expect("loaded"));
    session[g].user = ada.into();
    session.commit().await?;
    assert_eq!(profiles(&db).await?, rows(&[("a", None), ("g", Some(1))]));
    assert_eq!(session[ada].profile.handle(), Some(g));
    assert_eq!(session[grace].profile.handle(), None);
    assert!(session[a.expect("loaded")].user.is_empty());
    Ok(())
}

async fn link_and_unlink_show_on_both_sides(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let (ada, grace) = (loaded(&mut session, 1).await?, loaded(&mut session, 2).await?);
    let a = session[ada].profile.handle().expect("loaded");
    let g = session[grace].profile.handle().expect("loaded");
    session.link(ada, User::PROFILE, g);
    assert_eq!(session[ada].profile.handle(), Some(g));
    assert_eq!(session[grace].profile.handle(), None);
    assert!(session[a].user.is_empty() && session[g].user.handle() == Some(ada));
    session.link(a, Profile::USER, grace);
    assert_eq!(session[grace].profile.handle(), Some(a));
    session.unlink(ada, User::PROFILE, g);
    assert!(session[ada].profile.is_empty() && session[g].user.is_empty());
    session.commit().await?;
    assert_eq!(profiles(&db).await?, rows(&[("a", Some(2)), ("g", None)]));
    Ok(())
}

async fn two_swap(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let (ada, grace) = (loaded(&mut session, 1).await?, loaded(&mut session, 2).await?);
    let (a, g) = (session[ada].profile.handle(), session[grace].profile.handle());
    session[ada].profile = g.into();
    session[grace].profile = a.into();
    session.commit().await?;
    assert_eq!(profiles(&db).await?, rows(&[("a", Some(2)), ("g", Some(1))]));
    assert_eq!(session[ada].profile.handle(), g);
    Ok(())
}

async fn both_sides_that_differ_are_an_error(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let (ada, grace) = (loaded(&mut session, 1).await?, session.get_one::<User>(2).await?);
    let new = session.add(Profile { user: grace.into(), ..Profile::default() });
    session[ada].profile.set(new);
    let error = session.commit().await.unwrap_err().to_string();
    assert!(error.contains("`profile` of User 1") && error.contains("User 2"), "{error}");
    Ok(())
}

async fn it_joins(db: Database) -> Result<()> {
    two(&db).await?;
    let names = User::select().join(User::PROFILE).filter(Profile::TEXT.eq("g")).columns(User::NAME);
    assert_eq!(db.engine.all(names).await?, ["Grace"]);
    let without = User::select().filter(!User::BADGE.exists()).columns(User::NAME);
    assert_eq!(db.engine.all(without).await?, ["Grace"]);
    Ok(())
}

async fn merge_replaces_it_and_leaves_one_that_is_not_set(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = session
        .merge(User { id: 1, name: "Ada L".into(), badge: badge("blue").into(), ..User::default() })
        .await?;
    session.commit().await?;
    assert_eq!(profiles(&db).await?, rows(&[("a", Some(1)), ("g", Some(2))]));
    assert_eq!(badges(&db).await?, [("blue".to_owned(), 1)]);
    assert_eq!(session[ada].name, "Ada L");
    Ok(())
}

async fn detach_keeps_its_key_for_serde(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let grace = loaded(&mut session, 2).await?;
    let grace = session.detach(grace);
    assert_eq!(grace.profile.key(), Some(&2));
    let json = serde_json::to_string(&grace).map_err(anyorm::Error::other)?;
    assert_eq!(json, r#"{"id":2,"name":"Grace","profile":2,"badge":null}"#);
    Ok(())
}

async fn rollback_restores_it(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = loaded(&mut session, 1).await?;
    let (old, badge) = (session[ada].profile.handle(), session[ada].badge.handle());
    session[ada].profile.set(profile("new"));
    session[ada].badge.clear();
    session.flush().await?;
    session.rollback().await?;
    assert_eq!((session[ada].profile.handle(), session[ada].badge.handle()), (old, badge));
    assert_eq!(session[old.expect("loaded")].user.key(), Some(&1));
    assert!(!session.is_dirty());
    Ok(())
}

async fn recover_keeps_the_new_one(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = loaded(&mut session, 1).await?;
    session[ada].badge.set(badge("blue"));
    session.flush().await?;
    let twin = session.add(User { id: 2, ..User::default() });
    session.flush().await.unwrap_err();
    session.recover().await?;
    session.delete(twin);
    session.commit().await?;
    assert_eq!(badges(&db).await?, [("blue".to_owned(), 1)]);
    Ok(())
}

async fn create_all_makes_the_key_unique(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let car = session.add(Car::default());
    session.add(Engine1 { car: car.into(), ..Engine1::default() });
    session.commit().await?;
    let error = elsewhere(&db, "INSERT INTO engines VALUES (7, 1)").await.unwrap_err();
    assert_eq!(error.constraint().map(|error| error.kind), Some(ConstraintKind::Unique));
    Ok(())
}

async fn it_goes_with_a_deleted_owner(db: Database) -> Result<()> {
    two(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    session.delete(ada);
    session.commit().await?;
    assert_eq!(db.engine.count(Badge::select()).await?, 0);
    assert_eq!(profiles(&db).await?, rows(&[("a", None), ("g", Some(2))]), "this one is no orphan's");
    Ok(())
}

async fn a_list_linked_by_next(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let last = Step { after: Step::default().into(), ..Step::default() };
    let first = session.add(Step { after: last.into(), ..Step::default() });
    session.commit().await?;
    let second = session[first].after.handle().expect("it was taken in");
    let third = session[second].after.handle().expect("it was taken in");
    // The second leaves the chain.
    session[second].after.clear();
    session[first].after.set(third);
    session.commit().await?;
    assert_eq!(session[third].before.handle(), Some(first));
    assert!(session[second].before.is_empty());
    let before = db.engine.all(Step::select().order_by(Step::ID).columns(Step::BEFORE_ID)).await?;
    assert_eq!(before, [None, None, Some(session[first].id)]);
    Ok(())
}

async fn composite_keys(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let seat = session.add(Seat { row: 1, place: 2, guest: Guest::default().into() });
    session.commit().await?;
    session[seat].guest.set(Guest { name: "Mary".into(), ..Guest::default() });
    session.commit().await?;
    let guests = Guest::select().columns((Guest::NAME, Guest::SEAT_ROW, Guest::SEAT_PLACE));
    assert_eq!(db.engine.all(guests).await?, [("Mary".to_owned(), 1, 2)]);
    Ok(())
}
