//! Rule 21, and section 2: begin, commit, and transactions that retry themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, User, blog, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours, step};

use crate::support::{accounts, elsewhere, sent, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    begin_is_no_hop,
    t12_begin_twice_is_an_error,
    t12_an_empty_flush_begins_nothing,
    begin_and_commit_of_nothing_is_no_hop,
    a_transaction_of_reads_and_writes_is_one_transaction,
    flush_keeps_the_transaction_open_and_commit_ends_it,
    a_dropped_session_rolls_back,
    ok_commits_and_answers_the_value,
    err_rolls_back_and_answers_the_error,
    a_panic_rolls_back,
    a_dropped_transaction_rolls_back,
    an_explicit_commit_is_final,
    an_explicit_rollback_is_final,
    try_transaction_has_errors_of_its_own,
    an_error_of_another_type_enters_by_other,
    a_tx_moved_out_is_rolled_back,
    a_swapped_session_is_rolled_back,
    #[needs(SeveralConnections)]
    the_transactions_session_is_fresh_in_each_try,
    #[needs(SeveralConnections)]
    busy_is_tried_again_and_then_given_up,
    #[needs(SeveralConnections)]
    busy_that_passes_is_no_error,
    nothing_else_is_tried_again,
    #[needs(SeveralConnections)]
    not_tried_again_after_an_explicit_commit,
    #[needs(SeveralConnections)]
    not_tried_again_after_an_escape,
];

/// Section 2: begin itself does no I/O.
async fn begin_is_no_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    db.log.clear();
    session.begin().await?;
    assert_eq!(db.log.hops(), 0);
    assert!(session.in_transaction());
    assert_eq!(session.count(Account::select()).await?, 0);
    assert_eq!(db.log.hops(), 1, "BEGIN rides with the first statement");
    assert!(db.log.statements()[0].starts_with("BEGIN"), "{:?}", db.log.statements());
    session.rollback().await?;
    assert!(!session.in_transaction());
    Ok(())
}

/// Behaviour T12.
async fn t12_begin_twice_is_an_error(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.begin().await?;
    session.begin().await.expect_err("begun already");
    session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    session.begin().await.expect_err("open already");
    session.commit().await?;
    session.begin().await?;
    session.rollback().await?;
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Behaviour T12.
async fn t12_an_empty_flush_begins_nothing(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    db.log.clear();
    session.flush().await?;
    assert!(!session.in_transaction());
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Section 2.
async fn begin_and_commit_of_nothing_is_no_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    db.log.clear();
    session.begin().await?;
    session.commit().await?;
    session.begin().await?;
    session.rollback().await?;
    assert_eq!(db.log.hops(), 0);
    assert!(!session.in_transaction());
    Ok(())
}

/// Section 4.
async fn a_transaction_of_reads_and_writes_is_one_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 50), (2, 0)").await?;
    let mut session = db.engine.session();
    db.log.clear();
    session.begin().await?;
    let (a, b) = (session.get_one::<Account>(1).await?, session.get_one::<Account>(2).await?);
    session[a].balance -= 10;
    session[b].balance += 10;
    session.commit().await?;
    let statements = db.log.statements();
    let of = |word: &str| statements.iter().filter(|sql| sql.starts_with(word)).count();
    assert_eq!((of("BEGIN"), of("COMMIT")), (1, 1), "{statements:?}");
    assert_eq!(db.log.hops(), 3, "two reads, and the flush with its COMMIT");
    assert_eq!(accounts(&db).await?, [(1, 40), (2, 10)]);
    Ok(())
}

/// Section 4.
async fn flush_keeps_the_transaction_open_and_commit_ends_it(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 1, balance: 5 });
    db.log.clear();
    session.flush().await?;
    assert!(session.in_transaction());
    assert!(db.log.statements()[0].starts_with("BEGIN"));
    assert!(!db.log.statements().iter().any(|sql| sql == "COMMIT"));
    session.commit().await?;
    assert!(!session.in_transaction());
    assert_eq!(db.log.statements().last().map(String::as_str), Some("COMMIT"));
    assert_eq!((db.log.hops(), sent(&db).len()), (2, 1));
    Ok(())
}

/// Promise 5.
async fn a_dropped_session_rolls_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    drop(session);
    assert_eq!(accounts(&db).await?, []);
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 0)").await?;
    Ok(())
}

/// Section 2.
async fn ok_commits_and_answers_the_value(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let transaction = db.engine.transaction(|mut tx| async move {
        let account = tx.add(Account { id: 1, balance: 5 });
        tx.flush().await?;
        tx[account].balance += 1;
        // Rule 15: `detach` would drop an update that is still pending.
        tx.flush().await?;
        Ok(tx.detach(account))
    });
    let value = transaction.await?;
    assert_eq!(value, Account { id: 1, balance: 6 });
    let moved = db.engine.transaction(|mut tx| async move {
        let account = tx.get_one::<Account>(1).await?;
        tx[account].balance += 1;
        Ok(tx[account].balance)
    });
    assert_eq!(moved.await?, 7);
    assert_eq!(accounts(&db).await?, [(1, 7)]);
    Ok(())
}

/// Section 2.
async fn err_rolls_back_and_answers_the_error(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let transaction = db.engine.transaction(|mut tx| async move {
        tx.add(Account { id: 1, balance: 5 });
        tx.flush().await?;
        Err::<(), _>(Error::other("not enough"))
    });
    assert_eq!(transaction.await.expect_err("it says so").to_string(), "not enough");
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

/// Section 2.
async fn a_panic_rolls_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let engine = db.engine.clone();
    let transaction = engine.transaction(|mut tx| async move {
        tx.add(Account { id: 1, balance: 5 });
        tx.flush().await?;
        let account = tx.get_one::<Account>(1).await?;
        assert!(tx[account].balance > 5, "this one panics");
        Ok(())
    });
    let transaction = std::panic::AssertUnwindSafe(transaction);
    let panicked = std::panic::catch_unwind(move || {
        let transaction = transaction;
        step::polls(usize::MAX, transaction.0)
    });
    assert!(panicked.is_err());
    assert_eq!(accounts(&db).await?, []);
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 0)").await?;
    Ok(())
}

/// Promise 5.
async fn a_dropped_transaction_rolls_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    for polls in 0..50 {
        let ready = Arc::new(AtomicU32::new(0));
        let reached = &ready;
        let transaction = db.engine.transaction(|mut tx| async move {
            let account = tx.add(Account { id: 1, balance: 5 });
            tx.flush().await?;
            tx[account].balance = 6;
            tx.flush().await?;
            reached.store(1, Ordering::Relaxed);
            futures_lite::future::pending::<()>().await;
            Ok(())
        });
        // The body sleeps for good once both flushes are through: stop before.
        let mut transaction = Box::pin(transaction);
        let until = std::future::poll_fn(|context| {
            let poll = transaction.as_mut().poll(context);
            if ready.load(Ordering::Relaxed) == 1 { std::task::Poll::Ready(()) } else { poll.map(drop) }
        });
        let through = step::polls(polls, until).is_some();
        drop(transaction);
        assert_eq!(accounts(&db).await?, [], "after {polls} polls");
        if through {
            return Ok(());
        }
    }
    panic!("the body never got to its end");
}

/// Section 2: commit of both guards takes self.
async fn an_explicit_commit_is_final(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let transaction = db.engine.transaction(|mut tx| async move {
        tx.add(Account { id: 1, balance: 5 });
        tx.commit().await?;
        Err::<(), _>(Error::other("after the commit"))
    });
    assert_eq!(transaction.await.expect_err("its word is the last").to_string(), "after the commit");
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Section 2.
async fn an_explicit_rollback_is_final(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let transaction = db.engine.transaction(|mut tx| async move {
        tx.add(Account { id: 1, balance: 5 });
        tx.flush().await?;
        tx.rollback().await?;
        Ok(7)
    });
    assert_eq!(transaction.await?, 7);
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

/// An error type of a program.
#[derive(Debug)]
enum Refused {
    Poor(i64),
    Database(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// Section 2.
async fn try_transaction_has_errors_of_its_own(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let spend = |amount: i64| {
        db.engine.try_transaction(move |mut tx| async move {
            let account = tx.get_one::<Account>(1).await?;
            tx[account].balance -= amount;
            tx.flush().await?;
            if tx[account].balance < 0 { Err(Refused::Poor(tx[account].balance)) } else { Ok(()) }
        })
    };
    assert!(matches!(spend(10).await, Err(Refused::Poor(-5))));
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    assert!(spend(2).await.is_ok());
    assert_eq!(accounts(&db).await?, [(1, 3)]);
    let missing = db.engine.try_transaction(|mut tx| async move {
        tx.get_one::<Account>(9).await?;
        Ok::<(), Refused>(())
    });
    assert!(matches!(missing.await, Err(Refused::Database(Error::NotFound(_)))));
    Ok(())
}

/// Section 2.
async fn an_error_of_another_type_enters_by_other(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let transaction = db.engine.transaction(|tx| async move {
        let number: i64 = "five".parse().map_err(Error::other)?;
        assert!(!tx.in_transaction() || number > 0);
        Ok(number)
    });
    let error = transaction.await.expect_err("not a number");
    assert!(matches!(error, Error::Other(_)), "{error}");
    assert!(error.to_string().contains("invalid digit"), "{error}");
    Ok(())
}

/// Section 2: TransactionEscaped.
async fn a_tx_moved_out_is_rolled_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut kept: Vec<Tx> = Vec::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let transaction = db.engine.transaction(|mut tx| {
        let sender = sender.clone();
        async move {
            tx.add(Account { id: 1, balance: 5 });
            tx.flush().await?;
            sender.send(tx).map_err(|_| Error::other("nobody takes it"))?;
            Ok(())
        }
    });
    let error = transaction.await.expect_err("it escaped");
    assert!(matches!(error, Error::TransactionEscaped), "{error}");
    kept.extend(receiver.try_iter());
    assert_eq!(kept.len(), 1);
    drop(kept);
    assert_eq!(accounts(&db).await?, []);
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 0)").await?;
    Ok(())
}

/// Section 2: comes home as another session.
async fn a_swapped_session_is_rolled_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let engine = db.engine.clone();
    let transaction = db.engine.transaction(|mut tx| {
        let mut other = engine.session();
        async move {
            tx.add(Account { id: 1, balance: 5 });
            tx.flush().await?;
            std::mem::swap(&mut *tx, &mut other);
            tx.add(Account { id: 2, balance: 5 });
            Ok(())
        }
    });
    let error = transaction.await.expect_err("it was swapped");
    assert!(matches!(error, Error::TransactionEscaped), "{error}");
    assert_eq!(accounts(&db).await?, []);
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 0)").await?;
    Ok(())
}

/// Section 2: each retry starts from a fresh session.
async fn the_transactions_session_is_fresh_in_each_try(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let engine = db.impatient().await?;
    let mut holder = db.engine.session();
    holder.add(user("Ada"));
    holder.flush().await?;
    let (tries, stale) = (AtomicU32::new(0), AtomicU32::new(0));
    let seen: std::sync::Mutex<Vec<Handle<User>>> = std::sync::Mutex::default();
    let transaction = engine.transaction(|mut tx| {
        let (tries, stale, seen) = (&tries, &stale, &seen);
        async move {
            tries.fetch_add(1, Ordering::Relaxed);
            let ada = tx.add(user("Ada"));
            {
                let mut seen = seen.lock().expect("no panic");
                let known = seen.iter().filter(|&&old| tx.peek(old).is_some()).count();
                stale.fetch_add(known as u32, Ordering::Relaxed);
                seen.push(ada);
            }
            tx.flush().await
        }
    });
    transaction.await.expect_err("locked all the time");
    assert!(tries.load(Ordering::Relaxed) > 1);
    assert_eq!(stale.load(Ordering::Relaxed), 0, "no handle of an earlier try is good in a later one");
    holder.commit().await?;
    Ok(())
}

/// Section 2: retries itself when the database asks for it.
async fn busy_is_tried_again_and_then_given_up(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let engine = db.impatient().await?;
    let mut holder = db.engine.session();
    holder.add(Account { id: 9, balance: 9 });
    holder.flush().await?;
    let tries = AtomicU32::new(0);
    let transaction = engine.transaction(|mut tx| {
        tries.fetch_add(1, Ordering::Relaxed);
        async move {
            tx.add(Account { id: 9, balance: 5 });
            Ok(())
        }
    });
    let error = transaction.await.expect_err("locked all the time");
    assert!(matches!(error, Error::Busy(_)), "{error}");
    assert!(error.is_retryable());
    let tries = tries.load(Ordering::Relaxed);
    assert_eq!(tries, if db.backend.has(Capability::OneWriter) { 5 } else { 20 });
    holder.rollback().await?;
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

/// Section 2.
async fn busy_that_passes_is_no_error(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let engine = db.impatient().await?;
    let mut session = db.engine.session();
    session.add(Account { id: 9, balance: 9 });
    session.flush().await?;
    let holder = std::sync::Mutex::new(Some(session));
    let tries = AtomicU32::new(0);
    let transaction = engine.transaction(|mut tx| {
        // The second try finds the lock gone.
        let release = (tries.fetch_add(1, Ordering::Relaxed) == 1)
            .then(|| holder.lock().expect("no panic").take())
            .flatten();
        async move {
            if let Some(mut session) = release {
                session.rollback().await?;
            }
            let account = tx.add(Account { id: 9, balance: 5 });
            tx.flush().await?;
            Ok(tx.detach(account))
        }
    });
    assert_eq!(transaction.await?, Account { id: 9, balance: 5 });
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    assert_eq!(accounts(&db).await?, [(9, 5)]);
    Ok(())
}

/// Rule 21.
async fn nothing_else_is_tried_again(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 5)").await?;
    let tries = AtomicU32::new(0);
    let transaction = db.engine.transaction(|mut tx| {
        tries.fetch_add(1, Ordering::Relaxed);
        async move {
            tx.add(user("Ada"));
            tx.add(Account { id: 1, balance: 6 });
            Ok(())
        }
    });
    let error = transaction.await.expect_err("the key is taken");
    assert!(error.constraint().is_some(), "{error}");
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    assert_eq!(users(&db).await?, []);
    Ok(())
}

/// Rule 21.
async fn not_tried_again_after_an_explicit_commit(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let engine = db.impatient().await?;
    let mut holder = db.engine.session();
    holder.add(Account { id: 9, balance: 9 });
    holder.flush().await?;
    let tries = AtomicU32::new(0);
    let transaction = engine.transaction(|mut tx| {
        tries.fetch_add(1, Ordering::Relaxed);
        async move {
            tx.add(Account { id: 9, balance: 5 });
            tx.commit().await
        }
    });
    let error = transaction.await.expect_err("locked");
    assert!(matches!(error, Error::Busy(_)), "{error}");
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    holder.commit().await?;
    assert_eq!(accounts(&db).await?, [(9, 9)]);
    Ok(())
}

/// Rule 21.
async fn not_tried_again_after_an_escape(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let engine = db.impatient().await?;
    let mut holder = db.engine.session();
    holder.add(Account { id: 9, balance: 9 });
    holder.flush().await?;
    let tries = AtomicU32::new(0);
    let (sender, receiver) = std::sync::mpsc::channel();
    let transaction = engine.transaction(|mut tx| {
        tries.fetch_add(1, Ordering::Relaxed);
        let sender = sender.clone();
        async move {
            tx.add(Account { id: 9, balance: 5 });
            let busy = tx.flush().await;
            sender.send(tx).map_err(|_| Error::other("nobody takes it"))?;
            busy
        }
    });
    let error = transaction.await.expect_err("locked, and escaped");
    assert!(matches!(error, Error::Busy(_) | Error::TransactionEscaped), "{error}");
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    drop(receiver);
    holder.commit().await?;
    assert_eq!(accounts(&db).await?, [(9, 9)]);
    Ok(())
}
