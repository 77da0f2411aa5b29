//! Hooks around a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyorm::prelude::*;
use anyorm::{Error, Moments, Operation, Result};
use anyorm_tests::{Account, Tag, blog, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use super::{Notes, Watch, at, failing};
use crate::support::{accounts, tags, users};

pub(super) const BEHAVIOURS: &[Behaviour] = &behaviours![
    t14_what_after_flush_adds_is_flushed_in_the_same_commit,
    t14_more_than_a_hundred_rounds_are_a_flush_error,
    before_commit_may_flush_but_not_end_the_transaction,
    before_commit_refuses_the_commit,
    before_commit_may_add,
    after_commit_works_in_a_transaction_of_its_own,
    an_error_after_commit_is_told_and_nothing_undone,
    an_error_after_commit_is_not_tried_again,
    session_hooks_without_after_flush_keep_one_hop,
    a_failed_commit_has_no_after_commit,
];

async fn t14_what_after_flush_adds_is_flushed_in_the_same_commit(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let left = Arc::new(AtomicUsize::new(3));
    session.listen(at(Moments::AFTER_FLUSH, move |session| {
        let left = Arc::clone(&left);
        Operation::new(async move {
            let round = left.load(Ordering::SeqCst);
            if round > 0 {
                left.store(round - 1, Ordering::SeqCst);
                session.add(tag(&format!("round {round}")));
            }
            Ok(())
        })
    }));
    session.add(user("Ada"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 5, "four flushes, and COMMIT");
    assert_eq!(tags(&db).await?, ["round 3", "round 2", "round 1"]);
    assert!(!session.in_transaction() && !session.is_dirty());
    Ok(())
}

async fn t14_more_than_a_hundred_rounds_are_a_flush_error(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let stop = Arc::new(AtomicUsize::new(0));
    let rounds = Arc::clone(&stop);
    session.listen(at(Moments::AFTER_FLUSH, move |session| {
        let round = rounds.fetch_add(1, Ordering::SeqCst);
        Operation::new(async move {
            if round < 1_000 {
                session.add(tag(&format!("round {round}")));
            }
            Ok(())
        })
    }));
    session.add(user("Ada"));
    let error = session.commit().await.expect_err("it never ends");
    assert!(error.to_string().contains("more than 100 flushes"), "{error}");
    assert_eq!(stop.load(Ordering::SeqCst), 100);
    assert!(matches!(session.flush().await, Err(Error::Inactive { .. })));
    assert_eq!(users(&db).await?, [], "rolled back, and the engine is free");
    stop.store(1_000, Ordering::SeqCst);
    session.recover().await?;
    session.commit().await?;
    assert_eq!(users(&db).await?.len(), 1);
    assert_eq!(tags(&db).await?.len(), 100, "what the hook added was work like any other");
    Ok(())
}

async fn before_commit_may_flush_but_not_end_the_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(at(Moments::BEFORE_COMMIT, |session| {
        Operation::new(async move {
            session.flush().await?;
            assert_eq!(session.count(Tag::select()).await?, 1);
            for error in [session.commit().await, session.rollback().await, session.recover().await] {
                let error = error.expect_err("in the middle of it").to_string();
                assert!(error.contains("already committing"), "{error}");
            }
            let nested = session.begin_nested().await?;
            nested.rollback().await
        })
    }));
    session.add(tag("red"));
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["red"]);
    Ok(())
}

async fn before_commit_refuses_the_commit(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(failing(Moments::BEFORE_COMMIT));
    session.add(tag("red"));
    session.flush().await?;
    let error = session.commit().await.expect_err("refused");
    assert_eq!(error.to_string(), "before_commit: no luck");
    assert!(session.in_transaction());
    assert_eq!(session.count(Tag::select()).await?, 1, "the session goes on");
    session.rollback().await?;
    assert_eq!(tags(&db).await?, [""; 0]);
    Ok(())
}

async fn before_commit_may_add(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(at(Moments::BEFORE_COMMIT, |session| {
        session.add(tag("sealed"));
        Operation::new(async { Ok(()) })
    }));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(tags(&db).await?, ["sealed"]);
    Ok(())
}

async fn after_commit_works_in_a_transaction_of_its_own(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(at(Moments::AFTER_COMMIT, |session| {
        Operation::new(async move {
            if session.get::<Account>(1).await?.is_none() {
                session.add(Account { id: 1, balance: 1 });
                session.commit().await?;
            }
            Ok(())
        })
    }));
    session.add(tag("red"));
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 1)]);
    assert!(!session.in_transaction());
    Ok(())
}

async fn an_error_after_commit_is_told_and_nothing_undone(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(failing(Moments::AFTER_COMMIT));
    let red = session.add(tag("red"));
    let error = session.commit().await.expect_err("told");
    assert_eq!(error.to_string(), "after_commit (the transaction is committed): no luck");
    assert_eq!(tags(&db).await?, ["red"]);
    assert_eq!(session.get::<Tag>(1).await?, Some(red), "the session goes on");
    assert!(!session.is_dirty());
    Ok(())
}

async fn an_error_after_commit_is_not_tried_again(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let tried = AtomicUsize::new(0);
    let tries = &tried;
    let result = db.engine.transaction(|mut tx| async move {
        tries.fetch_add(1, Ordering::SeqCst);
        tx.listen(failing(Moments::AFTER_COMMIT));
        tx.add(tag("red"));
        Ok(())
    });
    let error = result.await.expect_err("told");
    assert!(error.to_string().contains("the transaction is committed"), "{error}");
    assert_eq!(tried.load(Ordering::SeqCst), 1);
    assert_eq!(tags(&db).await?, ["red"]);
    Ok(())
}

async fn session_hooks_without_after_flush_keep_one_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let others =
        [Moments::BEFORE_FLUSH, Moments::BEFORE_COMMIT, Moments::AFTER_COMMIT, Moments::AFTER_ROLLBACK];
    for moment in others {
        session.listen(at(moment, |_| Operation::new(async { Ok(()) })));
    }
    session.add(tag("red"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    session.listen(at(Moments::AFTER_FLUSH, |_| Operation::new(async { Ok(()) })));
    session.add(tag("blue"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 2);
    Ok(())
}

async fn a_failed_commit_has_no_after_commit(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen(Watch(notes.clone()));
    session.add(tag("red"));
    session.add(tag("red"));
    session.commit().await.expect_err("they are the same");
    assert_eq!(notes.take(), ["before commit", "before flush"]);
    session.rollback().await?;
    assert_eq!(notes.take(), ["after rollback"]);
    Ok(())
}
