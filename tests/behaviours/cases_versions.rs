//! Versions: what raises them, what must not, and that memory never disagrees with what is stored.

use anyorm::prelude::*;
use anyorm::{Error, Result, Schema, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent, settled, stored};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    rows_of_different_versions_are_one_batch,
    several_writes_before_a_flush_count_once_each_flush_counts,
    a_delete_asks_for_the_version,
    a_key_change_asks_for_key_and_version,
    pairs_alone_count_no_version,
    a_pushed_child_counts_its_own_version_only,
    children_that_lose_their_parent_can_be_written_after,
    children_that_the_database_empties_can_be_written_after,
    children_that_follow_a_key_can_be_written_after,
    a_savepoint_rolled_back_counts_on_from_where_it_was,
    a_stale_row_in_a_savepoint_ends_that_part_only,
    deleted_by_both_sessions_the_second_is_stale,
    updated_here_and_deleted_there_is_stale,
    refresh_takes_the_version_of_others,
    a_switched_child_keyed_by_its_parent_counts_on,
    members_that_change_places_count_their_versions,
    a_stale_orphan_is_told,
    a_row_written_by_criteria_is_written_again_by_its_handle,
    merge_of_a_value_that_was_detached_before_a_commit_is_stale,
    a_version_stays_after_a_flush_without_a_difference,
    recover_after_stale_data_goes_on_with_a_refresh,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "boards")]
struct Board {
    #[key]
    name: String,
    color: String,
    #[version]
    version: i64,
    #[has_many(Slip::BOARD)]
    slips: HasMany<Slip>,
    #[has_many(Line::BOARD, delete_orphan, position = Line::PLACE)]
    lines: HasMany<Line>,
    #[has_one(Cover::BOARD)]
    cover: HasOne<Cover>,
    #[many_to_many(through = "board_marks")]
    marks: ManyToMany<Mark>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "slips")]
struct Slip {
    #[key(auto)]
    id: i64,
    text: String,
    #[belongs_to]
    board: BelongsTo<Option<Board>>,
    #[belongs_to(on_delete = set_null)]
    mark: BelongsTo<Option<Mark>>,
    #[version]
    version: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "lines")]
struct Line {
    #[key(auto)]
    id: i64,
    place: i64,
    #[belongs_to]
    board: BelongsTo<Board>,
    #[version]
    version: i64,
}

/// One for each board: its key is the board's.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "covers")]
struct Cover {
    #[key]
    #[belongs_to]
    board: BelongsTo<Board>,
    text: String,
    #[version]
    version: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "marks")]
struct Mark {
    #[key(auto)]
    id: i64,
    #[version]
    version: i64,
}

fn all() -> Schema {
    schema![Board, Slip, Line, Cover, Mark]
}

fn board(name: &str) -> Board {
    Board { name: name.into(), ..Board::default() }
}

/// The boards a and b, and two slips on a.
async fn boards(db: &Database) -> Result<(Session, [Handle<Board>; 2], [Handle<Slip>; 2])> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let [a, b] = ["a", "b"].map(|name| session.add(board(name)));
    let slips = [1, 2].map(|_| session.add(Slip { board: a.into(), ..Slip::default() }));
    session.commit().await?;
    db.log.clear();
    Ok((session, [a, b], slips))
}

async fn versions(db: &Database, table: &str) -> Result<Vec<i64>> {
    stored(db, &format!("SELECT version FROM {table} ORDER BY 1")).await
}

fn stale(error: &Error) -> (&str, &str) {
    match error {
        // Keys of text are shown in quotes.
        Error::StaleData(stale) => (stale.entity, stale.key.trim_matches('"')),
        other => panic!("{other}"),
    }
}

async fn rows_of_different_versions_are_one_batch(db: Database) -> Result<()> {
    let (mut session, [a, b], _) = boards(&db).await?;
    for color in ["red", "blue", "green"] {
        session[b].color = color.into();
        session.commit().await?;
    }
    session[a].color = "black".into();
    session[b].color = "black".into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE boards SET color = ?, version = ? WHERE name = ? AND version = ? x2"]);
    assert_eq!((session[a].version, session[b].version), (1, 4));
    assert_eq!(versions(&db, "boards").await?, [1, 4]);
    settled(&db, &mut session).await
}

async fn several_writes_before_a_flush_count_once_each_flush_counts(db: Database) -> Result<()> {
    let (mut session, [a, _], _) = boards(&db).await?;
    for color in ["red", "blue", "green"] {
        session[a].color = color.into();
    }
    session.flush().await?;
    assert_eq!(session[a].version, 1);
    session[a].color = "black".into();
    session.flush().await?;
    session[a].color = "white".into();
    session.commit().await?;
    assert_eq!(session[a].version, 3);
    assert_eq!(versions(&db, "boards").await?, [0, 3]);
    settled(&db, &mut session).await
}

async fn a_delete_asks_for_the_version(db: Database) -> Result<()> {
    let (mut session, [_, b], _) = boards(&db).await?;
    session[b].color = "red".into();
    session.delete(b);
    session.commit().await?;
    assert!(
        sent(&db).contains(&"DELETE FROM boards WHERE name = ? AND version = ? x1".to_owned()),
        "{:?}",
        sent(&db)
    );
    assert!(!sent(&db).iter().any(|sql| sql.starts_with("UPDATE boards")), "{:?}", sent(&db));
    settled(&db, &mut session).await
}

async fn a_key_change_asks_for_key_and_version(db: Database) -> Result<()> {
    let (mut session, [a, _], _) = boards(&db).await?;
    session[a].name = "c".into();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE boards SET name = ?, version = ? WHERE name = ? AND version = ? x1"]);
    assert_eq!(session[a].version, 1);
    elsewhere(&db, "UPDATE boards SET version = 9 WHERE name = 'c'").await?;
    session[a].name = "d".into();
    assert_eq!(stale(&session.commit().await.unwrap_err()), ("Board", "c"));
    session.rollback().await?;
    assert_eq!(session.get::<Board>("c").await?, Some(a));
    settled(&db, &mut session).await
}

async fn pairs_alone_count_no_version(db: Database) -> Result<()> {
    let (mut session, [a, _], _) = boards(&db).await?;
    let mark = session.add(Mark::default());
    session[a].marks.push(mark);
    session.commit().await?;
    session[a].marks.clear();
    session.commit().await?;
    assert_eq!((session[a].version, session[mark].version), (0, 0));
    assert_eq!(versions(&db, "boards").await?, [0, 0]);
    settled(&db, &mut session).await
}

async fn a_pushed_child_counts_its_own_version_only(db: Database) -> Result<()> {
    let (mut session, [a, b], [one, two]) = boards(&db).await?;
    session[b].slips.push(one);
    session[two].board = BelongsTo::default();
    session.commit().await?;
    assert_eq!((session[a].version, session[b].version), (0, 0));
    assert_eq!((session[one].version, session[two].version), (1, 1));
    assert_eq!(versions(&db, "slips").await?, [1, 1]);
    settled(&db, &mut session).await
}

async fn children_that_lose_their_parent_can_be_written_after(db: Database) -> Result<()> {
    let (mut session, [a, _], [one, two]) = boards(&db).await?;
    session.delete(a);
    session.commit().await?;
    let memory = [one, two].map(|slip| session[slip].version);
    assert_eq!(versions(&db, "slips").await?, memory);
    session[one].text = "alone".into();
    session.delete(two);
    session.commit().await?;
    assert_eq!(versions(&db, "slips").await?, [session[one].version]);
    settled(&db, &mut session).await
}

async fn children_that_the_database_empties_can_be_written_after(db: Database) -> Result<()> {
    let (mut session, _, [one, _]) = boards(&db).await?;
    let mark = session.add(Mark::default());
    session[one].mark = mark.into();
    session.commit().await?;
    session.delete(mark);
    session.commit().await?;
    assert!(session[one].mark.is_empty());
    session[one].text = "unmarked".into();
    session.commit().await?;
    assert_eq!(
        stored::<(Option<i64>, String)>(&db, "SELECT mark_id, text FROM slips WHERE id = 1").await?,
        [(None, "unmarked".to_owned())]
    );
    settled(&db, &mut session).await
}

async fn children_that_follow_a_key_can_be_written_after(db: Database) -> Result<()> {
    let (mut session, [a, _], [one, two]) = boards(&db).await?;
    session[a].name = "c".into();
    session[two].text = "meanwhile".into();
    session.commit().await?;
    session[one].text = "after".into();
    session.delete(two);
    session.commit().await?;
    let rows = stored::<(Option<String>, String)>(&db, "SELECT board_id, text FROM slips").await?;
    assert_eq!(rows, [(Some("c".to_owned()), "after".to_owned())]);
    settled(&db, &mut session).await
}

async fn a_savepoint_rolled_back_counts_on_from_where_it_was(db: Database) -> Result<()> {
    let (mut session, [a, _], _) = boards(&db).await?;
    session[a].color = "red".into();
    {
        let mut nested = session.begin_nested().await?;
        for color in ["blue", "green"] {
            nested[a].color = color.into();
            nested.flush().await?;
        }
        assert_eq!(nested[a].version, 3);
        nested.rollback().await?;
    }
    assert_eq!((&*session[a].color, session[a].version), ("red", 1));
    session[a].color = "black".into();
    session.commit().await?;
    assert_eq!(session[a].version, 2);
    assert_eq!(versions(&db, "boards").await?, [0, 2]);
    settled(&db, &mut session).await
}

async fn a_stale_row_in_a_savepoint_ends_that_part_only(db: Database) -> Result<()> {
    let (mut session, [a, b], _) = boards(&db).await?;
    elsewhere(&db, "UPDATE boards SET version = 5 WHERE name = 'b'").await?;
    session[a].color = "red".into();
    {
        let mut nested = session.begin_nested().await?;
        nested[b].color = "red".into();
        assert_eq!(stale(&nested.flush().await.unwrap_err()), ("Board", "b"));
        nested.rollback().await?;
    }
    session.refresh(b).await?;
    session[b].color = "blue".into();
    session.commit().await?;
    assert_eq!((session[a].version, session[b].version), (1, 6));
    assert_eq!(versions(&db, "boards").await?, [1, 6]);
    settled(&db, &mut session).await
}

async fn deleted_by_both_sessions_the_second_is_stale(db: Database) -> Result<()> {
    let (mut first, [_, b], _) = boards(&db).await?;
    let mut second = db.engine.session();
    let same = second.get_one::<Board>("b").await?;
    second.delete(same);
    second.commit().await?;
    first.delete(b);
    assert_eq!(stale(&first.commit().await.unwrap_err()), ("Board", "b"));
    first.rollback().await?;
    assert_eq!(first[b].name, "b");
    first.detach(b);
    assert_eq!(first.get::<Board>("b").await?, None);
    settled(&db, &mut first).await
}

async fn updated_here_and_deleted_there_is_stale(db: Database) -> Result<()> {
    let (mut session, [a, b], _) = boards(&db).await?;
    elsewhere(&db, "DELETE FROM boards WHERE name = 'b'").await?;
    session[a].color = "red".into();
    session[b].color = "red".into();
    assert_eq!(stale(&session.commit().await.unwrap_err()), ("Board", "b"));
    session.recover().await?;
    session.detach(b);
    session.commit().await?;
    assert_eq!(stored::<String>(&db, "SELECT color FROM boards").await?, ["red"]);
    assert_eq!(session[a].version, 1);
    settled(&db, &mut session).await
}

async fn refresh_takes_the_version_of_others(db: Database) -> Result<()> {
    let (mut session, [a, _], _) = boards(&db).await?;
    session[a].color = "mine".into();
    elsewhere(&db, "UPDATE boards SET color = 'theirs', version = 4 WHERE name = 'a'").await?;
    session.refresh(a).await?;
    assert_eq!((&*session[a].color, session[a].version), ("theirs", 4));
    session[a].color = "mine".into();
    session.commit().await?;
    assert_eq!(versions(&db, "boards").await?, [0, 5]);
    settled(&db, &mut session).await
}

async fn a_switched_child_keyed_by_its_parent_counts_on(db: Database) -> Result<()> {
    let (mut session, [a, _], _) = boards(&db).await?;
    let old = session.add(Cover { board: a.into(), text: "old".into(), ..Cover::default() });
    session.commit().await?;
    session.delete(old);
    let new = session.add(Cover { board: a.into(), text: "new".into(), ..Cover::default() });
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE covers SET text = ?, version = ? WHERE board_id = ? AND version = ? x1"]);
    assert_eq!(session[new].version, 1);
    session[new].text = "newer".into();
    session.commit().await?;
    assert_eq!(versions(&db, "covers").await?, [2]);
    settled(&db, &mut session).await
}

async fn members_that_change_places_count_their_versions(db: Database) -> Result<()> {
    let (mut session, [a, _], _) = boards(&db).await?;
    let lines = [0, 1, 2].map(|_| session.add(Line::default()));
    session[a].lines = lines.to_vec().into();
    session.commit().await?;
    session[a].lines.swap(0, 2);
    session.commit().await?;
    assert_eq!(lines.map(|line| (session[line].place, session[line].version)), [(2, 1), (1, 0), (0, 1)]);
    assert_eq!(session[a].version, 0);
    session[a].lines.remove(lines[2]);
    session.commit().await?;
    assert_eq!(
        stored::<(i64, i64)>(&db, "SELECT place, version FROM lines ORDER BY id").await?,
        [(1, 2), (0, 1)]
    );
    assert_eq!([lines[0], lines[1]].map(|line| session[line].version), [2, 1]);
    settled(&db, &mut session).await
}

async fn a_stale_orphan_is_told(db: Database) -> Result<()> {
    let (mut session, [a, _], _) = boards(&db).await?;
    let line = session.add(Line { board: a.into(), ..Line::default() });
    session.commit().await?;
    elsewhere(&db, "UPDATE lines SET version = 3").await?;
    session[a].lines.remove(line);
    assert_eq!(stale(&session.commit().await.unwrap_err()), ("Line", "1"));
    session.rollback().await?;
    assert!(session[a].lines.contains(line));
    session.refresh(line).await?;
    session[a].lines.remove(line);
    session.commit().await?;
    assert!(versions(&db, "lines").await?.is_empty());
    settled(&db, &mut session).await
}

async fn a_row_written_by_criteria_is_written_again_by_its_handle(db: Database) -> Result<()> {
    let (mut session, [a, b], _) = boards(&db).await?;
    session[a].color = "red".into();
    session.execute(Board::update().set(Board::COLOR, "blue").everything()).await?;
    assert_eq!([a, b].map(|board| session[board].version), [2, 1]);
    session[a].color = "green".into();
    session.delete(b);
    session.commit().await?;
    assert_eq!(versions(&db, "boards").await?, [3]);
    settled(&db, &mut session).await
}

async fn merge_of_a_value_that_was_detached_before_a_commit_is_stale(db: Database) -> Result<()> {
    let (mut session, [a, b], _) = boards(&db).await?;
    session[a].color = "pink".into();
    session.commit().await?;
    let mut form = session.detach(a);
    let a = session.get_one::<Board>("a").await?;
    session[a].color = "red".into();
    session[b].color = "red".into();
    session.flush().await?;
    form.color = "blue".into();
    assert_eq!(stale(&session.merge(form.clone()).await.unwrap_err()), ("Board", "a"));
    // Nothing became of it, and the session goes on.
    assert_eq!(session[a].color, "red");
    form.version = session[a].version;
    assert_eq!(session.merge(form).await?, a);
    session.commit().await?;
    assert_eq!(stored::<String>(&db, "SELECT color FROM boards ORDER BY name").await?, ["blue", "red"]);
    assert_eq!(versions(&db, "boards").await?, [1, 3]);
    settled(&db, &mut session).await
}

async fn a_version_stays_after_a_flush_without_a_difference(db: Database) -> Result<()> {
    let (mut session, [a, b], _) = boards(&db).await?;
    session[a].color = String::new();
    session[a].slips = session[a].slips.clone();
    session[b].color = "red".into();
    session.commit().await?;
    assert_eq!([a, b].map(|board| session[board].version), [0, 1]);
    settled(&db, &mut session).await
}

async fn recover_after_stale_data_goes_on_with_a_refresh(db: Database) -> Result<()> {
    let (mut session, [a, b], [one, _]) = boards(&db).await?;
    session[a].color = "red".into();
    session.flush().await?;
    session[b].color = "red".into();
    session[one].text = "kept".into();
    session.commit().await?;
    elsewhere(&db, "UPDATE boards SET version = 8 WHERE name = 'b'").await?;
    session[a].color = "blue".into();
    session[b].color = "blue".into();
    session[one].text = "newer".into();
    assert_eq!(stale(&session.commit().await.unwrap_err()), ("Board", "b"));
    session.recover().await?;
    session.refresh(b).await?;
    session[b].color = "white".into();
    session.commit().await?;
    assert_eq!(
        stored::<(String, i64)>(&db, "SELECT color, version FROM boards ORDER BY name").await?,
        [("blue".to_owned(), 2), ("white".to_owned(), 9)]
    );
    assert_eq!(session[one].version, 2);
    settled(&db, &mut session).await
}
