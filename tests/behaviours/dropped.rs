//! Rules 16 and 17: flushes and commits whose future was dropped, and values that settle later.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Post, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours, step};

use crate::support::{accounts, elsewhere, posts, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    never_polled_is_nothing_happened,
    a_commit_dropped_at_any_poll_settles_in_the_next_call,
    a_flush_dropped_at_any_poll_can_be_rolled_back,
    a_flush_dropped_at_any_poll_can_be_committed,
    a_dropped_commit_is_settled_by_rollback_too,
    what_is_written_meanwhile_is_a_change_after_the_settle,
    deleted_meanwhile_is_a_delete_after_the_settle,
    an_update_dropped_settles_its_version,
    generated_values_do_not_overwrite_what_was_written_meanwhile,
    a_dropped_flush_that_fails_makes_the_session_inactive,
    a_dropped_delete_settles,
    a_dropped_read_leaves_nothing_behind,
    a_dropped_read_in_a_transaction_keeps_the_transaction,
    a_dropped_statement_runs_on_in_the_transaction,
    a_session_dropped_with_its_flush_leaves_the_engine_free,
    a_dropped_rollback_rolls_back,
    a_dropped_refresh_changes_nothing_or_all,
];

/// Drops the future at its n-th poll, for each n until it is ready in time: `body` is called with each n, and answers
/// whether it was ready.
pub(crate) async fn at_every_poll<Fut: Future<Output = Result<bool>>>(
    body: impl Fn(usize) -> Fut,
) -> Result<()> {
    for polls in 0.. {
        if body(polls).await? {
            return Ok(());
        }
        assert!(polls < 50, "it is never ready");
    }
    Ok(())
}

/// Rule 16.
async fn never_polled_is_nothing_happened(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    db.log.clear();
    drop(session.commit());
    drop(session.flush());
    assert_eq!(db.log.hops(), 0);
    assert!(session.is_dirty());
    assert_eq!(session[ada].id, 0);
    session.commit().await?;
    assert_eq!(users(&db).await?.len(), 1);
    Ok(())
}

/// Rule 16.
async fn a_commit_dropped_at_any_poll_settles_in_the_next_call(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM users").await?;
        let mut session = db.engine.session();
        let ada = session.add(user("Ada"));
        let notes = session.add(post("Notes", ada));
        let done = step::polls(polls, session.commit());
        assert_eq!(session[ada].name, "Ada", "entities never leave");
        session.commit().await?;
        assert!(session[ada].id > 0 && session[notes].id > 0);
        assert_eq!(session[notes].author.key(), Some(&session[ada].id));
        assert!(!session.is_dirty());
        assert_eq!(users(db).await?, [(session[ada].id, "Ada".to_owned())], "once, after {polls} polls");
        assert_eq!(posts(db).await?.len(), 1);
        assert_eq!(session.get::<User>(session[ada].id).await?, Some(ada));
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rule 16.
async fn a_flush_dropped_at_any_poll_can_be_rolled_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let mut session = db.engine.session();
        let account = session.get::<Account>(1).await?;
        let account = account.unwrap_or_else(|| session.add(Account { id: 1, balance: 5 }));
        session.commit().await?;
        session[account].balance = 6;
        let ada = session.add(user("Ada"));
        let done = step::polls(polls, session.flush());
        session.rollback().await?;
        assert_eq!(session[account].balance, 5);
        assert!(session.peek(ada).is_none());
        assert!(!session.in_transaction() && !session.is_dirty());
        assert_eq!(users(db).await?, []);
        assert_eq!(accounts(db).await?, [(1, 5)]);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rule 16.
async fn a_flush_dropped_at_any_poll_can_be_committed(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM accounts").await?;
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 5 });
        session.flush().await?;
        session[account].balance = 6;
        let done = step::polls(polls, session.flush());
        session[account].balance += 1;
        session.commit().await?;
        assert_eq!(accounts(db).await?, [(1, 7)]);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rule 16: the session's next async call, whichever that is.
async fn a_dropped_commit_is_settled_by_rollback_too(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM accounts").await?;
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 5 });
        let done = step::polls(polls, session.commit());
        session.rollback().await?;
        let stored = accounts(db).await?;
        // Sent or not, memory and database agree.
        match session.peek(account) {
            Some(account) => assert_eq!(stored, [(account.id, account.balance)]),
            None => assert_eq!(stored, []),
        }
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rule 16: settle compares with the images that were sent.
async fn what_is_written_meanwhile_is_a_change_after_the_settle(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM accounts").await?;
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 5 });
        let done = step::polls(polls, session.commit());
        session[account].balance = 6;
        let second = session.add(Account { id: 2, balance: 7 });
        assert!(session.is_dirty());
        session.commit().await?;
        assert_eq!(accounts(db).await?, [(1, 6), (2, 7)]);
        assert!(!session.is_dirty());
        session[second].balance = 8;
        session.rollback().await?;
        assert_eq!((session[account].balance, session[second].balance), (6, 7));
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rule 16.
async fn deleted_meanwhile_is_a_delete_after_the_settle(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 5 });
        let done = step::polls(polls, session.commit());
        session.delete(account);
        session.commit().await?;
        assert!(session.peek(account).is_none());
        assert_eq!(accounts(db).await?, []);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rules 16 and 17.
async fn an_update_dropped_settles_its_version(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM users").await?;
        let mut session = db.engine.session();
        let ada = session.add(user("Ada"));
        let notes = session.add(post("Notes", ada));
        session.commit().await?;
        let version = session[notes].version;
        session[notes].title = "one".into();
        let done = step::polls(polls, session.commit());
        session[notes].title = "two".into();
        session.commit().await?;
        let stored: (String, i64) = session.one(Post::select().columns((Post::TITLE, Post::VERSION))).await?;
        assert_eq!(stored, ("two".to_owned(), session[notes].version));
        // Two updates if the first was sent, one if it was not.
        let raised = session[notes].version - version;
        assert!(raised == 2 || (raised == 1 && done.is_none()), "{raised} after {polls} polls");
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Rule 17. The program gives the key itself while the database gives another one.
async fn generated_values_do_not_overwrite_what_was_written_meanwhile(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let red = session.add(tag("red"));
    let done = step::polls(1, session.flush());
    if done.is_none() {
        session[red].id = 77;
    }
    session.flush().await?;
    session.commit().await?;
    let id: i64 = db.engine.scalar(sql("SELECT id FROM tags").returning::<i64>()).await?;
    assert_eq!(session[red].id, id, "memory and database agree");
    if done.is_none() {
        assert_eq!(id, 77, "and on what the program wrote last");
    }
    Ok(())
}

/// Rules 3 and 16.
async fn a_dropped_flush_that_fails_makes_the_session_inactive(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags (name) VALUES ('red')").await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM tags WHERE id > 1").await?;
        elsewhere(db, "DELETE FROM users").await?;
        let mut session = db.engine.session();
        let red = session.add(tag("red"));
        let ada = session.add(user("Ada"));
        let done = step::polls(polls, session.commit()).map(|outcome| outcome.expect_err("it is there"));
        let error = session.commit().await.expect_err("it fails, or it has failed");
        assert!(error.to_string().contains("tags.name"), "{error}");
        assert!(matches!(error, Error::Inactive { .. }) || polls == 0, "after {polls} polls: {error}");
        session.recover().await?;
        session[red].name = format!("red {polls}");
        session.commit().await?;
        assert_eq!(users(db).await?, [(session[ada].id, "Ada".to_owned())]);
        Ok(done.is_some())
    })
    .await
}

/// Rules 6, 7 and 16.
async fn a_dropped_delete_settles(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 5 });
        session.commit().await?;
        session.delete(account);
        let done = step::polls(polls, session.commit());
        session.commit().await?;
        assert!(session.peek(account).is_none());
        assert_eq!(session.get::<Account>(1).await?, None);
        assert_eq!(accounts(db).await?, []);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Promise 5.
async fn a_dropped_read_leaves_nothing_behind(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5), (2, 6)").await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let mut session = db.engine.session();
        let first = session.get_one::<Account>(1).await?;
        session[first].balance = 50;
        session.set_autoflush(false);
        let done = step::polls(polls, session.all(Account::select()));
        assert_eq!(session[first].balance, 50);
        assert!(!session.in_transaction());
        let second = session.get_one::<Account>(2).await?;
        assert_eq!(session[second].balance, 6);
        assert_eq!(db.engine.count(Account::select()).await?, 2);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Promise 5: the transaction does not end by a dropped read.
async fn a_dropped_read_in_a_transaction_keeps_the_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM accounts").await?;
        let mut session = db.engine.session();
        let account = session.add(Account { id: 1, balance: 5 });
        session.flush().await?;
        let done = step::polls(polls, session.count(Account::select()));
        session[account].balance = 6;
        assert!(session.in_transaction());
        session.commit().await?;
        assert_eq!(accounts(db).await?, [(1, 6)]);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// As documented on `execute`.
async fn a_dropped_statement_runs_on_in_the_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "DELETE FROM accounts").await?;
        let mut session = db.engine.session();
        session.add(Account { id: 1, balance: 5 });
        session.commit().await?;
        let done = step::polls(polls, session.execute(sql("UPDATE accounts SET balance = balance + 1")));
        let seen: i64 = session.scalar(Account::select().columns(Account::BALANCE)).await?;
        assert!(seen == 6 || (seen == 5 && done.is_none()), "{seen}");
        session.rollback().await?;
        assert_eq!(accounts(db).await?, [(1, 5)]);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// Promise 5: no connection returns inside a transaction, or is lost.
async fn a_session_dropped_with_its_flush_leaves_the_engine_free(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let mut session = db.engine.session();
        session.add(Account { id: 1, balance: 5 });
        let done = step::polls(polls, session.flush());
        drop(session);
        assert_eq!(accounts(db).await?, [], "rolled back, after {polls} polls");
        elsewhere(db, "INSERT INTO accounts VALUES (1, 0)").await?;
        elsewhere(db, "DELETE FROM accounts").await?;
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// As documented on `rollback`.
async fn a_dropped_rollback_rolls_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let mut session = db.engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 6;
        session.flush().await?;
        let done = step::polls(polls, session.rollback());
        if polls > 0 {
            assert_eq!(session[account].balance, 5, "memory, once it was polled");
        }
        session.rollback().await?;
        assert_eq!(accounts(db).await?, [(1, 5)]);
        Ok(done.transpose()?.is_some())
    })
    .await
}

/// As documented on `refresh`: dropped, nothing happened.
async fn a_dropped_refresh_changes_nothing_or_all(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let db = &db;
    at_every_poll(|polls| async move {
        elsewhere(db, "UPDATE accounts SET balance = 5").await?;
        let mut session = db.engine.session();
        let account = session.get_one::<Account>(1).await?;
        elsewhere(db, "UPDATE accounts SET balance = 7").await?;
        session[account].balance = 6;
        let done = step::polls(polls, session.refresh(account));
        let expected = if done.is_some() { (7, false) } else { (6, true) };
        assert_eq!((session[account].balance, session.is_dirty()), expected, "after {polls} polls");
        Ok(done.transpose()?.is_some())
    })
    .await
}
