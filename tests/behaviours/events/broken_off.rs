//! Rule 16 with hooks: flushes and commits whose future was dropped, and hooks that were left half way.

use anyorm::prelude::*;
use anyorm::{Error, Moments, Operation, Result};
use anyorm_tests::{Tag, User, blog, tag, user};
use futures_lite::future::yield_now;
use orm_testkit::{Behaviour, Database, behaviours, step};

use super::{Notes, Watch, at};
use crate::dropped::at_every_poll;
use crate::support::{elsewhere, tags, users};

pub(super) const BEHAVIOURS: &[Behaviour] = &behaviours![
    dropped_in_before_flush_nothing_happened,
    dropped_in_before_commit_nothing_happened,
    dropped_in_after_flush_the_session_is_inactive,
    dropped_at_any_poll_a_commit_is_whole_after_recover,
    dropped_at_any_poll_a_commit_can_be_rolled_back,
    the_next_call_runs_the_hooks_of_a_dropped_flush,
    the_next_call_runs_the_hooks_of_a_dropped_commit,
    a_rollback_after_a_dropped_flush_runs_no_hooks_of_it,
];

/// A hook that takes several polls.
fn slow(moment: Moments) -> super::At {
    at(moment, |_| {
        Operation::new(async {
            for _ in 0..3 {
                yield_now().await;
            }
            Ok(())
        })
    })
}

async fn dropped_in_before_flush_nothing_happened(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(slow(Moments::BEFORE_FLUSH));
    session.add(tag("red"));
    db.log.clear();
    assert!(step::polls(2, session.flush()).is_none());
    assert_eq!(db.log.hops(), 0);
    assert!(session.is_dirty());
    session.flush().await?;
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["red"]);
    Ok(())
}

async fn dropped_in_before_commit_nothing_happened(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(slow(Moments::BEFORE_COMMIT));
    session.add(tag("red"));
    db.log.clear();
    assert!(step::polls(2, session.commit()).is_none());
    assert_eq!(db.log.hops(), 0);
    session.rollback().await?;
    session.add(tag("blue"));
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["blue"]);
    Ok(())
}

async fn dropped_in_after_flush_the_session_is_inactive(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(at(Moments::AFTER_FLUSH, |session| {
        Operation::new(async move {
            let is_first = session.count(Tag::select()).await? == 1;
            // For ever, at the first flush.
            loop {
                yield_now().await;
                if !is_first {
                    return Ok(());
                }
            }
        })
    }));
    let red = session.add(tag("red"));
    let mut polls = 5;
    while !session.in_transaction() {
        // The job may take a while.
        assert!(step::polls(polls, session.flush()).is_none());
        polls += 20;
    }
    let error = session.commit().await.expect_err("the hook may have been needed");
    assert!(matches!(error, Error::Inactive { .. }), "{error}");
    assert_eq!(tags(&db).await?, [""; 0], "the engine is free");
    session.recover().await?;
    assert_eq!(session[red].id, 0);
    session.add(tag("blue"));
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["red", "blue"]);
    Ok(())
}

/// A commit with hooks everywhere.
async fn busy(db: &Database) -> Result<(Session, Notes)> {
    elsewhere(db, "DELETE FROM users").await?;
    elsewhere(db, "DELETE FROM tags").await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen_to::<User>(Watch(notes.clone()));
    session.listen(slow(Moments::BEFORE_COMMIT));
    session.listen(slow(Moments::BEFORE_FLUSH));
    session.listen(at(Moments::AFTER_FLUSH, |session| {
        Operation::new(async move {
            yield_now().await;
            if session.count(Tag::select()).await? == 0 {
                session.add(tag("noted"));
            }
            Ok(())
        })
    }));
    session.listen(Watch(notes.clone()));
    session.listen(slow(Moments::AFTER_COMMIT));
    session.add(user("Ada"));
    Ok((session, notes))
}

async fn dropped_at_any_poll_a_commit_is_whole_after_recover(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let (mut session, notes) = busy(db).await?;
        let done = step::polls(polls, session.commit()).transpose()?.is_some();
        match session.commit().await {
            Err(Error::Inactive { .. }) => {
                assert_eq!(users(db).await?.len(), 0, "after {polls} polls");
                session.recover().await?;
                session.commit().await?;
            }
            other => other?,
        }
        assert_eq!((users(db).await?.len(), tags(db).await?.len()), (1, 1), "after {polls} polls");
        assert!(!session.in_transaction() && !session.is_dirty());
        let noted = notes.take();
        assert!(noted.iter().any(|note| note.starts_with("after insert User")), "{noted:?}");
        assert!(noted.iter().any(|note| note == "after commit"), "{noted:?}");
        Ok(done)
    })
    .await
}

async fn dropped_at_any_poll_a_commit_can_be_rolled_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let db = &db;
    at_every_poll(|polls| async move {
        let (mut session, notes) = busy(db).await?;
        let done = step::polls(polls, session.commit()).transpose()?.is_some();
        session.rollback().await?;
        let stored = users(db).await?.len();
        assert_eq!(stored, tags(db).await?.len(), "both or none, after {polls} polls");
        assert!(!session.in_transaction() && !session.is_dirty());
        let committed = notes.take().iter().any(|note| note == "after commit");
        assert!(!committed || stored == 1, "after {polls} polls");
        session.add(user("Grace"));
        session.commit().await?;
        assert_eq!(users(db).await?.len(), stored + 1);
        Ok(done)
    })
    .await
}

async fn the_next_call_runs_the_hooks_of_a_dropped_flush(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen_to::<User>(Watch(notes.clone()));
    session.listen(Watch(notes.clone()));
    session.add(user("Ada"));
    assert!(step::polls(1, session.flush()).is_none(), "the job was sent");
    assert_eq!(notes.take(), ["before flush", "before insert User 0 Ada"]);
    session.get::<User>(99).await?;
    assert_eq!(notes.take(), ["after insert User 1 Ada", "after flush: insert User 1: email, name, age"]);
    session.commit().await?;
    assert_eq!(users(&db).await?.len(), 1);
    Ok(())
}

async fn the_next_call_runs_the_hooks_of_a_dropped_commit(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    db.engine.create_all(&blog()).await?;
    for rolls_back in [false, true] {
        let notes = Notes::default();
        let mut session = db.engine.session();
        let noted = notes.clone();
        session.listen(at(Moments::AFTER_COMMIT, move |_| {
            noted.add("after commit");
            Operation::new(async { Ok(()) })
        }));
        session.add(tag(&format!("{rolls_back}")));
        assert!(step::polls(1, session.commit()).is_none(), "the job was sent");
        assert_eq!(notes.take(), [""; 0]);
        match rolls_back {
            true => session.rollback().await?,
            false => assert!(session.get::<Tag>(99).await?.is_none()),
        }
        assert_eq!(notes.take(), ["after commit"]);
    }
    assert_eq!(tags(&db).await?, ["false", "true"]);
    Ok(())
}

async fn a_rollback_after_a_dropped_flush_runs_no_hooks_of_it(db: Database) -> Result<()> {
    let db = db.not_looked_for().await?;
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen(Watch(notes.clone()));
    session.add(user("Ada"));
    assert!(step::polls(1, session.flush()).is_none(), "the job was sent");
    session.rollback().await?;
    assert_eq!(notes.take(), ["before flush", "after rollback"]);
    session.commit().await?;
    assert_eq!(notes.take(), ["before commit", "after commit"]);
    assert_eq!(users(&db).await?, []);
    Ok(())
}
