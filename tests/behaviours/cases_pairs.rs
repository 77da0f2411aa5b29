//! Pairs of many-to-many relations: what is sent, what others did meanwhile, several tables of pairs between two entities.

use anyorm::prelude::*;
use anyorm::{Result, Schema, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent, settled, stored};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_replaced_list_sends_the_difference,
    the_same_list_again_sends_nothing,
    a_pair_removed_and_its_target_deleted,
    a_pair_removed_from_both_sides_is_one_delete,
    a_pair_that_others_removed_is_removed_again,
    a_pair_that_others_stored_is_no_trouble,
    a_pair_moves_to_another_owner,
    two_tables_of_pairs_between_two_entities,
    places_linked_to_places_come_back_as_they_were,
    a_place_linked_to_itself_goes,
    pairs_of_composite_keys,
    a_pushed_pair_of_a_deleted_owner_is_not_stored,
    an_unloaded_list_cleared_removes_what_is_stored,
    pairs_and_scalars_in_one_flush,
    an_unloaded_pair_pushed_and_removed_is_no_change,
    dropping_a_course_and_deleting_a_student_in_turn,
    both_ends_new_from_either_side,
    pairs_come_back_when_a_savepoint_is_rolled_back,
    a_pair_removed_flushed_and_pushed_again,
    a_merged_list_replaces_pairs,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "places")]
struct Place {
    #[key(auto)]
    id: i64,
    name: String,
    #[many_to_many(through = "roads", from = "from_id", to = "to_id")]
    to: ManyToMany<Place>,
    #[many_to_many(through = "roads", from = "to_id", to = "from_id")]
    from: ManyToMany<Place>,
    #[many_to_many(through = "inputs")]
    inputs: ManyToMany<Shift>,
    #[many_to_many(through = "outputs")]
    outputs: ManyToMany<Shift>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "shifts")]
struct Shift {
    #[key(auto)]
    id: i64,
    name: String,
    #[many_to_many(through = "inputs")]
    inputs: ManyToMany<Place>,
    #[many_to_many(through = "outputs")]
    outputs: ManyToMany<Place>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cells")]
struct Cell {
    #[key]
    x: i32,
    #[key]
    y: i32,
    #[many_to_many(through = "cell_shifts", from("cell_x", "cell_y"))]
    shifts: ManyToMany<Shift>,
}

fn all() -> Schema {
    schema![Place, Shift, Cell]
}

fn place(name: &str) -> Place {
    Place { name: name.into(), ..Place::default() }
}

fn shift(name: &str) -> Shift {
    Shift { name: name.into(), ..Shift::default() }
}

async fn inputs(db: &Database) -> Result<Vec<(i64, i64)>> {
    stored(db, "SELECT place_id, shift_id FROM inputs ORDER BY 1, 2").await
}

/// Two places and four shifts; the first place has the inputs 1, 2 and 3.
async fn net(db: &Database) -> Result<(Session, [Handle<Place>; 2], [Handle<Shift>; 4])> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let places = ["p", "q"].map(|name| session.add(place(name)));
    let shifts = ["a", "b", "c", "d"].map(|name| session.add(shift(name)));
    session[places[0]].inputs = shifts[..3].to_vec().into();
    session.commit().await?;
    db.log.clear();
    Ok((session, places, shifts))
}

const LINK: &str = "INSERT INTO inputs (place_id, shift_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
const UNLINK: &str = "DELETE FROM inputs WHERE place_id = ? AND shift_id = ?";

async fn a_replaced_list_sends_the_difference(db: Database) -> Result<()> {
    let (mut session, [p, _], shifts) = net(&db).await?;
    session[p].inputs = shifts[1..].to_vec().into();
    session.commit().await?;
    assert_eq!(sent(&db), [format!("{UNLINK} x1"), format!("{LINK} x1")]);
    assert_eq!(inputs(&db).await?, [(1, 2), (1, 3), (1, 4)]);
    settled(&db, &mut session).await
}

async fn the_same_list_again_sends_nothing(db: Database) -> Result<()> {
    let (mut session, [p, _], [a, b, c, _]) = net(&db).await?;
    session[p].inputs = vec![c, a, b].into();
    settled(&db, &mut session).await?;
    session[p].inputs.remove(a);
    session[p].inputs.push(a);
    settled(&db, &mut session).await
}

async fn a_pair_removed_and_its_target_deleted(db: Database) -> Result<()> {
    let (mut session, [p, _], [a, ..]) = net(&db).await?;
    session[p].inputs.remove(a);
    session.delete(a);
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 2), (1, 3)]);
    assert_eq!(session[p].inputs.len(), 2);
    settled(&db, &mut session).await
}

async fn a_pair_removed_from_both_sides_is_one_delete(db: Database) -> Result<()> {
    let (mut session, [p, _], [a, ..]) = net(&db).await?;
    session[p].inputs.remove(a);
    session[a].inputs.remove(p);
    session.commit().await?;
    assert_eq!(sent(&db), [format!("{UNLINK} x1")]);
    settled(&db, &mut session).await
}

async fn a_pair_that_others_removed_is_removed_again(db: Database) -> Result<()> {
    let (mut session, [p, _], [a, ..]) = net(&db).await?;
    elsewhere(&db, "DELETE FROM inputs WHERE shift_id = 1").await?;
    session[p].inputs.remove(a);
    // Pairs are a set: what is not in it need not be taken out.
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 2), (1, 3)]);
    settled(&db, &mut session).await
}

async fn a_pair_that_others_stored_is_no_trouble(db: Database) -> Result<()> {
    let (mut session, [p, _], [.., d]) = net(&db).await?;
    elsewhere(&db, "INSERT INTO inputs (place_id, shift_id) VALUES (1, 4)").await?;
    session[p].inputs.push(d);
    session.commit().await?;
    assert!(session[p].inputs.contains(d));
    assert_eq!(inputs(&db).await?, [(1, 1), (1, 2), (1, 3), (1, 4)]);
    settled(&db, &mut session).await
}

async fn a_pair_moves_to_another_owner(db: Database) -> Result<()> {
    let (mut session, [p, q], [a, ..]) = net(&db).await?;
    session[p].inputs.remove(a);
    session[q].inputs.push(a);
    assert_eq!(
        session.changes()?.to_string(),
        "unlink Place 1: inputs Shift 1\nlink Place 2: inputs Shift 1"
    );
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 2), (1, 3), (2, 1)]);
    assert_eq!(session[a].inputs.loaded(), Some(&[q][..]));
    settled(&db, &mut session).await
}

async fn two_tables_of_pairs_between_two_entities(db: Database) -> Result<()> {
    let (mut session, [p, q], [a, b, ..]) = net(&db).await?;
    session[a].outputs.push(p);
    session[b].outputs.push(q);
    session[p].inputs.remove(b);
    session.commit().await?;
    assert_eq!(session[p].outputs.loaded(), Some(&[a][..]));
    let mut other = db.engine.session();
    let found =
        other.one(Place::select().filter(Place::ID.eq(1)).with(Place::INPUTS).with(Place::OUTPUTS)).await?;
    let names = |session: &Session, shifts: &[Handle<Shift>]| -> Vec<String> {
        shifts.iter().map(|&shift| session[shift].name.clone()).collect()
    };
    assert_eq!(names(&other, other[found].inputs.loaded().unwrap()), ["a", "c"]);
    assert_eq!(names(&other, other[found].outputs.loaded().unwrap()), ["a"]);
    session.delete(p);
    session.commit().await?;
    assert!(inputs(&db).await?.is_empty());
    assert_eq!(stored::<(i64, i64)>(&db, "SELECT place_id, shift_id FROM outputs").await?, [(2, 2)]);
    settled(&db, &mut session).await
}

async fn places_linked_to_places_come_back_as_they_were(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let places: Vec<_> = (0..7).map(|name| session.add(place(&name.to_string()))).collect();
    let roads = [(0, 1), (0, 2), (3, 0), (4, 5), (5, 4), (6, 0), (6, 3)];
    for (from, to) in roads {
        // From either end.
        match from % 2 {
            0 => session[places[from]].to.push(places[to]),
            _ => session[places[to]].from.push(places[from]),
        }
    }
    session.commit().await?;
    let mut other = db.engine.session();
    let found = other.all(Place::select().order_by(Place::ID).with(Place::TO).with(Place::FROM)).await?;
    for (from, &one) in found.iter().enumerate() {
        for (to, &two) in found.iter().enumerate() {
            let is_road = roads.contains(&(from, to));
            assert_eq!(other[one].to.contains(two), is_road, "{from} to {to}");
            assert_eq!(other[two].from.contains(one), is_road, "{to} from {from}");
            assert_eq!(session[places[from]].to.contains(places[to]), is_road);
            assert_eq!(session[places[to]].from.contains(places[from]), is_road);
        }
    }
    settled(&db, &mut session).await
}

async fn a_place_linked_to_itself_goes(db: Database) -> Result<()> {
    let (mut session, [p, q], _) = net(&db).await?;
    session[p].to.push(p);
    session[p].to.push(q);
    session[q].to.push(p);
    session.commit().await?;
    assert!(session[p].from.contains(p));
    assert_eq!(stored::<i64>(&db, "SELECT count(*) FROM roads").await?, [3]);
    session.delete(p);
    session.commit().await?;
    assert_eq!(stored::<i64>(&db, "SELECT count(*) FROM roads").await?, [0]);
    assert!(session[q].to.is_empty() && session[q].from.is_empty());
    settled(&db, &mut session).await
}

async fn pairs_of_composite_keys(db: Database) -> Result<()> {
    let (mut session, _, [a, b, ..]) = net(&db).await?;
    // Zero is a part like any other.
    let cell = session.add(Cell { x: 0, y: 1, shifts: vec![a, b].into() });
    session.commit().await?;
    session[cell].y = 2;
    session[cell].shifts.remove(a);
    session.commit().await?;
    let query = "SELECT cell_x, cell_y, shift_id FROM cell_shifts";
    assert_eq!(stored::<(i64, i64, i64)>(&db, query).await?, [(0, 2, 2)]);
    session.delete(cell);
    session.commit().await?;
    assert!(stored::<(i64, i64, i64)>(&db, query).await?.is_empty());
    settled(&db, &mut session).await
}

async fn a_pushed_pair_of_a_deleted_owner_is_not_stored(db: Database) -> Result<()> {
    let (mut session, [p, _], [.., d]) = net(&db).await?;
    session[p].inputs.push(d);
    session.delete(p);
    session.commit().await?;
    assert!(inputs(&db).await?.is_empty());
    assert_eq!(session[d].inputs.loaded(), Some(&[][..]));
    settled(&db, &mut session).await
}

async fn an_unloaded_list_cleared_removes_what_is_stored(db: Database) -> Result<()> {
    net(&db).await?;
    let mut session = db.engine.session();
    let p = session.get_one::<Place>(1).await?;
    session[p].inputs.clear();
    session[p].inputs.push(shift("e"));
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 5)]);
    assert_eq!(session[p].inputs.loaded().map(<[_]>::len), Some(1));
    settled(&db, &mut session).await
}

async fn pairs_and_scalars_in_one_flush(db: Database) -> Result<()> {
    let (mut session, [p, q], [a, b, ..]) = net(&db).await?;
    session[p].name = "P".into();
    session[a].name = "A".into();
    session[q].inputs.push(a);
    session[b].inputs.remove(p);
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "UPDATE places SET name = ? WHERE id = ? x1".to_owned(),
            "UPDATE shifts SET name = ? WHERE id = ? x1".to_owned(),
            "DELETE FROM inputs WHERE shift_id = ? AND place_id = ? x1".to_owned(),
            format!("{LINK} x1"),
        ]
    );
    assert_eq!(db.log.hops(), 1);
    settled(&db, &mut session).await
}

async fn an_unloaded_pair_pushed_and_removed_is_no_change(db: Database) -> Result<()> {
    net(&db).await?;
    let mut session = db.engine.session();
    let q = session.get_one::<Place>(2).await?;
    let d = session.get_one::<Shift>(4).await?;
    session[q].inputs.push(d);
    session[q].inputs.remove(d);
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 1), (1, 2), (1, 3)]);
    settled(&db, &mut session).await
}

async fn dropping_a_course_and_deleting_a_student_in_turn(db: Database) -> Result<()> {
    let (mut session, [p, q], [a, b, c, _]) = net(&db).await?;
    session[q].inputs = vec![a, b].into();
    session.commit().await?;
    session[p].inputs.remove(c);
    session.delete(q);
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 1), (1, 2)]);
    assert_eq!((session[a].inputs.len(), session[c].inputs.len()), (1, 0));
    session.delete(a);
    session[b].inputs.clear();
    session.commit().await?;
    assert!(inputs(&db).await?.is_empty());
    assert!(session[p].inputs.is_empty());
    settled(&db, &mut session).await
}

async fn both_ends_new_from_either_side(db: Database) -> Result<()> {
    let (mut session, ..) = net(&db).await?;
    session.add(Place { outputs: vec![shift("x"), shift("y")].into(), ..place("r") });
    session.add(Shift { outputs: vec![place("s"), place("t")].into(), ..shift("z") });
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    let query = "SELECT p.name, s.name FROM outputs o JOIN places p ON p.id = o.place_id \
                 JOIN shifts s ON s.id = o.shift_id ORDER BY 1, 2";
    let expected = [("r", "x"), ("r", "y"), ("s", "z"), ("t", "z")];
    let expected = expected.map(|(place, shift)| (place.to_owned(), shift.to_owned()));
    assert_eq!(stored::<(String, String)>(&db, query).await?, expected);
    settled(&db, &mut session).await
}

async fn pairs_come_back_when_a_savepoint_is_rolled_back(db: Database) -> Result<()> {
    let (mut session, [p, q], [a, b, c, d]) = net(&db).await?;
    session[p].inputs.remove(a);
    {
        let mut nested = session.begin_nested().await?;
        nested[p].inputs.push(d);
        nested[p].inputs.remove(b);
        nested.flush().await?;
        nested.delete(c);
        nested[q].inputs.push(a);
        nested.flush().await?;
        nested.rollback().await?;
    }
    assert_eq!(session[p].inputs.loaded(), Some(&[b, c][..]));
    assert!(session[q].inputs.is_empty() && session[c].inputs.contains(p));
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 2), (1, 3)]);
    settled(&db, &mut session).await
}

async fn a_pair_removed_flushed_and_pushed_again(db: Database) -> Result<()> {
    let (mut session, [p, _], [a, ..]) = net(&db).await?;
    session[p].inputs.remove(a);
    session.flush().await?;
    session[a].inputs.push(p);
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 1), (1, 2), (1, 3)]);
    assert!(session[p].inputs.contains(a));
    settled(&db, &mut session).await
}

async fn a_merged_list_replaces_pairs(db: Database) -> Result<()> {
    net(&db).await?;
    let mut session = db.engine.session();
    let inputs_now = vec![Shift { id: 3, ..shift("C") }, shift("e")];
    let merged = session.merge(Place { id: 1, inputs: inputs_now.into(), ..place("p") }).await?;
    session.commit().await?;
    assert_eq!(inputs(&db).await?, [(1, 3), (1, 5)]);
    assert_eq!(session[merged].inputs.len(), 2);
    let names = stored::<String>(&db, "SELECT name FROM shifts ORDER BY id").await?;
    assert_eq!(names, ["a", "b", "C", "d", "e"]);
    settled(&db, &mut session).await
}
