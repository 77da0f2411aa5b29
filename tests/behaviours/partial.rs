//! Collections loaded in part that have an order, or whose members do not live without them; and a `has_one` that a
//! filter left out.

use anyorm::Result;
use anyorm::prelude::*;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::elsewhere;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_limit_takes_the_first_in_the_order_of_the_collection,
    a_member_pushed_to_a_part_is_numbered_behind_all,
    an_orphan_that_is_not_shown_is_deleted,
    a_parent_deleted_takes_members_that_are_not_shown,
    one_that_a_filter_left_out_is_replaced,
];

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "shelves")]
struct Shelf {
    #[key(auto)]
    id: i64,
    #[has_many(Volume::SHELF, delete_orphan, position = Volume::PLACE)]
    volumes: HasMany<Volume>,
    #[has_one(Plate::SHELF)]
    plate: HasOne<Plate>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "volumes")]
struct Volume {
    #[key(auto)]
    id: i64,
    name: String,
    place: i64,
    #[belongs_to]
    shelf: BelongsTo<Option<Shelf>>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "plates")]
struct Plate {
    #[key(auto)]
    id: i64,
    text: String,
    #[belongs_to(unique)]
    shelf: BelongsTo<Option<Shelf>>,
}

/// A shelf with the volumes c, b and a, in this order, and a plate.
async fn shelf(db: &Database) -> Result<Session> {
    db.engine.create_all(&schema![Shelf, Volume, Plate]).await?;
    elsewhere(db, "INSERT INTO shelves (id) VALUES (1)").await?;
    let rows = "(1, 'a', 2, 1), (2, 'b', 1, 1), (3, 'c', 0, 1)";
    elsewhere(db, &format!("INSERT INTO volumes (id, name, place, shelf_id) VALUES {rows}")).await?;
    elsewhere(db, "INSERT INTO plates (id, text, shelf_id) VALUES (1, 'old', 1)").await?;
    db.engine.advance_keys(&schema![Shelf, Volume, Plate]).await?;
    Ok(db.engine.session())
}

/// Name and place of the volumes that are stored.
async fn volumes(db: &Database) -> Result<Vec<(String, i64)>> {
    db.engine.all(Volume::select().order_by(Volume::PLACE).columns((Volume::NAME, Volume::PLACE))).await
}

fn named(list: &[&str]) -> Vec<(String, i64)> {
    list.iter().zip(0..).map(|(name, place)| ((*name).to_owned(), place)).collect()
}

async fn a_limit_takes_the_first_in_the_order_of_the_collection(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let shelf = session.one(Shelf::select().with(Shelf::VOLUMES.limit(2))).await?;
    let names: Vec<&str> =
        session[shelf].volumes.iter().map(|&volume| session[volume].name.as_str()).collect();
    assert_eq!(names, ["c", "b"]);
    Ok(())
}

/// Its place is known only once the others are.
async fn a_member_pushed_to_a_part_is_numbered_behind_all(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let shelf = session.one(Shelf::select().with(Shelf::VOLUMES.limit(1))).await?;
    session[shelf].volumes.push(Volume { name: "d".into(), ..Volume::default() });
    session.commit().await?;
    assert_eq!(volumes(&db).await?, named(&["c", "b", "a", "d"]));
    Ok(())
}

async fn an_orphan_that_is_not_shown_is_deleted(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let shelf = session.one(Shelf::select().with(Shelf::VOLUMES.limit(1))).await?;
    let a = session.get_one::<Volume>(1).await?;
    session[shelf].volumes.remove(a);
    session.commit().await?;
    assert_eq!(volumes(&db).await?, named(&["c", "b"]));
    assert!(session.peek(a).is_none());
    Ok(())
}

async fn a_parent_deleted_takes_members_that_are_not_shown(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let shelf = session.one(Shelf::select().with(Shelf::VOLUMES.filter(Volume::NAME.eq("b")))).await?;
    session.delete(shelf);
    session.commit().await?;
    assert_eq!(volumes(&db).await?, []);
    Ok(())
}

/// Rule 11: what is assigned replaces what there is, shown or not.
async fn one_that_a_filter_left_out_is_replaced(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let shelf = session.one(Shelf::select().with(Shelf::PLATE.filter(Plate::TEXT.eq("none")))).await?;
    assert_eq!(session[shelf].plate.loaded(), Some(None));
    session[shelf].plate.set(Plate { text: "new".into(), ..Plate::default() });
    session.commit().await?;
    let plates = Plate::select().order_by(Plate::ID).columns((Plate::TEXT, Plate::SHELF_ID));
    assert_eq!(db.engine.all(plates).await?, [("old".to_owned(), None), ("new".to_owned(), Some(1))]);
    Ok(())
}
