//! Rule 3 and promise 7: a flush that fails leaves nothing half done, loses nothing, and says what and where.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Node, Post, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, posts, tags, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_failed_flush_is_rolled_back_in_its_own_hop,
    a_failed_flush_writes_no_generated_values,
    a_failed_flush_takes_the_whole_transaction_back,
    recover_keeps_the_work_of_earlier_flushes,
    recover_keeps_deletes_and_changes_of_earlier_flushes,
    recover_keeps_moves_and_pairs,
    rollback_after_a_failure_drops_new_work,
    t9_a_failed_flush_blocks_the_session,
    memory_can_be_read_and_mended_while_inactive,
    a_refused_plan_sends_nothing_and_leaves_the_session_active,
    v1_two_sessions_the_second_is_stale,
    v1_a_stale_delete_is_told,
    a_row_deleted_elsewhere_is_told_without_versions_too,
    a_stale_commit_stores_nothing_else,
    after_stale_data_refresh_and_try_again,
    a_null_in_a_required_column_names_it,
    a_value_that_cannot_be_sent_names_its_column,
    recover_without_a_failure_makes_flushed_work_pending_again,
];

/// Rule 3.
async fn a_failed_flush_is_rolled_back_in_its_own_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    session.add(tag("red"));
    db.log.clear();
    session.commit().await.expect_err("the tag is there");
    assert_eq!(db.log.hops(), 1);
    assert_eq!(users(&db).await?, [], "the engine is free, and the first insert is gone");
    assert!(!session.in_transaction());
    db.log.clear();
    session.rollback().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Rule 3: only on success.
async fn a_failed_flush_writes_no_generated_values(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    let version = session[notes].version;
    session[notes].title.push('!');
    let bob = session.add(user("Bob"));
    session.add(tag("red"));
    session.commit().await.expect_err("the tag is there");
    assert_eq!(session[bob].id, 0);
    assert_eq!(session[notes].version, version);
    assert_eq!(session[notes].title, "Notes!");
    session.recover().await?;
    assert_eq!((session[bob].id, session[notes].version), (0, version));
    assert!(session.is_dirty());
    Ok(())
}

/// Rule 3: the whole transaction.
async fn a_failed_flush_takes_the_whole_transaction_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    session.flush().await?;
    session.add(tag("red"));
    session.flush().await.expect_err("the tag is there");
    assert_eq!(users(&db).await?, []);
    session.rollback().await?;
    session.add(user("Ada"));
    session.commit().await?;
    assert_eq!(users(&db).await?.len(), 1);
    Ok(())
}

/// Promise 7.
async fn recover_keeps_the_work_of_earlier_flushes(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.flush().await?;
    let notes = session.add(post("Notes", ada));
    session.flush().await?;
    let red = session.add(tag("red"));
    session[notes].tags.push(red);
    session.commit().await.expect_err("the tag is there");
    session.recover().await?;
    session[red].name = "scarlet".into();
    session.commit().await?;
    assert_eq!(users(&db).await?, [(session[ada].id, "Ada".to_owned())]);
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), session[ada].id)]);
    assert_eq!(tags(&db).await?, ["red", "scarlet"]);
    assert_eq!(session[notes].tags.loaded(), Some(&[red][..]));
    assert_eq!(session.get::<Post>(session[notes].id).await?, Some(notes));
    Ok(())
}

/// Promise 7.
async fn recover_keeps_deletes_and_changes_of_earlier_flushes(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    let all = session.add_all([1, 2, 3].map(|id| Account { id, balance: 0 }));
    session.commit().await?;
    session[all[0]].balance = 1;
    session.delete(all[1]);
    session.flush().await?;
    session[all[2]].balance = 3;
    let red = session.add(tag("red"));
    session.commit().await.expect_err("the tag is there");
    assert_eq!(accounts(&db).await?, [(1, 0), (2, 0), (3, 0)]);
    session.recover().await?;
    assert_eq!(session[all[0]].balance, 1);
    assert_eq!(session.get::<Account>(2).await?, None, "still marked");
    session.delete(red);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 1), (3, 3)]);
    assert!(session.peek(all[1]).is_none());
    Ok(())
}

/// Promise 7.
async fn recover_keeps_moves_and_pairs(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    session[notes].tags.push(red);
    session.commit().await?;
    session[bob].posts.push(notes);
    session[ada].posts.remove(notes);
    session[notes].tags.remove(red);
    session[notes].tags.push(blue);
    session.flush().await?;
    session.add(User { name: "Twin".into(), ..user("Ada") });
    session.commit().await.expect_err("the address is taken");
    session.recover().await?;
    assert_eq!(session[notes].author.handle(), Some(bob));
    assert_eq!(session[notes].tags.loaded(), Some(&[blue][..]));
    let twin = session.changes()?;
    assert!(!twin.to_string().is_empty());
    session.commit().await.expect_err("still taken");
    session.rollback().await?;
    assert_eq!(session[notes].author.handle(), Some(ada), "rollback after recover: as committed");
    assert_eq!(session[notes].tags.loaded(), Some(&[red][..]));
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 1)]);
    Ok(())
}

/// Promise 7.
async fn rollback_after_a_failure_drops_new_work(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    let ada = session.add(user("Ada"));
    session.add(tag("red"));
    session.commit().await.expect_err("the tag is there");
    session.rollback().await?;
    assert_eq!(session[account].balance, 5);
    assert!(session.peek(ada).is_none());
    assert!(!session.is_dirty());
    session[account].balance = 7;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 7)]);
    Ok(())
}

/// Behaviour T9.
async fn t9_a_failed_flush_blocks_the_session(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session.add(tag("red"));
    let first = session.commit().await.expect_err("the tag is there").to_string();
    let mut answers: Vec<Option<Error>> = Vec::new();
    for _ in 0..5 {
        answers.push(session.commit().await.err());
    }
    answers.push(session.flush().await.err());
    answers.push(session.begin().await.err());
    answers.push(session.get::<Account>(1).await.err());
    answers.push(session.get::<User>(1).await.err());
    answers.push(session.all(User::select()).await.err());
    answers.push(session.count(User::select()).await.err());
    answers.push(session.execute(sql("DELETE FROM users")).await.err());
    answers.push(session.refresh(ada).await.err());
    answers.push(session.load(&[ada], User::POSTS).await.err());
    for (at, answer) in answers.into_iter().enumerate() {
        let error = answer.unwrap_or_else(|| panic!("call {at} should be refused"));
        assert!(matches!(error, Error::Inactive { .. }), "call {at}: {error}");
        assert!(error.to_string().contains(&first), "call {at} quotes the first error: {error}");
        assert!(error.to_string().contains("rollback") && error.to_string().contains("recover"), "{error}");
    }
    session.rollback().await?;
    session.commit().await?;
    assert_eq!(users(&db).await?.len(), 1);
    Ok(())
}

/// Promise 7.
async fn memory_can_be_read_and_mended_while_inactive(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags VALUES (1, 'red')").await?;
    let mut session = db.engine.session();
    let red = session.add(tag("red"));
    session.commit().await.expect_err("the tag is there");
    assert_eq!(session[red].name, "red");
    session[red].name = "scarlet".into();
    session.recover().await?;
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["red", "scarlet"]);
    Ok(())
}

/// Section 5: what the planner refuses was never sent.
async fn a_refused_plan_sends_nothing_and_leaves_the_session_active(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 1 });
    session.flush().await?;
    let twin = session.add(Account { id: 1, balance: 2 });
    session[account].balance = 5;
    assert!(matches!(session.flush().await, Err(Error::Flush(_))));
    assert!(session.in_transaction(), "what was flushed before stays");
    session.delete(twin);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Behaviour V1.
async fn v1_two_sessions_the_second_is_stale(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut one = db.engine.session();
    let ada = one.add(user("Ada"));
    let notes = one.add(post("Notes", ada));
    one.commit().await?;
    let mut two = db.engine.session();
    let same = two.get_one::<Post>(1).await?;
    two[same].title = "two".into();
    two.commit().await?;
    one[notes].title = "one".into();
    let error = one.commit().await.expect_err("stale");
    let Error::StaleData(stale) = &error else { panic!("{error}") };
    assert_eq!((stale.entity, stale.key.as_str(), stale.action), ("Post", "1", "update"));
    assert_eq!((stale.expected, stale.matched), (1, 0));
    assert!(error.to_string().contains("expected 1 row, matched 0"), "{error}");
    assert_eq!(posts(&db).await?, [("two".to_owned(), 1)]);
    Ok(())
}

/// Behaviour V1.
async fn v1_a_stale_delete_is_told(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut one = db.engine.session();
    let ada = one.add(user("Ada"));
    let notes = ["a", "b"].map(|title| one.add(post(title, ada)));
    one.commit().await?;
    let mut two = db.engine.session();
    let same = two.get_one::<Post>(2).await?;
    two[same].title = "changed".into();
    two.commit().await?;
    notes.iter().for_each(|&post| one.delete(post));
    let error = one.commit().await.expect_err("stale");
    let Error::StaleData(stale) = &error else { panic!("{error}") };
    assert_eq!((stale.entity, stale.key.as_str(), stale.action), ("Post", "2", "delete"));
    assert_eq!(posts(&db).await?.len(), 2, "none of them is deleted");
    one.rollback().await?;
    assert_eq!(one.get::<Post>(1).await?, Some(notes[0]));
    Ok(())
}

/// Step 5 of the flush: every UPDATE and DELETE checks its row count.
async fn a_row_deleted_elsewhere_is_told_without_versions_too(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let all = session.add_all([1, 2].map(|id| Account { id, balance: 0 }));
    session.commit().await?;
    elsewhere(&db, "DELETE FROM accounts WHERE id = 2").await?;
    all.iter().for_each(|&account| session[account].balance = 9);
    let error = session.commit().await.expect_err("one is gone");
    let Error::StaleData(stale) = &error else { panic!("{error}") };
    assert_eq!((stale.entity, stale.key.as_str(), stale.action), ("Account", "2", "update"));
    session.rollback().await?;
    session.delete(all[1]);
    let error = session.commit().await.expect_err("it is gone already");
    let Error::StaleData(stale) = &error else { panic!("{error}") };
    assert_eq!((stale.key.as_str(), stale.action), ("2", "delete"));
    assert_eq!(accounts(&db).await?, [(1, 0)]);
    Ok(())
}

/// Step 5 of the flush: COMMIT rides along only where the check comes first.
async fn a_stale_commit_stores_nothing_else(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 0 });
    session.commit().await?;
    elsewhere(&db, "DELETE FROM accounts").await?;
    session[account].balance = 9;
    session.add(user("Ada"));
    session.add(Node { name: "n".into(), ..Node::default() });
    session.commit().await.expect_err("gone");
    assert_eq!(users(&db).await?, []);
    assert_eq!(db.engine.count(Node::select()).await?, 0);
    Ok(())
}

/// Promise 7: what to do next.
async fn after_stale_data_refresh_and_try_again(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut one = db.engine.session();
    let ada = one.add(user("Ada"));
    let notes = one.add(post("Notes", ada));
    one.commit().await?;
    elsewhere(&db, "UPDATE posts SET title = 'other', version = version + 1").await?;
    one[notes].title.push('!');
    let error = one.commit().await.expect_err("stale");
    assert!(error.to_string().contains("refresh"), "{error}");
    one.rollback().await?;
    one.refresh(notes).await?;
    assert_eq!(one[notes].title, "other");
    one[notes].title.push('!');
    one.commit().await?;
    assert_eq!(posts(&db).await?, [("other!".to_owned(), 1)]);
    Ok(())
}

/// Promise 7. The column is nullable in the struct, but not in the table.
async fn a_null_in_a_required_column_names_it(db: Database) -> Result<()> {
    let columns = "email TEXT NOT NULL, name TEXT NOT NULL, age INTEGER NOT NULL";
    elsewhere(&db, &format!("CREATE TABLE users (id {}, {columns})", db.engine.dialect().auto_key)).await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    let error = session.commit().await.expect_err("no age");
    let constraint = error.constraint().expect("a constraint");
    assert_eq!(constraint.kind, anyorm::error::ConstraintKind::NotNull);
    assert_eq!((constraint.entity, constraint.columns.as_slice()), (Some("User"), &["age".to_owned()][..]));
    assert!(error.sql().is_some_and(|sql| sql.starts_with("INSERT")), "{error}");
    Ok(())
}

/// Promise 7.
async fn a_value_that_cannot_be_sent_names_its_column(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session[ada].name = "A\0da".into();
    let error = session.commit().await.expect_err("NUL in text");
    let text = error.to_string();
    assert!(text.contains("User") && text.contains("name"), "{text}");
    session.recover().await?;
    session[ada].name = "Ada L".into();
    session.commit().await?;
    assert_eq!(users(&db).await?, [(1, "Ada L".to_owned())]);
    Ok(())
}

/// `recover` is allowed at any time: the transaction is rolled back, the work is pending again.
async fn recover_without_a_failure_makes_flushed_work_pending_again(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    let ada = session.add(user("Ada"));
    session.flush().await?;
    session.recover().await?;
    assert!(!session.in_transaction());
    assert_eq!(users(&db).await?, []);
    assert_eq!((session[account].balance, session[ada].name.as_str()), (6, "Ada"));
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    assert_eq!(users(&db).await?, [(session[ada].id, "Ada".to_owned())]);
    Ok(())
}
