//! Enums as columns: by name, by number, as a type of the database.

use anyorm::prelude::*;
use anyorm::{Result, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::elsewhere;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    enums_are_kept_by_name_and_by_number,
    enums_are_compared_by_the_database,
    a_number_that_no_variant_has_is_an_error,
    a_name_that_no_variant_has_is_an_error,
    an_enum_can_be_a_key_and_be_bound_in_raw_sql,
];

#[derive(Clone, Copy, Debug, Default, PartialEq, DbEnum)]
#[db_enum(rename_all = "snake_case")]
enum State {
    #[default]
    New,
    OnHold,
    #[db_enum(rename = "finished")]
    Done,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, DbEnum)]
#[db_enum(name = "enums_mood")]
enum Mood {
    #[default]
    Glad,
    Sad,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, DbEnum)]
#[db_enum(integer)]
#[repr(u8)]
enum Level {
    #[default]
    Low,
    High = 200,
    Top,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, DbEnum)]
#[db_enum(integer)]
#[repr(i64)]
enum Far {
    Before = i64::MIN,
    #[default]
    Now = 0,
    After = i64::MAX,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "enums_tasks")]
struct Task {
    #[key(auto)]
    id: i64,
    state: State,
    mood: Mood,
    level: Level,
    far: Far,
    before: Option<Level>,
}

/// Those that some tasks are of.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "enums_levels")]
struct Named {
    #[key]
    level: Level,
    name: String,
}

fn tasks() -> [Task; 3] {
    let far = |id: i64, far: Far| Task { id, far, ..Default::default() };
    [
        Task {
            state: State::OnHold,
            mood: Mood::Sad,
            level: Level::High,
            before: Some(Level::Low),
            ..far(1, Far::Before)
        },
        Task { state: State::Done, level: Level::Top, ..far(2, Far::After) },
        far(3, Far::Now),
    ]
}

async fn stored(db: &Database) -> Result<()> {
    db.engine.create_all(&schema![Task, Named]).await?;
    db.engine.insert_many(tasks()).await.map(drop)
}

async fn enums_are_kept_by_name_and_by_number(db: Database) -> Result<()> {
    stored(&db).await?;
    assert_eq!(db.engine.all(Task::select().order_by(Task::ID)).await?, tasks());
    let raw = sql("SELECT state, level, far, before FROM enums_tasks ORDER BY id");
    let raw = db.engine.all(raw.returning::<(String, i64, i64, Option<i64>)>()).await?;
    assert_eq!(raw[0], ("on_hold".to_owned(), 200, i64::MIN, Some(0)));
    assert_eq!(raw[1], ("finished".to_owned(), 201, i64::MAX, None));
    let mut session = db.engine.session();
    let task = session.get_one::<Task>(1).await?;
    session[task].level = Level::Low;
    session.commit().await?;
    assert_eq!(db.engine.count(Task::select().filter(Task::LEVEL.eq(Level::Low))).await?, 2);
    Ok(())
}

async fn enums_are_compared_by_the_database(db: Database) -> Result<()> {
    stored(&db).await?;
    let ids =
        async |query| db.engine.all(Task::select().filter(query).order_by(Task::ID).columns(Task::ID)).await;
    assert_eq!(ids(Task::STATE.is_in([State::OnHold, State::Done])).await?, [1, 2]);
    assert_eq!(ids(Task::MOOD.eq(Mood::Sad)).await?, [1]);
    assert_eq!(ids(Task::LEVEL.ge(Level::High)).await?, [1, 2]);
    assert_eq!(ids(Task::BEFORE.eq(None)).await?, [2, 3]);
    Ok(())
}

async fn a_number_that_no_variant_has_is_an_error(db: Database) -> Result<()> {
    stored(&db).await?;
    elsewhere(&db, "UPDATE enums_tasks SET level = 7 WHERE id = 1").await?;
    let error = db.engine.all(Task::select()).await.unwrap_err().to_string();
    let said =
        "cannot read Task.level: expected one of 0 (`Low`), 200 (`High`), 201 (`Top`), found the integer 7";
    assert!(error.starts_with(said), "{error}");
    Ok(())
}

async fn a_name_that_no_variant_has_is_an_error(db: Database) -> Result<()> {
    stored(&db).await?;
    elsewhere(&db, "UPDATE enums_tasks SET state = 'OnHold' WHERE id = 1").await?;
    let error = db.engine.all(Task::select()).await.unwrap_err().to_string();
    let said = "cannot read Task.state: expected one of `new`, `on_hold`, `finished`, found \"OnHold\"";
    assert!(error.starts_with(said), "{error}");
    Ok(())
}

async fn an_enum_can_be_a_key_and_be_bound_in_raw_sql(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    session.add(Named { level: Level::Top, name: "top".into() });
    session.commit().await?;
    let named = session.get_one::<Named>(Level::Top).await?;
    assert_eq!(session[named].name, "top");
    let level = Level::Top;
    let found = sql!("SELECT id FROM enums_tasks WHERE level = {level} AND state = {}", State::Done);
    assert_eq!(db.engine.all(found.returning::<i64>()).await?, [2]);
    Ok(())
}
