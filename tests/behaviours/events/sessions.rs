//! Hooks around a flush and a rollback.

use anyorm::prelude::*;
use anyorm::{Moments, Operation, Result};
use anyorm_tests::{Account, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use super::{Notes, Watch, at};
use crate::support::{accounts, elsewhere, posts, sent, tags, users};

pub(super) const BEHAVIOURS: &[Behaviour] = &behaviours![
    every_moment_in_its_order,
    a_clean_session_flushes_without_hooks,
    nothing_written_has_no_after_flush,
    before_flush_may_add_change_and_delete,
    before_flush_may_query_without_a_flush,
    before_flush_sees_what_is_added_changed_and_deleted,
    before_flush_may_take_a_delete_back,
    undelete_keeps_changes,
    undelete_of_what_is_gone_panics,
    t14_a_flush_inside_a_flush_is_refused,
    a_flush_leaves_what_after_flush_adds,
    after_flush_may_query_in_the_transaction,
    after_rollback_follows_rollback_and_recover,
    a_savepoint_rolled_back_is_flushed_again_with_hooks,
    recover_runs_all_hooks_again,
    a_transaction_closure_runs_hooks,
];

async fn every_moment_in_its_order(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen(Watch(notes.clone()));
    session.listen_to::<User>(Watch(notes.clone()));
    session.add(user("Ada"));
    session.commit().await?;
    assert_eq!(
        notes.take(),
        [
            "before commit",
            "before flush",
            "before insert User 0 Ada",
            "after insert User 1 Ada",
            "after flush: insert User 1: email, name, age",
            "after commit",
        ]
    );
    session.commit().await?;
    assert_eq!(notes.take(), ["before commit", "after commit"]);
    Ok(())
}

async fn a_clean_session_flushes_without_hooks(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen(Watch(notes.clone()));
    session.flush().await?;
    session.all(User::select()).await?;
    assert_eq!(notes.take(), [""; 0]);
    Ok(())
}

async fn nothing_written_has_no_after_flush(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10)").await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session.listen(Watch(notes.clone()));
    session[account].balance = 10;
    session.flush().await?;
    assert_eq!(notes.take(), ["before flush"]);
    assert!(!session.in_transaction());
    Ok(())
}

async fn before_flush_may_add_change_and_delete(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10), (2, 20)").await?;
    let mut session = db.engine.session();
    let (one, two) = (session.get_one::<Account>(1).await?, session.get_one::<Account>(2).await?);
    session.listen(at(Moments::BEFORE_FLUSH, move |session| {
        Operation::new(async move {
            session.add(Account { id: 3, balance: 30 });
            session[one].balance += 1;
            session.delete(two);
            Ok(())
        })
    }));
    session.add(tag("red"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(accounts(&db).await?, [(1, 11), (3, 30)]);
    assert_eq!(tags(&db).await?, ["red"]);
    Ok(())
}

async fn before_flush_may_query_without_a_flush(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags (name) VALUES ('red')").await?;
    let mut session = db.engine.session();
    session.listen(at(Moments::BEFORE_FLUSH, |session| {
        Operation::new(async move {
            let count = session.count(Tag::select()).await?;
            for blue in session.added::<Tag>() {
                session[blue].name = format!("{} is number {}", session[blue].name, count + 1);
            }
            Ok(())
        })
    }));
    session.add(tag("blue"));
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["red", "blue is number 2"]);
    Ok(())
}

async fn before_flush_sees_what_is_added_changed_and_deleted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10), (2, 20), (3, 30)").await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    let known = session.all(Account::select().order_by(Account::ID)).await?;
    let noted = notes.clone();
    session.listen(at(Moments::BEFORE_FLUSH, move |session| {
        let noted = noted.clone();
        Operation::new(async move {
            let ids = |handles: Vec<Handle<Account>>| -> Vec<i64> {
                handles.into_iter().map(|account| session[account].id).collect()
            };
            let (added, changed) = (ids(session.added()), ids(session.changed()));
            noted.add(format!("{added:?} {changed:?} {:?}", ids(session.deleted())));
            Ok(())
        })
    }));
    session.add(Account { id: 4, balance: 40 });
    session[known[0]].balance += 1;
    session[known[1]].balance += 0;
    session.delete(known[2]);
    session.commit().await?;
    assert_eq!(notes.take(), ["[4] [1] [3]"]);
    assert!(session.added::<Account>().is_empty() && session.changed::<Account>().is_empty());
    assert!(session.deleted::<Account>().is_empty() && session.changed::<User>().is_empty());
    Ok(())
}

async fn before_flush_may_take_a_delete_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10)").await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session.listen(at(Moments::BEFORE_FLUSH, |session| {
        Operation::new(async move {
            for account in session.deleted::<Account>() {
                session.undelete(account);
                session[account].balance = 0;
            }
            Ok(())
        })
    }));
    session.delete(account);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE accounts SET balance = ? WHERE id = ? x1"]);
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    session.delete(account);
    session.rollback().await?;
    assert_eq!(session[account].balance, 0);
    Ok(())
}

async fn undelete_keeps_changes(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10)").await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 11;
    session.delete(account);
    assert_eq!(session.changes()?.to_string(), "delete Account 1");
    session.undelete(account);
    session.undelete(account);
    assert_eq!(session.changes()?.to_string(), "update Account 1: balance");
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 11)]);
    Ok(())
}

async fn undelete_of_what_is_gone_panics(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10)").await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session.delete(account);
    session.flush().await?;
    let message = crate::support::panic_of(|| session.undelete(account));
    assert!(message.contains("Account 1 has no row any more"), "{message}");
    session.rollback().await?;
    session.undelete(account);
    assert_eq!(session.get::<Account>(1).await?, Some(account));
    Ok(())
}

async fn t14_a_flush_inside_a_flush_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    for moment in [Moments::BEFORE_FLUSH, Moments::AFTER_FLUSH] {
        let mut session = db.engine.session();
        session.listen(at(moment, |session| {
            Operation::new(async move {
                let error = session.flush().await.expect_err("one at a time");
                assert!(error.to_string().contains("already flushing"), "{error}");
                for error in [
                    session.commit().await.expect_err("in the middle of it"),
                    session.rollback().await.expect_err("in the middle of it"),
                    session.recover().await.expect_err("in the middle of it"),
                    session.begin_nested().await.map(drop).expect_err("in the middle of it"),
                ] {
                    assert!(error.to_string().contains("already flushing"), "{error}");
                }
                Ok(())
            })
        }));
        session.add(tag(&format!("{moment:?}")));
        session.flush().await?;
        session.commit().await?;
    }
    assert_eq!(tags(&db).await?.len(), 2);
    Ok(())
}

async fn a_flush_leaves_what_after_flush_adds(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(at(Moments::AFTER_FLUSH, |session| {
        Operation::new(async move {
            if session.count(Tag::select()).await? == 0 {
                session.add(tag("flushed"));
            }
            Ok(())
        })
    }));
    session.add(user("Ada"));
    session.flush().await?;
    assert_eq!(session.added::<Tag>().len(), 1);
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["flushed"]);
    Ok(())
}

async fn after_flush_may_query_in_the_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen(at(Moments::AFTER_FLUSH, |session| {
        Operation::new(async move {
            assert_eq!(session.count(User::select()).await?, 1);
            session.execute(sql("INSERT INTO tags VALUES (7, 'by hand')")).await?;
            Ok(())
        })
    }));
    session.add(user("Ada"));
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["by hand"]);
    Ok(())
}

async fn after_rollback_follows_rollback_and_recover(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen(at(Moments::AFTER_ROLLBACK, {
        let notes = notes.clone();
        move |session| {
            let (notes, dirty) = (notes.clone(), session.is_dirty());
            Operation::new(async move {
                notes.add(format!("dirty: {dirty}"));
                Ok(())
            })
        }
    }));
    session.rollback().await?;
    assert_eq!(notes.take(), [""; 0], "there was nothing to take back");
    session.add(user("Ada"));
    session.flush().await?;
    session.recover().await?;
    assert_eq!(notes.take(), ["dirty: true"]);
    session.rollback().await?;
    assert_eq!(notes.take(), ["dirty: false"]);
    Ok(())
}

async fn a_savepoint_rolled_back_is_flushed_again_with_hooks(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen_to::<User>(Watch(notes.clone()));
    let ada = session.add(user("Ada"));
    let mut nested = session.begin_nested().await?;
    nested[ada].name = "Nobody".into();
    nested.flush().await?;
    nested.rollback().await?;
    notes.take();
    session[ada].name = "Ada Lovelace".into();
    session.commit().await?;
    assert_eq!(
        notes.take(),
        ["before update User 1 Ada Lovelace from User 1 Ada", "after update User 1 Ada Lovelace"]
    );
    assert_eq!(users(&db).await?, [(1, "Ada Lovelace".to_owned())]);
    Ok(())
}

async fn recover_runs_all_hooks_again(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO tags (name) VALUES ('red')").await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen_to::<User>(Watch(notes.clone()));
    session.add(user("Ada"));
    session.flush().await?;
    let red = session.add(tag("red"));
    session.commit().await.expect_err("the tag is there");
    session.recover().await?;
    notes.take();
    session[red].name = "blue".into();
    session.commit().await?;
    let key = if db.has(Capability::KeysAreGivenAgain) { 1 } else { 2 };
    assert_eq!(notes.take(), ["before insert User 0 Ada".to_owned(), format!("after insert User {key} Ada")]);
    Ok(())
}

async fn a_transaction_closure_runs_hooks(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let given = &notes;
    db.engine
        .transaction(|mut tx| async move {
            tx.listen(Watch(given.clone()));
            let ada = tx.add(user("Ada"));
            tx.add(post("Notes", ada));
            Ok(())
        })
        .await?;
    let after_flush =
        "after flush: insert User 1: email, name, age; insert Post 1: title, author_id, version";
    assert_eq!(notes.take(), ["before commit", "before flush", after_flush, "after commit"]);
    let failed = db.engine.transaction(|mut tx| async move {
        tx.listen(Watch(given.clone()));
        Err::<(), _>(anyorm::Error::other("never mind"))
    });
    failed.await.expect_err("it was");
    assert_eq!(notes.take(), ["after rollback"]);
    assert_eq!(posts(&db).await?.len(), 1);
    Ok(())
}
