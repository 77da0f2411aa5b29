//! Columns that the database fills: defaults of its own, and columns that it computes.

use anyorm::prelude::*;
use anyorm::{Result, coalesce, max, schema};
use orm_testkit::{Behaviour, Capability, Database, behaviours, step};

use crate::dropped::at_every_poll;
use crate::support::{elsewhere, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    what_is_unset_comes_from_the_database,
    f11_batches_are_consecutive_rows_of_one_shape,
    a_computed_column_is_read_back,
    a_computed_column_is_not_written,
    an_update_reads_a_computed_column_back,
    rollback_and_savepoints_take_filled_columns_back,
    recover_unsets_a_default_again,
    a_row_switch_takes_the_defaults,
    merge_leaves_what_is_unset_and_what_is_computed,
    a_dropped_commit_settles_defaults,
    keys_and_defaults_come_together,
    inserts_past_a_session_know_defaults,
    computed_columns_are_not_set_by_statements,
    nothing_is_read_back_where_nothing_is_filled,
    what_does_not_fit_its_field_is_an_error,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "lines")]
struct Line {
    #[key(auto)]
    id: i64,
    name: String,
    #[column(server_default = "new")]
    status: Option<String>,
    #[column(server_default(sql = "(1 + 1)"))]
    quantity: i64,
    price: i64,
    #[column(generated = "price * quantity")]
    total: i64,
    #[belongs_to]
    parent: BelongsTo<Option<Line>>,
}

/// Its key is the program's.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "notes")]
struct Note {
    #[key]
    id: i64,
    text: String,
    #[column(server_default = 7)]
    rank: i64,
    #[version]
    version: i64,
}

fn line(name: &str, price: i64) -> Line {
    Line { name: name.into(), price, ..Line::default() }
}

fn stored(line: &Line) -> (&str, Option<&str>, i64, i64) {
    (&line.name, line.status.as_deref(), line.quantity, line.total)
}

async fn session(db: &Database) -> Result<Session> {
    db.engine.create_all(&schema![Line, Note]).await?;
    db.log.clear();
    Ok(db.engine.session())
}

async fn what_is_unset_comes_from_the_database(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let unset = session.add(line("a", 10));
    let set = session.add(Line { status: Some("old".into()), quantity: 5, ..line("b", 10) });
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(stored(&session[unset]), ("a", Some("new"), 2, 20));
    assert_eq!(stored(&session[set]), ("b", Some("old"), 5, 50));
    assert_eq!((session[unset].id, session[set].id), (1, 2));
    assert!(!session.is_dirty());
    let inserts = [
        "INSERT INTO lines (name, price, parent_id) VALUES (?, ?, ?) RETURNING id, status, quantity, total x1",
        "INSERT INTO lines (name, status, quantity, price, parent_id) VALUES (?, ?, ?, ?, ?) RETURNING id, total x1",
    ];
    assert_eq!(sent(&db), inserts);
    // Of a stored row, None is None.
    session[set].status = None;
    session.commit().await?;
    let status: Option<String> =
        db.engine.scalar(Line::select().filter(Line::ID.eq(2)).columns(Line::STATUS)).await?;
    assert_eq!(status, None);
    Ok(())
}

/// Keys, expressions and columns that are left out tell rows apart; the order stays.
async fn f11_batches_are_consecutive_rows_of_one_shape(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let mut keys = 10..;
    let mut add = |session: &mut Session, keyed: bool, status: Option<&str>| {
        let id = if keyed { keys.next().unwrap_or_default() } else { 0 };
        session.add(Line { id, status: status.map(Into::into), quantity: 1, ..line("x", 1) })
    };
    for _ in 0..2 {
        add(&mut session, false, None);
    }
    for _ in 0..3 {
        add(&mut session, true, None);
    }
    let lower = add(&mut session, true, None);
    let name = Line::select().columns(max(Line::NAME)).subquery();
    session.set(lower, Line::NAME, coalesce(name, "X").lower())?;
    for _ in 0..2 {
        add(&mut session, true, None);
    }
    for _ in 0..2 {
        add(&mut session, true, Some("done"));
    }
    add(&mut session, true, None);
    session.commit().await?;
    let sizes: Vec<String> =
        sent(&db).iter().filter_map(|sql| sql.rsplit_once(" x")).map(|(_, rows)| rows.to_owned()).collect();
    assert_eq!(sizes, ["2", "3", "1", "2", "2", "1"]);
    let keys: Vec<i64> = db.engine.all(Line::select().columns(Line::ID).order_by(Line::ID)).await?;
    assert_eq!(keys, [1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
    assert_eq!(session[lower].name, "x");
    Ok(())
}

async fn a_computed_column_is_read_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    // What the field of a new entity says does not matter.
    let copy = session.add(Line { total: 99, quantity: 3, ..line("a", 10) });
    session.commit().await?;
    assert_eq!(session[copy].total, 30);
    Ok(())
}

async fn a_computed_column_is_not_written(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let first = session.add(line("a", 10));
    session.commit().await?;
    session[first].total = 1;
    let error = session.commit().await.unwrap_err().to_string();
    assert!(error.contains("Line 1") && error.contains("`total` was written"), "{error}");
    assert!(error.contains("price * quantity"), "{error}");
    let error = session.set(first, Line::TOTAL, Line::TOTAL + 1).unwrap_err().to_string();
    assert!(error.contains("computed by the database (price * quantity)"), "{error}");
    session.refresh(first).await?;
    session.commit().await?;
    assert_eq!(session[first].total, 20);
    Ok(())
}

async fn an_update_reads_a_computed_column_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let lines = [1, 2, 3].map(|price| session.add(line("a", price)));
    session.commit().await?;
    db.log.clear();
    for line in lines {
        session[line].price *= 10;
    }
    session.set(lines[1], Line::QUANTITY, Line::QUANTITY + 1)?;
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(lines.map(|line| session[line].total), [20, 60, 60]);
    assert_eq!(session[lines[1]].quantity, 3);
    assert!(!session.is_dirty());
    Ok(())
}

async fn rollback_and_savepoints_take_filled_columns_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let first = session.add(line("a", 10));
    session.commit().await?;
    session[first].price = 11;
    session.flush().await?;
    assert_eq!(session[first].total, 22);
    {
        let mut nested = session.begin_nested().await?;
        nested[first].price = 12;
        nested.flush().await?;
        assert_eq!(nested[first].total, 24);
        nested.rollback().await?;
    }
    assert_eq!(session[first].total, 22);
    session.rollback().await?;
    assert_eq!((session[first].price, session[first].total), (10, 20));
    assert!(!session.is_dirty());
    Ok(())
}

async fn recover_unsets_a_default_again(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let kept = session.add(line("kept", 1));
    session.commit().await?;
    let new = session.add(line("new", 10));
    session[kept].price = 2;
    session.flush().await?;
    assert_eq!((session[new].quantity, session[kept].total), (2, 4));
    session[new].status = Some("mine".into());
    session.flush().await?;
    session.recover().await?;
    assert_eq!((session[new].id, session[new].quantity), (0, 0), "unset again");
    assert_eq!(session[new].status.as_deref(), Some("mine"), "the program's own");
    session.commit().await?;
    assert_eq!(stored(&session[new]), ("new", Some("mine"), 2, 20));
    assert_eq!(session[kept].total, 4);
    Ok(())
}

async fn a_row_switch_takes_the_defaults(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let old = session.add(Note { id: 1, text: "old".into(), rank: 3, version: 0 });
    session.commit().await?;
    session.delete(old);
    let new = session.add(Note { id: 1, text: "new".into(), ..Note::default() });
    session.commit().await?;
    assert_eq!((session[new].rank, session[new].version), (7, 1));
    let rank: i64 = db.engine.scalar(Note::select().columns(Note::RANK)).await?;
    assert_eq!(rank, 7);
    Ok(())
}

async fn merge_leaves_what_is_unset_and_what_is_computed(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let first = session.add(Line { status: Some("old".into()), ..line("a", 10) });
    session.commit().await?;
    session.merge(Line { id: 1, ..line("b", 10) }).await?;
    assert_eq!(session.changes()?.to_string(), "update Line 1: name");
    session.commit().await?;
    assert_eq!(stored(&session[first]), ("b", Some("old"), 2, 20));
    Ok(())
}

async fn a_dropped_commit_settles_defaults(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Line]).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM lines").await?;
        let mut session = db.engine.session();
        let first = session.add(line("a", 10));
        let done = step::polls(polls, session.commit());
        session[first].quantity = 4;
        session.commit().await?;
        assert_eq!(stored(&session[first]), ("a", Some("new"), 4, 40), "after {polls} polls");
        Ok(done.transpose()?.is_some())
    })
    .await
}

async fn keys_and_defaults_come_together(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let root = session.add(line("root", 1));
    let leaf = session.add(Line { parent: root.into(), ..line("leaf", 2) });
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(session[leaf].parent.key(), Some(&session[root].id));
    assert_eq!((session[root].total, session[leaf].total), (2, 4));
    let parent: Option<i64> =
        db.engine.scalar(Line::select().filter(Line::NAME.eq("leaf")).columns(Line::PARENT_ID)).await?;
    assert_eq!(parent, Some(session[root].id));
    Ok(())
}

async fn inserts_past_a_session_know_defaults(db: Database) -> Result<()> {
    session(&db).await?;
    let mixed = [line("a", 1), Line { quantity: 9, ..line("b", 2) }];
    let rows: Vec<Line> = db.engine.all(Line::insert().values(mixed).returning_all()).await?;
    assert_eq!(stored(&rows[0]), ("a", Some("new"), 2, 2));
    assert_eq!(stored(&rows[1]), ("b", Some("new"), 9, 18));
    Ok(())
}

async fn computed_columns_are_not_set_by_statements(db: Database) -> Result<()> {
    session(&db).await?;
    let error = db.engine.execute(Line::update().set(Line::TOTAL, 1).everything()).await.unwrap_err();
    assert!(error.to_string().contains("computed by the database"), "{error}");
    Ok(())
}

async fn nothing_is_read_back_where_nothing_is_filled(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let note = session.add(Note { id: 1, text: "a".into(), rank: 1, version: 0 });
    session.commit().await?;
    session[note].text = "b".into();
    session.commit().await?;
    assert!(sent(&db).iter().all(|sql| !sql.contains("RETURNING")), "{:?}", sent(&db));
    Ok(())
}

/// Its fields are narrower than their columns.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "narrow")]
struct Narrow {
    #[key(auto)]
    id: i8,
    points: i16,
    #[column(generated = "points * 100")]
    percent: i8,
}

async fn what_does_not_fit_its_field_is_an_error(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Narrow]).await?;
    let mut session = db.engine.session();
    let three = session.add(Narrow { points: 3, ..Narrow::default() });
    let one = session.add(Narrow { points: 1, ..Narrow::default() });
    let error = session.commit().await.expect_err("300 is no i8").to_string();
    let words =
        ["Narrow 1", "the row is stored", "narrow.percent", "fits i8", "the integer 300", "give it a type"];
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
    // All else is settled: the session goes on.
    assert_eq!((session[three].id, session[three].percent), (1, 0));
    assert_eq!((session[one].id, session[one].percent), (2, 100));
    assert!(!session.is_dirty());
    session.commit().await?;
    // A key is no other matter.
    let next = match db.has(Capability::KeysFollowTheLargest) {
        true => "INSERT INTO narrow (id, points) VALUES (200, 0)",
        false => "SELECT setval(pg_get_serial_sequence('narrow', 'id'), 200)",
    };
    elsewhere(&db, next).await?;
    let lost = session.add(Narrow { points: 1, ..Narrow::default() });
    let error = session.flush().await.expect_err("201 is no i8").to_string();
    let words = ["new Narrow", "the row is stored", "narrow.id", "the integer 201"];
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
    session.rollback().await?;
    assert!(session.peek(lost).is_none(), "it is taken back with the transaction");
    assert_eq!(session[one].percent, 100);
    Ok(())
}
