//! Hooks that answer an error, or panic.

use anyorm::prelude::*;
use anyorm::{Error, Hooks, Moments, Operation, Result};
use anyorm_tests::{Account, Tag, User, blog, tag, user};
use futures_lite::FutureExt;
use orm_testkit::{Behaviour, Database, behaviours};

use super::{at, failing};
use crate::support::{accounts, elsewhere, tags, users};

pub(super) const BEHAVIOURS: &[Behaviour] = &behaviours![
    an_error_before_names_entity_and_key,
    an_error_before_sends_nothing_and_loses_nothing,
    an_error_of_before_flush_sends_nothing,
    an_error_after_takes_the_transaction_back,
    an_error_of_after_flush_takes_the_transaction_back,
    an_error_after_inside_a_savepoint_takes_that_part_back,
    an_error_in_an_autoflush_says_so,
    a_panic_before_sends_nothing,
    a_panic_after_takes_the_transaction_back,
    a_panic_in_after_flush_takes_the_transaction_back,
    a_panic_in_after_commit_undoes_nothing,
    a_panic_in_after_load_leaves_the_session_usable,
    a_flush_that_fails_in_the_database_has_no_after_hooks,
    what_a_hook_changed_stays_when_the_plan_is_refused,
    a_failure_that_a_hook_hides_is_not_committed,
];

async fn session(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO accounts VALUES (1, 10)").await?;
    Ok(db.engine.session())
}

fn no_luck<E>(_: E) -> Result<()> {
    Err(Error::other("no luck"))
}

async fn an_error_before_names_entity_and_key(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(
        Hooks::<Account>::new().before_update(|_, _| no_luck(())).before_delete(|account| no_luck(account)),
    );
    session.listen_to(Hooks::<Tag>::new().before_insert(|tag| no_luck(tag)));
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 11;
    let error = session.flush().await.expect_err("refused");
    assert_eq!(error.to_string(), "before_update of Account 1: no luck");
    let Error::Hook(hook) = error else { panic!("of its own kind") };
    assert_eq!((hook.hook, hook.entity, hook.key.as_deref()), ("before_update", Some("Account"), Some("1")));
    session.delete(account);
    let error = session.flush().await.expect_err("refused");
    assert_eq!(error.to_string(), "before_delete of Account 1: no luck");
    session.add(tag("red"));
    let error = session.flush().await.expect_err("refused");
    assert_eq!(error.to_string(), "before_insert of new Tag: no luck");
    Ok(())
}

async fn an_error_before_sends_nothing_and_loses_nothing(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<Tag>::new().before_insert(|tag| match tag.name.as_str() {
        "" => Err(Error::other("a tag needs a name")),
        _ => Ok(()),
    }));
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 11;
    session.add(user("Ada"));
    let nameless = session.add(tag(""));
    db.log.clear();
    session.commit().await.expect_err("refused");
    assert_eq!(db.log.hops(), 0);
    assert!(!session.in_transaction());
    assert_eq!(session.changes()?.len(), 3);
    session[nameless].name = "red".into();
    session.commit().await?;
    assert_eq!((accounts(&db).await?, tags(&db).await?), (vec![(1, 11)], vec!["red".to_owned()]));
    Ok(())
}

async fn an_error_of_before_flush_sends_nothing(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen(failing(Moments::BEFORE_FLUSH));
    session.add(tag("red"));
    db.log.clear();
    let error = session.flush().await.expect_err("refused");
    assert_eq!(error.to_string(), "before_flush: no luck");
    assert_eq!(db.log.hops(), 0);
    assert!(session.is_dirty());
    Ok(())
}

async fn an_error_after_takes_the_transaction_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<Tag>::new().after_insert(|tag| match tag.name.as_str() {
        "red" => Err(Error::other("not red")),
        _ => Ok(()),
    }));
    session.add(user("Ada"));
    session.flush().await?;
    let red = session.add(tag("red"));
    let error = session.commit().await.expect_err("not red");
    assert_eq!(error.to_string(), "after_insert of Tag 1: not red");
    assert!(!session.in_transaction());
    assert_eq!(users(&db).await?, [], "the whole transaction, and the engine is free");
    let Err(Error::Inactive { first }) = session.get::<User>(1).await else { panic!("inactive") };
    assert!(matches!(*first, Error::Hook(_)));
    session.recover().await?;
    assert_eq!(session[red].id, 0);
    session[red].name = "blue".into();
    session.commit().await?;
    assert_eq!((users(&db).await?.len(), tags(&db).await?), (1, vec!["blue".to_owned()]));
    Ok(())
}

async fn an_error_of_after_flush_takes_the_transaction_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let account = session.get_one::<Account>(1).await?;
    session.listen(failing(Moments::AFTER_FLUSH));
    session[account].balance = 11;
    let red = session.add(tag("red"));
    let error = session.flush().await.expect_err("no luck");
    assert_eq!(error.to_string(), "after_flush: no luck");
    assert!(matches!(session.commit().await, Err(Error::Inactive { .. })));
    assert_eq!(accounts(&db).await?, [(1, 10)]);
    session.rollback().await?;
    assert_eq!(session[account].balance, 10);
    assert!(session.peek(red).is_none());
    Ok(())
}

async fn an_error_after_inside_a_savepoint_takes_that_part_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<Tag>::new().after_insert(|tag| no_luck(tag)));
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 11;
    let mut nested = session.begin_nested().await?;
    nested[account].balance = 12;
    nested.add(tag("red"));
    nested.flush().await.expect_err("no luck");
    assert!(matches!(nested.flush().await, Err(Error::Inactive { .. })));
    nested.rollback().await?;
    assert_eq!(session[account].balance, 11);
    session.commit().await?;
    assert_eq!((accounts(&db).await?, tags(&db).await?.len()), (vec![(1, 11)], 0));
    Ok(())
}

async fn an_error_in_an_autoflush_says_so(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<Tag>::new().before_insert(|tag| no_luck(tag)));
    session.add(tag("red"));
    let error = session.count(Tag::select()).await.expect_err("no luck");
    assert_eq!(error.to_string(), "autoflush before reading tags: before_insert of new Tag: no luck");
    Ok(())
}

async fn a_panic_before_sends_nothing(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<Tag>::new().before_insert(|tag| {
        assert_ne!(tag.name, "red");
        Ok(())
    }));
    let red = session.add(tag("red"));
    db.log.clear();
    let flush = std::panic::AssertUnwindSafe(session.commit()).catch_unwind().await;
    flush.expect_err("it panics");
    assert_eq!(db.log.hops(), 0);
    session[red].name = "blue".into();
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["blue"]);
    Ok(())
}

async fn a_panic_after_takes_the_transaction_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<Tag>::new().after_insert(|tag| {
        assert_ne!(tag.name, "red");
        Ok(())
    }));
    let red = session.add(tag("red"));
    let commit = std::panic::AssertUnwindSafe(session.commit()).catch_unwind().await;
    commit.expect_err("it panics");
    let error = session.commit().await.expect_err("inactive");
    assert!(error.to_string().contains("did not come to their end"), "{error}");
    assert_eq!(tags(&db).await?, [""; 0], "the engine is free");
    session.recover().await?;
    session[red].name = "blue".into();
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["blue"]);
    Ok(())
}

async fn a_panic_in_after_flush_takes_the_transaction_back(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen(at(Moments::AFTER_FLUSH, |session| {
        Operation::new(async move {
            session.count(Tag::select()).await?;
            panic!("in the middle of it")
        })
    }));
    session.add(tag("red"));
    let commit = std::panic::AssertUnwindSafe(session.commit()).catch_unwind().await;
    commit.expect_err("it panics");
    session.rollback().await?;
    assert_eq!(tags(&db).await?, [""; 0]);
    assert!(!session.is_dirty());
    Ok(())
}

async fn a_panic_in_after_commit_undoes_nothing(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen(at(Moments::AFTER_COMMIT, |_| panic!("too late")));
    session.add(tag("red"));
    let commit = std::panic::AssertUnwindSafe(session.commit()).catch_unwind().await;
    commit.expect_err("it panics");
    assert_eq!(tags(&db).await?, ["red"]);
    assert_eq!(session.count(Tag::select()).await?, 1);
    assert!(!session.is_dirty());
    Ok(())
}

async fn a_panic_in_after_load_leaves_the_session_usable(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<Account>::new().after_load(|account| assert_ne!(account.balance, 10)));
    let read = std::panic::AssertUnwindSafe(session.get::<Account>(1)).catch_unwind().await;
    read.expect_err("it panics");
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 11;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 11)]);
    Ok(())
}

async fn a_flush_that_fails_in_the_database_has_no_after_hooks(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<Tag>::new().after_insert(|_| panic!("nothing was stored")));
    session.add(tag("red"));
    session.add(tag("red"));
    let error = session.commit().await.expect_err("they are the same");
    assert!(error.constraint().is_some());
    session.rollback().await?;
    session.commit().await
}

async fn what_a_hook_changed_stays_when_the_plan_is_refused(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen_to(Hooks::<User>::new().before_insert(|user| {
        user.name.push('!');
        Ok(())
    }));
    session.listen_to(Hooks::<Tag>::new().before_insert(|tag| no_luck(tag)));
    let ada = session.add(user("Ada"));
    let red = session.add(tag("red"));
    session.flush().await.expect_err("refused");
    assert_eq!(session[ada].name, "Ada!");
    session.delete(red);
    session.commit().await?;
    assert_eq!(users(&db).await?, [(1, "Ada!!".to_owned())], "hooks run again with the next flush");
    Ok(())
}

async fn a_failure_that_a_hook_hides_is_not_committed(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    session.listen(at(Moments::BEFORE_COMMIT, |session| {
        Operation::new(async move {
            let _ = session.flush().await;
            Ok(())
        })
    }));
    session.add(tag("red"));
    session.add(tag("red"));
    assert!(matches!(session.commit().await, Err(Error::Inactive { .. })));
    session.rollback().await?;
    assert_eq!(tags(&db).await?, [""; 0]);
    Ok(())
}
