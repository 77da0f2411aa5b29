//! Members without an order of their own come in that of their keys, in whatever order their rows were stored.

use std::sync::{Arc, Mutex};

use anyorm::prelude::*;
use anyorm::uuid::Uuid;
use anyorm::{Hooks, Result, Schema, SqlType, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    integers_come_from_the_least_to_the_largest,
    composite_keys_come_by_their_first_column_first,
    uuids_come_by_their_bytes,
    a_type_with_an_order_of_its_own_comes_as_the_database_has_it,
    texts_come_as_the_database_has_them,
    pairs_come_by_the_key_of_their_target,
    pairs_of_one_table_come_by_the_key_of_their_target,
    a_pair_stored_twice_stands_twice,
    members_of_members_come_in_order,
    members_loaded_on_demand_come_in_order,
    members_that_were_pushed_stand_behind_those_in_order,
    members_with_a_changed_key_stand_where_the_row_does,
    one_of_several_is_the_one_with_the_least_key,
    partial_members_come_in_order,
    hooks_see_members_in_order,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "houses")]
struct House {
    #[key]
    id: i64,
    #[has_many(Room::HOUSE)]
    rooms: HasMany<Room>,
    #[has_one(Hall::HOUSE)]
    hall: HasOne<Hall>,
    #[has_many(Seat::HOUSE)]
    seats: HasMany<Seat>,
    #[has_many(Card::HOUSE)]
    cards: HasMany<Card>,
    #[has_many(Ticket::HOUSE)]
    tickets: HasMany<Ticket>,
    #[has_many(Word::HOUSE)]
    words: HasMany<Word>,
    #[many_to_many(through = "house_badges")]
    badges: ManyToMany<Badge>,
    #[many_to_many(through = "roads", from = "from_id", to = "to_id")]
    roads: ManyToMany<House>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "rooms")]
struct Room {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    house: BelongsTo<House>,
    #[has_many(Lamp::ROOM)]
    lamps: HasMany<Lamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "halls")]
struct Hall {
    #[key]
    id: i32,
    #[belongs_to]
    house: BelongsTo<House>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "lamps")]
struct Lamp {
    #[key]
    id: i16,
    #[belongs_to]
    room: BelongsTo<Room>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "seats")]
struct Seat {
    #[key]
    line: i32,
    #[key]
    number: i16,
    #[belongs_to]
    house: BelongsTo<House>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cards")]
struct Card {
    #[key]
    id: Uuid,
    #[belongs_to]
    house: BelongsTo<House>,
}

/// The program has the largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, SqlType)]
struct Number(i64);

impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "tickets")]
struct Ticket {
    #[key]
    id: Number,
    #[belongs_to]
    house: BelongsTo<House>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "words")]
struct Word {
    #[key]
    id: String,
    #[belongs_to]
    house: BelongsTo<House>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "badges")]
struct Badge {
    #[key]
    id: i32,
    name: String,
}

fn all() -> Schema {
    schema![House, Room, Hall, Lamp, Seat, Card, Ticket, Word, Badge]
}

/// Houses 1 and 2 and nothing in them.
async fn town(db: &Database) -> Result<Session> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO houses VALUES (2), (1)").await?;
    Ok(db.engine.session())
}

/// Both houses, the first one first.
async fn houses(session: &mut Session, with: impl anyorm::IntoPath<House>) -> Result<[Handle<House>; 2]> {
    let houses = session.all(House::select().order_by(House::ID).with(with)).await?;
    Ok([houses[0], houses[1]])
}

/// Rooms of both houses, those of one between those of the other.
async fn rooms(db: &Database) -> Result<u64> {
    let rows = "(7, 1), (3, 2), (-5, 1), (0, 1), (9223372036854775807, 1), (-1, 2), (2, 1),
                (-9223372036854775808, 1), (-2, 2)";
    elsewhere(db, &format!("INSERT INTO rooms (id, house_id) VALUES {rows}")).await
}

const ROOMS: [&[i64]; 2] = [&[i64::MIN, -5, 0, 2, 7, i64::MAX], &[-2, -1, 3]];

fn room_ids(session: &Session, house: Handle<House>) -> Vec<i64> {
    session[house].rooms.iter().map(|&room| session[room].id).collect()
}

async fn integers_come_from_the_least_to_the_largest(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    rooms(&db).await?;
    db.log.clear();
    let [first, second] = houses(&mut session, House::ROOMS).await?;
    let read = "SELECT id, house_id FROM rooms WHERE house_id IN (..) x1";
    assert!(sent(&db).iter().any(|sql| sql == read), "{:?}", sent(&db));
    assert_eq!([&*room_ids(&session, first), &*room_ids(&session, second)], ROOMS);
    // What is shown outside stands in the same order, and 0 is no key.
    assert_eq!(session[second].rooms.keys(), Some(ROOMS[1]));
    for &room in session[first].rooms.iter().filter(|&&room| session[room].id != 0) {
        assert_eq!(session[room].house.handle(), Some(first));
    }
    Ok(())
}

async fn composite_keys_come_by_their_first_column_first(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    let keys = [(1, 2), (-1, 9), (1, -2), (0, 0), (-1, -9), (10, 1), (2, 1), (1, 0)];
    let seat = |(line, number): (i32, i16)| Seat { line, number, house: BelongsTo::to_key(1) };
    db.engine.execute(Seat::insert().values(keys.map(seat))).await?;
    let [first, second] = houses(&mut session, House::SEATS).await?;
    let read: Vec<(i32, i16)> =
        session[first].seats.iter().map(|&seat| (session[seat].line, session[seat].number)).collect();
    let mut sorted = keys.to_vec();
    sorted.sort();
    assert_eq!(read, sorted);
    assert!(session[second].seats.is_empty());
    Ok(())
}

async fn uuids_come_by_their_bytes(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    let keys = [9, 1 << 127, 0, u128::MAX, 255, 256, 1 << 120, (1 << 127) - 1].map(Uuid::from_u128);
    let card = |id: Uuid| Card { id, house: BelongsTo::to_key(2) };
    db.engine.execute(Card::insert().values(keys.map(card))).await?;
    let [_, second] = houses(&mut session, House::CARDS).await?;
    let read: Vec<Uuid> = session[second].cards.iter().map(|&card| session[card].id).collect();
    let stored = db.engine.all(Card::select().order_by(Card::ID).columns(Card::ID)).await?;
    assert_eq!(read, stored);
    assert!(read.is_sorted_by_key(|key| key.as_u128()));
    Ok(())
}

async fn a_type_with_an_order_of_its_own_comes_as_the_database_has_it(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    elsewhere(&db, "INSERT INTO tickets (id, house_id) VALUES (2, 1), (-3, 1), (5, 1), (0, 1)").await?;
    let [first, _] = houses(&mut session, House::TICKETS).await?;
    let read: Vec<i64> = session[first].tickets.iter().map(|&ticket| session[ticket].id.0).collect();
    assert_eq!(read, [-3, 0, 2, 5]);
    Ok(())
}

async fn texts_come_as_the_database_has_them(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    elsewhere(&db, "INSERT INTO words (id, house_id) VALUES ('b', 1), ('B', 1), ('é', 1), ('a', 1)").await?;
    db.log.clear();
    let [first, _] = houses(&mut session, House::WORDS).await?;
    let read = "SELECT id, house_id FROM words WHERE house_id IN (..) ORDER BY id x1";
    assert!(sent(&db).iter().any(|sql| sql == read), "{:?}", sent(&db));
    let read: Vec<String> = session[first].words.iter().map(|&word| session[word].id.clone()).collect();
    assert_eq!(read, db.engine.all(Word::select().order_by(Word::ID).columns(Word::ID)).await?);
    Ok(())
}

fn badge_ids(session: &Session, house: Handle<House>) -> Vec<i32> {
    session[house].badges.iter().map(|&badge| session[badge].id).collect()
}

async fn pairs_come_by_the_key_of_their_target(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    elsewhere(&db, "INSERT INTO badges VALUES (4, 'd'), (-4, 'a'), (0, 'b'), (3, 'c')").await?;
    let pairs = "(1, 4), (2, 3), (1, -4), (2, -4), (1, 3), (1, 0)";
    elsewhere(&db, &format!("INSERT INTO house_badges (house_id, badge_id) VALUES {pairs}")).await?;
    let [first, second] = houses(&mut session, House::BADGES).await?;
    assert_eq!(badge_ids(&session, first), [-4, 0, 3, 4]);
    assert_eq!(badge_ids(&session, second), [-4, 3]);
    assert_eq!(session[first].badges.first(), session[second].badges.first(), "one row, one handle");
    Ok(())
}

async fn pairs_of_one_table_come_by_the_key_of_their_target(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    elsewhere(&db, "INSERT INTO houses VALUES (-3), (0)").await?;
    elsewhere(&db, "INSERT INTO roads (from_id, to_id) VALUES (1, 2), (1, 1), (1, -3), (2, 0), (1, 0)")
        .await?;
    let all = session.all(House::select().order_by(House::ID).with(House::ROADS)).await?;
    let to: Vec<Vec<i64>> = all
        .iter()
        .map(|&house| session[house].roads.iter().map(|&other| session[other].id).collect())
        .collect();
    assert_eq!(to, [vec![], vec![], vec![-3, 0, 1, 2], vec![0]]);
    Ok(())
}

/// A table of pairs that others made need not keep them apart.
async fn a_pair_stored_twice_stands_twice(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    elsewhere(&db, "DROP TABLE house_badges").await?;
    elsewhere(&db, "CREATE TABLE house_badges (house_id BIGINT, badge_id INTEGER)").await?;
    elsewhere(&db, "INSERT INTO badges VALUES (4, 'd'), (3, 'c')").await?;
    elsewhere(&db, "INSERT INTO house_badges VALUES (1, 4), (1, 3), (1, 4)").await?;
    let [first, _] = houses(&mut session, House::BADGES).await?;
    assert_eq!(badge_ids(&session, first), [3, 4, 4]);
    Ok(())
}

async fn members_of_members_come_in_order(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    rooms(&db).await?;
    elsewhere(&db, "INSERT INTO lamps VALUES (3, 7), (1, -5), (-2, 7), (-1, -5), (0, 7), (2, -2)").await?;
    let houses = houses(&mut session, House::ROOMS.then(Room::LAMPS)).await?;
    let lamps: Vec<i16> = houses
        .iter()
        .flat_map(|&house| session[house].rooms.iter())
        .flat_map(|&room| session[room].lamps.iter().map(|&lamp| session[lamp].id))
        .collect();
    assert_eq!(lamps, [-1, 1, -2, 0, 3, 2]);
    Ok(())
}

async fn members_loaded_on_demand_come_in_order(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    rooms(&db).await?;
    let found = session.all(House::select().order_by(House::ID)).await?;
    // Some are known before, in another order.
    for key in [7, -5] {
        session.get_one::<Room>(key).await?;
    }
    session.load(&found, House::ROOMS).await?;
    assert_eq!([&*room_ids(&session, found[0]), &*room_ids(&session, found[1])], ROOMS);
    elsewhere(&db, "INSERT INTO rooms (id, house_id) VALUES (-4, 1)").await?;
    session.refresh(found[0]).await?;
    session.load(&found, House::ROOMS).await?;
    assert_eq!(room_ids(&session, found[0]), [i64::MIN, -5, -4, 0, 2, 7, i64::MAX]);
    Ok(())
}

async fn members_that_were_pushed_stand_behind_those_in_order(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    session.set_autoflush(false);
    elsewhere(&db, "INSERT INTO badges VALUES (4, 'd'), (-4, 'a'), (0, 'b'), (3, 'c')").await?;
    elsewhere(&db, "INSERT INTO house_badges (house_id, badge_id) VALUES (1, 4), (1, 0), (1, 3)").await?;
    let first = session.get_one::<House>(1).await?;
    let (least, three) = (session.get_one::<Badge>(-4).await?, session.get_one::<Badge>(3).await?);
    session[first].badges.push(least);
    session[first].badges.remove(three);
    session.load(&[first], House::BADGES).await?;
    assert_eq!(badge_ids(&session, first), [0, 4, -4]);
    session.commit().await?;
    assert_eq!(badge_ids(&session, first), [0, 4, -4]);
    session.clear();
    let [first, _] = houses(&mut session, House::BADGES).await?;
    assert_eq!(badge_ids(&session, first), [-4, 0, 4]);
    Ok(())
}

async fn members_with_a_changed_key_stand_where_the_row_does(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    elsewhere(&db, "INSERT INTO tickets (id, house_id) VALUES (2, 1), (1, 1), (3, 1)").await?;
    let ticket = session.get_one::<Ticket>(Number(2)).await?;
    session[ticket].id = Number(9);
    session.flush().await?;
    let [first, _] = houses(&mut session, House::TICKETS).await?;
    let read: Vec<i64> = session[first].tickets.iter().map(|&ticket| session[ticket].id.0).collect();
    assert_eq!(read, [1, 3, 9]);
    assert_eq!(session[first].tickets.last(), Some(ticket));
    Ok(())
}

/// A table that others made need not keep the owners apart.
async fn one_of_several_is_the_one_with_the_least_key(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    elsewhere(&db, "DROP INDEX halls_house_id_idx").await?;
    elsewhere(&db, "INSERT INTO halls (id, house_id) VALUES (5, 2), (1, 1), (-5, 2), (4, 2)").await?;
    let [_, second] = houses(&mut session, House::HALL).await?;
    let hall = session[second].hall.get().expect("there are three");
    assert_eq!(session[hall].id, -5);
    Ok(())
}

async fn partial_members_come_in_order(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    rooms(&db).await?;
    let [first, second] = houses(&mut session, House::ROOMS.filter(Room::ID.ne(2))).await?;
    assert_eq!(room_ids(&session, first), [i64::MIN, -5, 0, 7, i64::MAX]);
    assert_eq!(room_ids(&session, second), ROOMS[1]);
    session.clear();
    let [first, second] = houses(&mut session, House::ROOMS.limit(2)).await?;
    assert_eq!(room_ids(&session, first), [i64::MIN, -5]);
    assert_eq!(room_ids(&session, second), [-2, -1]);
    Ok(())
}

async fn hooks_see_members_in_order(db: Database) -> Result<()> {
    let mut session = town(&db).await?;
    rooms(&db).await?;
    let seen: Arc<Mutex<Vec<i64>>> = Arc::default();
    let notes = Arc::clone(&seen);
    let hooks = Hooks::<Room>::new().after_load(move |room| notes.lock().expect("no panic").push(room.id));
    session.listen_to(hooks);
    houses(&mut session, House::ROOMS).await?;
    let mut all = ROOMS.concat();
    all.sort_unstable();
    assert_eq!(*seen.lock().expect("no panic"), all);
    Ok(())
}
