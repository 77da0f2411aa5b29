//! Sessions with options, and when a transaction is tried again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Begin, Error, Hooks, Isolation, Result, Retry, SessionHooks};
use anyorm_tests::{Account, Post, Tag, blog, post, tag, user};
use orm_testkit::{Backend, Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, tags, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_factory_gives_its_options_to_each_session,
    a_session_changes_its_own_options_only,
    begin_commits_and_rolls_back,
    begin_tries_as_often_as_its_policy_says,
    stale_data_is_tried_again_if_asked_for,
    what_the_body_makes_of_an_error_does_not_matter,
    never_means_once,
    it_waits_between_two_tries,
    not_tried_again_after_a_commit_whatever_the_policy,
    p13_the_level_of_an_open_transaction_cannot_be_changed,
    every_level_is_accepted,
    a_factory_on_another_engine_keeps_its_options,
    a_factory_gives_its_listeners_to_each_session,
    not_tried_again_after_a_commit_that_hooks_followed,
    nested_keeps_what_is_ok,
    nested_takes_back_what_is_not,
    nested_in_nested,
    nested_after_a_failed_flush_the_session_goes_on,
    a1_without_autoflush_is_over_after_an_error,
    a1_without_autoflush_in_without_autoflush,
];

async fn a_factory_gives_its_options_to_each_session(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let sessions = SessionFactory::new(db.engine.clone()).autoflush(false);
    for _ in 0..2 {
        let mut session = sessions.session();
        session.add(tag("math"));
        assert_eq!(session.count(Tag::select()).await?, 0);
        assert!(!session.in_transaction());
    }
    let seen = sessions.begin(|mut tx| async move {
        tx.add(tag("math"));
        tx.count(Tag::select()).await
    });
    assert_eq!(seen.await?, 0);
    assert_eq!(tags(&db).await?, ["math"]);
    Ok(())
}

async fn a_session_changes_its_own_options_only(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let sessions = SessionFactory::new(db.engine.clone());
    let mut first = sessions.session();
    first.set_autoflush(false);
    first.add(tag("math"));
    assert_eq!(first.count(Tag::select()).await?, 0);
    let mut second = sessions.clone().session();
    second.add(tag("math"));
    assert_eq!(second.count(Tag::select()).await?, 1);
    Ok(())
}

async fn begin_commits_and_rolls_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let sessions = SessionFactory::new(db.engine.clone());
    let stored = sessions.begin(|mut tx| async move {
        tx.add(Account { id: 1, balance: 5 });
        Ok(())
    });
    stored.await?;
    let refused = sessions.begin(|mut tx| async move {
        let account = tx.get_one::<Account>(1).await?;
        tx[account].balance = 0;
        tx.flush().await?;
        Err::<(), _>(Error::other("no"))
    });
    refused.await.expect_err("it says so");
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// A body that finds its row changed by somebody else, `bad` times; answers how often it ran.
async fn stale(db: &Database, retry: Retry, bad: u32) -> (Result<()>, u32) {
    let tries = AtomicU32::new(0);
    let sessions = SessionFactory::new(db.engine.clone()).retry(retry);
    let result = sessions.begin(|mut tx| {
        let now = tries.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            let notes = tx.get_one::<Post>(1).await?;
            if now <= bad {
                // In the same transaction, since `:memory:` has no other.
                tx.execute(sql("UPDATE posts SET version = version + 1")).await?;
            }
            tx[notes].title.push('!');
            Ok(())
        }
    });
    let result = result.await;
    (result, tries.load(Ordering::Relaxed))
}

/// A post with the key 1.
async fn notes(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await
}

fn is_stale(error: &Error) -> bool {
    matches!(error, Error::StaleData(_))
}

async fn begin_tries_as_often_as_its_policy_says(db: Database) -> Result<()> {
    notes(&db).await?;
    let wrong_row = |retry: Retry| {
        let sessions = SessionFactory::new(db.engine.clone()).retry(retry);
        async move {
            let tries = AtomicU32::new(0);
            let result = sessions.begin(|mut tx| {
                tries.fetch_add(1, Ordering::Relaxed);
                async move { tx.get_one::<Post>(99).await.map(drop) }
            });
            assert!(matches!(result.await, Err(Error::NotFound(_))));
            tries.load(Ordering::Relaxed)
        }
    };
    let missing = |error: &Error| matches!(error, Error::NotFound(_));
    assert_eq!(wrong_row(Retry::times(3).when(missing)).await, 3);
    assert_eq!(wrong_row(Retry::times(0).when(missing)).await, 1);
    assert_eq!(wrong_row(Retry::times(3)).await, 1);
    Ok(())
}

async fn stale_data_is_tried_again_if_asked_for(db: Database) -> Result<()> {
    notes(&db).await?;
    let (result, tries) = stale(&db, Retry::times(4), 1).await;
    assert!(is_stale(&result.expect_err("not by itself")));
    assert_eq!(tries, 1);
    let (result, tries) = stale(&db, Retry::times(4).when(is_stale), 2).await;
    result?;
    assert_eq!(tries, 3);
    let title = db.engine.scalar(Post::select().columns(Post::TITLE)).await?;
    assert_eq!(title, "Notes!", "once, by the try that was committed");
    Ok(())
}

/// The body's own error hides ours: the last statement decides.
async fn what_the_body_makes_of_an_error_does_not_matter(db: Database) -> Result<()> {
    struct Own;
    impl From<Error> for Own {
        fn from(_: Error) -> Self {
            Self
        }
    }
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 0)").await?;
    let broken = |error: &Error| error.constraint().is_some();
    let sessions = SessionFactory::new(db.engine.clone()).retry(Retry::times(2).when(broken));
    let tries = AtomicU32::new(0);
    let result = sessions.try_begin(|mut tx| {
        tries.fetch_add(1, Ordering::Relaxed);
        async move {
            tx.add(Account { id: 1, balance: 1 });
            tx.flush().await.map_err(Own::from)
        }
    });
    assert!(result.await.is_err());
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    Ok(())
}

async fn never_means_once(db: Database) -> Result<()> {
    notes(&db).await?;
    let (result, tries) = stale(&db, Retry::never().when(is_stale), 1).await;
    assert!(is_stale(&result.expect_err("once")));
    assert_eq!(tries, 1);
    Ok(())
}

async fn it_waits_between_two_tries(db: Database) -> Result<()> {
    notes(&db).await?;
    let wait = Duration::from_millis(20);
    let start = Instant::now();
    let (result, tries) = stale(&db, Retry::times(3).when(is_stale).backoff(wait, wait), 1).await;
    result?;
    assert_eq!(tries, 2);
    assert!(start.elapsed() >= wait / 2, "{:?}", start.elapsed());
    Ok(())
}

/// Rule 21.
async fn not_tried_again_after_a_commit_whatever_the_policy(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let sessions = SessionFactory::new(db.engine.clone()).retry(Retry::times(5).when(|_| true));
    let tries = AtomicU32::new(0);
    let result = sessions.begin(|mut tx| {
        tries.fetch_add(1, Ordering::Relaxed);
        async move {
            tx.add(Account { id: 1, balance: 1 });
            tx.commit().await?;
            Err::<(), _>(Error::other("later"))
        }
    });
    result.await.expect_err("its word is the last");
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    assert_eq!(accounts(&db).await?, [(1, 1)]);
    Ok(())
}

/// Behaviour P13.
async fn p13_the_level_of_an_open_transaction_cannot_be_changed(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let serializable = Begin::new().isolation(Isolation::Serializable);
    let mut session = db.engine.session();
    session.begin_with(serializable).await?;
    session.begin_with(Begin::new().isolation(Isolation::ReadCommitted)).await.expect_err("begun");
    session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    let error = session.begin_with(serializable).await.expect_err("open");
    assert!(error.to_string().contains("how it began cannot be changed"), "{error}");
    session.rollback().await?;
    session.begin_with(serializable).await?;
    session.rollback().await?;
    // Without a transaction, both do nothing.
    session.rollback().await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

async fn every_level_is_accepted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    use Isolation::{ReadCommitted, ReadUncommitted, RepeatableRead, Serializable};
    for (id, level) in (1..).zip([ReadUncommitted, ReadCommitted, RepeatableRead, Serializable]) {
        let sessions = SessionFactory::new(db.engine.clone()).isolation(level);
        let stored = sessions.begin(|mut tx| async move {
            tx.add(Account { id, balance: 0 });
            Ok(())
        });
        stored.await?;
        let mut transaction = db.engine.begin_with(Begin::new().isolation(level)).await?;
        let raise = Account::update().set(Account::BALANCE, id).filter(Account::ID.eq(id));
        assert_eq!(transaction.execute(raise).await?, 1);
        transaction.commit().await?;
    }
    assert_eq!(accounts(&db).await?, [(1, 1), (2, 2), (3, 3), (4, 4)]);
    Ok(())
}

async fn a_factory_on_another_engine_keeps_its_options(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let other = Database::open(Backend::Memory).await?;
    other.engine.create_all(&blog()).await?;
    let sessions = SessionFactory::new(db.engine.clone()).autoflush(false).on(&other.engine);
    let mut session = sessions.session();
    session.add(tag("math"));
    assert_eq!(session.count(Tag::select()).await?, 0);
    session.commit().await?;
    assert_eq!((tags(&db).await?.len(), tags(&other).await?.len()), (0, 1));
    Ok(())
}

async fn a_factory_gives_its_listeners_to_each_session(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let lower = Hooks::<Tag>::new().before_insert(|tag| {
        tag.name.make_ascii_lowercase();
        Ok(())
    });
    let plain = SessionFactory::new(db.engine.clone());
    let sessions = plain.clone().listen_to(lower);
    for name in ["MATH", "POETRY"] {
        let mut session = sessions.session();
        session.add(tag(name));
        session.commit().await?;
    }
    let mut session = plain.session();
    session.add(tag("LOOMS"));
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["math", "poetry", "LOOMS"]);
    Ok(())
}

/// Fails after each commit, in a transaction of its own.
struct FailsAfterCommit;

impl SessionHooks for FailsAfterCommit {
    async fn after_commit(&self, session: &mut Session) -> Result<()> {
        session.begin().await?;
        Err(Error::other("too late"))
    }
}

/// Rule 21.
async fn not_tried_again_after_a_commit_that_hooks_followed(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let retry = Retry::times(5).when(|_| true);
    let sessions = SessionFactory::new(db.engine.clone()).retry(retry).listen(FailsAfterCommit);
    let stored = sessions.begin(|mut tx| async move {
        tx.add(user("Ada"));
        Ok(())
    });
    stored.await.expect_err("the hook failed");
    assert_eq!(users(&db).await?.len(), 1, "stored once");
    Ok(())
}

async fn nested_keeps_what_is_ok(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.nested(async |session| {
        let account = session.add(Account { id: 1, balance: 5 });
        Ok::<_, Error>(account)
    });
    let account = account.await?;
    assert!(session.in_transaction(), "kept as part of the transaction");
    session[account].balance += 1;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    Ok(())
}

async fn nested_takes_back_what_is_not(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 6;
    let refused = session.nested(async |session| {
        session[account].balance = 7;
        session.add(Account { id: 2, balance: 0 });
        session.flush().await?;
        Err::<(), _>(Error::other("no"))
    });
    assert_eq!(refused.await.expect_err("it says so").to_string(), "no");
    assert_eq!(session[account].balance, 6);
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    Ok(())
}

async fn nested_in_nested(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let outer = session.nested(async |outer| {
        outer.add(Account { id: 1, balance: 0 });
        let inner = outer.nested(async |inner| {
            inner.add(Account { id: 2, balance: 0 });
            Err::<(), _>(Error::other("the inner one only"))
        });
        inner.await.expect_err("it says so");
        outer.add(Account { id: 3, balance: 0 });
        Ok::<_, Error>(())
    });
    outer.await?;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 0), (3, 0)]);
    Ok(())
}

async fn nested_after_a_failed_flush_the_session_goes_on(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    let broken = session.nested(async |session| {
        session.add(Account { id: 1, balance: 0 });
        Ok::<_, Error>(())
    });
    let error = broken.await.expect_err("the key is taken");
    assert!(error.constraint().is_some(), "{error}");
    session.commit().await?;
    assert_eq!((users(&db).await?.len(), accounts(&db).await?), (1, vec![(1, 5)]));
    Ok(())
}

/// Behaviour A1.
async fn a1_without_autoflush_is_over_after_an_error(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    async fn reads(session: &mut Session) -> Result<()> {
        let mut quiet = session.without_autoflush();
        assert_eq!(quiet.count(Tag::select()).await?, 0);
        quiet.get_one::<Tag>(9).await?;
        Ok(())
    }
    let mut session = db.engine.session();
    let math = session.add(tag("math"));
    reads(&mut session).await.expect_err("there is none");
    assert_eq!(session[math].id, 0, "still new");
    assert_eq!(session.all(Tag::select()).await?, [math], "on again");
    Ok(())
}

/// Behaviour A1.
async fn a1_without_autoflush_in_without_autoflush(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(tag("math"));
    let mut outer = session.without_autoflush();
    drop(outer.without_autoflush());
    assert_eq!(outer.count(Tag::select()).await?, 0, "off as long as the outer one lives");
    drop(outer);
    assert_eq!(session.count(Tag::select()).await?, 1);
    Ok(())
}
