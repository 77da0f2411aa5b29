//! Optimistic locks: counters and times, row counts in batches.

use anyorm::prelude::*;
use anyorm::{Error, Result, schema};
use anyorm_tests::{Account, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, panic_of, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    v1_the_second_of_two_sessions_is_refused,
    v1_one_stale_row_of_two_deletes,
    v1_rows_without_a_version_are_counted_too,
    v3_a_version_that_is_null_is_named,
    v4_a_change_of_the_other_side_counts_no_version,
    v7_a_deleted_entity_is_added_again_as_a_new_one,
    c4_a_reference_that_waits_counts_no_version_of_a_new_row,
    a_version_that_is_a_time,
    a_time_that_has_not_passed_is_counted_up,
    updates_by_criteria_raise_the_version,
];

/// What has a version that is a time, wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SqlType)]
struct Moment(i64);

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "pages")]
struct Page {
    #[key(auto)]
    id: i64,
    text: String,
    #[version(timestamp)]
    changed: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "drafts")]
struct Draft {
    #[key(auto)]
    id: i64,
    text: String,
    #[version(timestamp)]
    changed: Moment,
}

/// It leads to one of its members, which lead to it.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "teams")]
struct Team {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    captain: BelongsTo<Option<Player>>,
    #[version]
    version: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "players")]
struct Player {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    team: BelongsTo<Team>,
    #[version]
    version: i64,
}

fn stale(error: &Error) -> (&str, &str, u64, u64) {
    match error {
        Error::StaleData(stale) => (stale.entity, &stale.key, stale.expected, stale.matched),
        other => panic!("{other}"),
    }
}

async fn two_posts(db: &Database) -> Result<(Session, [Handle<Post>; 2])> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let posts = ["One", "Two"].map(|title| session.add(post(title, ada)));
    session.commit().await?;
    db.log.clear();
    Ok((session, posts))
}

async fn v1_the_second_of_two_sessions_is_refused(db: Database) -> Result<()> {
    let (mut first, [one, _]) = two_posts(&db).await?;
    let mut second = db.engine.session();
    let same = second.get_one::<Post>(1).await?;
    second[same].title = "Theirs".into();
    second.commit().await?;
    first[one].title = "Mine".into();
    let error = first.commit().await.unwrap_err();
    assert_eq!(stale(&error), ("Post", "1", 1, 0));
    assert!(error.to_string().contains("expected 1 row, matched 0"), "{error}");
    first.rollback().await?;
    first.refresh(one).await?;
    first[one].title = "Mine".into();
    first.commit().await?;
    assert_eq!(first[one].version, 2);
    Ok(())
}

async fn v1_one_stale_row_of_two_deletes(db: Database) -> Result<()> {
    for other in [1, 2] {
        let (mut session, posts) = two_posts(&db).await?;
        elsewhere(&db, &format!("UPDATE posts SET version = version + 1 WHERE id = {other}")).await?;
        posts.iter().for_each(|&post| session.delete(post));
        let error = session.commit().await.unwrap_err();
        assert_eq!(stale(&error), ("Post", &*other.to_string(), 2, 1));
        assert!(error.to_string().contains("the delete expected 2 rows, matched 1"), "{error}");
        session.rollback().await?;
        assert_eq!(db.engine.count(Post::select()).await?, 2);
        db.engine.drop_all(&blog()).await?;
    }
    Ok(())
}

async fn v1_rows_without_a_version_are_counted_too(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let rows = session.add_all((1..=3).map(|id| Account { id, balance: 0 }));
    session.commit().await?;
    elsewhere(&db, "DELETE FROM accounts WHERE id = 2").await?;
    rows.iter().for_each(|&account| session[account].balance = 1);
    let error = session.commit().await.unwrap_err();
    assert_eq!(stale(&error), ("Account", "2", 3, 2));
    session.recover().await?;
    session.detach(rows[1]);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 1), (3, 1)]);
    Ok(())
}

/// A table that others made may have one.
async fn v3_a_version_that_is_null_is_named(db: Database) -> Result<()> {
    let key = db.engine.dialect().auto_key;
    elsewhere(&db, &format!("CREATE TABLE pages (id {key}, text TEXT NOT NULL, changed BIGINT)")).await?;
    elsewhere(&db, "INSERT INTO pages (text) VALUES ('a')").await?;
    let mut session = db.engine.session();
    let error = session.get::<Page>(1).await.unwrap_err().to_string();
    assert!(error.contains("cannot read Page.changed: expected an integer, found NULL"), "{error}");
    Ok(())
}

async fn v4_a_change_of_the_other_side_counts_no_version(db: Database) -> Result<()> {
    let (mut session, [one, two]) = two_posts(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    let red = session.add(tag("red"));
    session.link(one, Post::TAGS, red);
    session[ada].age = Some(36);
    session.commit().await?;
    assert_eq!([one, two].map(|post| session[post].version), [0, 0]);
    // A link of its own is a column of its own.
    let bob = session.add(user("Bob"));
    session[one].author = bob.into();
    session.commit().await?;
    assert_eq!([one, two].map(|post| session[post].version), [1, 0]);
    assert_eq!(db.engine.count(Tag::select()).await?, 1);
    Ok(())
}

async fn v7_a_deleted_entity_is_added_again_as_a_new_one(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    let value = session[account].clone();
    session.delete(account);
    session.flush().await?;
    let message = panic_of(|| session[account].balance = 1);
    assert!(message.contains("is deleted"), "{message}");
    let again = session.add(value);
    session.commit().await?;
    assert!(session.peek(account).is_none());
    assert_eq!(session[again].balance, 5);
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

async fn c4_a_reference_that_waits_counts_no_version_of_a_new_row(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Team, Player]).await?;
    let mut session = db.engine.session();
    let team = session.add(Team::default());
    let player = session.add(Player { team: team.into(), ..Player::default() });
    session[team].captain = player.into();
    session.commit().await?;
    assert_eq!((session[team].version, session[player].version), (0, 0));
    let version: i64 = db.engine.scalar(Team::select().columns(Team::VERSION)).await?;
    assert_eq!(version, 0);
    // A row that is stored counts one, though its new captain is stored by the same flush.
    let second = session.add(Player { team: team.into(), ..Player::default() });
    session[team].captain = second.into();
    session.commit().await?;
    assert_eq!(session[team].version, 1);
    elsewhere(&db, "UPDATE teams SET version = 7").await?;
    let third = session.add(Player { team: team.into(), ..Player::default() });
    session[team].captain = third.into();
    let error = session.commit().await.unwrap_err();
    assert_eq!(stale(&error), ("Team", "1", 1, 0));
    Ok(())
}

async fn a_version_that_is_a_time(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Page, Draft]).await?;
    let mut session = db.engine.session();
    let page = session.add(Page { text: "a".into(), ..Page::default() });
    let draft = session.add(Draft { text: "a".into(), ..Draft::default() });
    session.commit().await?;
    let (made, drafted) = (session[page].changed, session[draft].changed);
    // After 2020, in microseconds.
    assert!(made > 1_577_836_800_000_000 && drafted.0 == made, "{made}");
    let stored: i64 = db.engine.scalar(Page::select().columns(Page::CHANGED)).await?;
    assert_eq!(stored, made);
    session[page].text = "b".into();
    session[draft].text = "b".into();
    session.commit().await?;
    assert!(session[page].changed > made && session[draft].changed > drafted);
    let stored: i64 = db.engine.scalar(Page::select().columns(Page::CHANGED)).await?;
    assert_eq!(stored, session[page].changed);
    elsewhere(&db, "UPDATE pages SET changed = 5").await?;
    session[page].text = "c".into();
    let error = session.commit().await.unwrap_err();
    assert_eq!(stale(&error), ("Page", "1", 1, 0));
    Ok(())
}

async fn a_time_that_has_not_passed_is_counted_up(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Page]).await?;
    let future = 9_000_000_000_000_000;
    let mut session = db.engine.session();
    let page = session.add(Page { changed: future, ..Page::default() });
    session.commit().await?;
    assert_eq!(session[page].changed, future, "what the program sets is kept");
    session[page].text = "b".into();
    session.commit().await?;
    assert_eq!(session[page].changed, future + 1);
    session.execute(Page::update().set(Page::TEXT, "c").everything()).await?;
    assert_eq!(session[page].changed, future + 2);
    Ok(())
}

async fn updates_by_criteria_raise_the_version(db: Database) -> Result<()> {
    let (mut session, [one, two]) = two_posts(&db).await?;
    db.engine.execute(Post::update().set(Post::TITLE, "X").filter(Post::ID.eq(1))).await?;
    assert_eq!(sent(&db), ["UPDATE posts SET title = ?, version = posts.version + ? WHERE posts.id = ? x1"]);
    session[one].title = "Mine".into();
    session.commit().await.unwrap_err();
    session.rollback().await?;
    session.execute(Post::update().set(Post::TITLE, "Y").everything()).await?;
    assert_eq!([one, two].map(|post| session[post].version), [2, 1]);
    session.execute(Post::update().set(Post::TITLE, "Z").everything().keep_version()).await?;
    assert_eq!([one, two].map(|post| session[post].version), [2, 1]);
    session[two].title = "Mine".into();
    session.commit().await?;
    assert_eq!(session[two].version, 2);
    Ok(())
}
