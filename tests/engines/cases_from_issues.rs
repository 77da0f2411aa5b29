//! What users of other libraries reported: futures dropped half way, interrupts, savepoints.

pub(crate) mod others;

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use anyorm::bridge::run_sync;
use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::Account;
use anyorm_tests::check::{full_again, nothing_lost};
use futures_lite::FutureExt;
use futures_lite::future::{self, poll_once};
use orm_testkit::{Behaviour, Database, behaviours, step, stop};

use crate::own::{
    PATIENCE, account, another, aside, balance, comes, dispatches, endless, is_file, one_reader, opened, set,
    soon,
};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_loop_that_selects_against_a_timer_leaks_nothing,
    a_transaction_after_a_dropped_one_is_not_locked_out,
    a_read_after_a_dropped_transaction_sees_nothing_of_it,
    a_panic_while_a_transaction_is_open_rolls_it_back,
    a_transfer_that_is_dropped_anywhere_happens_wholly_or_not,
    a_closure_that_is_dropped_anywhere_happens_wholly_or_not,
    an_interrupt_hits_nobody_else,
    a_hundred_timeouts_leave_a_full_pool,
    a_moment_that_is_over_sends_nothing,
    a_future_that_moves_to_another_task_is_woken_there,
    a_future_that_is_polled_for_nothing_does_its_work_once,
    what_is_written_is_there_for_the_next_read,
    what_was_written_last_survives_the_engine,
    savepoints_keep_their_depth_after_an_error,
    savepoints_inside_each_other_end_one_by_one,
    a_savepoint_that_is_dropped_last_is_not_committed,
    a_read_after_a_dropped_savepoint_sees_nothing_of_it,
    a_stream_after_a_dropped_savepoint_sees_nothing_of_it,
    a_call_that_is_dropped_in_a_savepoint_ends_all_of_it,
    two_who_read_before_they_write_lose_no_update,
    a_failed_statement_leaves_the_transaction,
    a_commit_that_is_refused_leaves_a_clean_connection,
];

fn is_closed_or<T: std::fmt::Debug>(result: Result<T>, is: impl Fn(&Error) -> bool) {
    assert!(result.as_ref().is_err_and(is), "{result:?}");
}

/// `loop { select! { .. } }`: the loser is dropped and made anew each time.
async fn a_loop_that_selects_against_a_timer_leaks_nothing(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        for round in 0..100_u64 {
            let tick = async {
                for _ in 0..round % 4 {
                    future::yield_now().await;
                }
                None
            };
            let call = async {
                let mut transaction = engine.begin().await?;
                transaction.execute(set(1, 1)).await?;
                assert_eq!(transaction.one(balance(1)).await?, 1);
                transaction.rollback().await?;
                Ok::<_, Error>(())
            };
            tick.or(async { Some(call.await) }).await.transpose()?;
        }
        assert_eq!(soon("a connection", engine.one(balance(1))).await?, 0, "{dispatch}");
        nothing_lost(&engine).await?;
        assert_eq!(engine.statistics().closed.total(), 0);
    }
    Ok(())
}

/// "database is locked" by a transaction that nobody has any more.
async fn a_transaction_after_a_dropped_one_is_not_locked_out(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        for id in 1..=20 {
            let mut dropped = engine.begin().await?;
            dropped.insert_many([account(100 + id)]).await?;
            drop(dropped);
            let mut next = soon("the writer", engine.begin()).await?;
            next.insert_many([account(id)]).await?;
            next.commit().await?;
        }
        assert_eq!(engine.count(Account::select()).await?, 20, "{dispatch}");
        assert_eq!(engine.statistics().busy_errors, 0);
    }
    Ok(())
}

/// A connection that goes home before its ROLLBACK was run.
async fn a_read_after_a_dropped_transaction_sees_nothing_of_it(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        for round in 0..40 {
            let mut dropped = engine.begin().await?;
            dropped.execute(set(1, 99)).await?;
            if round % 2 == 0 {
                assert_eq!(dropped.one(balance(1)).await?, 99);
            }
            drop(dropped);
            assert_eq!(engine.one(balance(1)).await?, 0, "{dispatch}");
            let mut session = engine.session();
            let one = session.get_one::<Account>(1).await?;
            session[one].balance = 98;
            session.flush().await?;
            drop(session);
            assert_eq!(engine.one(balance(1)).await?, 0, "{dispatch}");
        }
    }
    Ok(())
}

/// Guards that are dropped while the stack unwinds.
async fn a_panic_while_a_transaction_is_open_rolls_it_back(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let body = async {
        let mut transaction = engine.begin().await.unwrap();
        transaction.insert_many([account(1)]).await.unwrap();
        let mut savepoint = transaction.begin_nested().await.unwrap();
        savepoint.insert_many([account(2)]).await.unwrap();
        let _stream = savepoint.stream(Account::select());
        panic!("in the middle");
    };
    assert!(AssertUnwindSafe(body).catch_unwind().await.is_err());
    let body = engine.transaction(|mut tx| async move {
        tx.add(account(3));
        tx.flush().await?;
        if tx.in_transaction() {
            panic!("in the middle");
        }
        Ok(())
    });
    assert!(AssertUnwindSafe(body).catch_unwind().await.is_err());
    full_again(&engine);
    assert_eq!(engine.count(Account::select()).await?, 0);
    nothing_lost(&engine).await
}

/// Half a transfer.
async fn a_transfer_that_is_dropped_anywhere_happens_wholly_or_not(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1), account(2)]).await?;
        let mut sent = 0;
        for stop in stop::stops() {
            sent += 1;
            let done = stop.at(async {
                let mut transaction = engine.begin().await?;
                let from = transaction.one(balance(1)).await?;
                transaction.execute(set(1, from - 1)).await?;
                let mut savepoint = transaction.begin_nested().await?;
                let to = savepoint.one(balance(2)).await?;
                savepoint.execute(set(2, to + 1)).await?;
                savepoint.release().await?;
                transaction.commit().await
            });
            full_again(&engine);
            let (from, to) = (engine.one(balance(1)).await?, engine.one(balance(2)).await?);
            assert_eq!(from + to, 0, "{dispatch} {stop:?}");
            assert!((0..=sent).contains(&to), "{to}");
            if done.transpose()?.is_some() {
                assert!(to > 0);
                break;
            }
        }
        let statistics = engine.statistics();
        let ended = statistics.transactions_committed + statistics.transactions_rolled_back;
        assert_eq!(statistics.transactions_begun, ended, "{statistics:?}");
    }
    Ok(())
}

/// The same around a closure, with a session.
async fn a_closure_that_is_dropped_anywhere_happens_wholly_or_not(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1), account(2)]).await?;
        for stop in stop::stops() {
            let done = stop.at(engine.transaction(|mut tx| async move {
                let (one, two) = (tx.get_one::<Account>(1).await?, tx.get_one::<Account>(2).await?);
                tx[one].balance -= 1;
                tx.flush().await?;
                tx[two].balance += 1;
                Ok(())
            }));
            full_again(&engine);
            assert_eq!(engine.one(balance(1)).await? + engine.one(balance(2)).await?, 0, "{stop:?}");
            if done.transpose()?.is_some() {
                break;
            }
        }
    }
    Ok(())
}

/// A late interrupt stops the statement of whoever has the connection next.
async fn an_interrupt_hits_nobody_else(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, &format!("{}{dispatch}", one_reader(&db)))).await?;
        engine.insert_many((1..=50).map(account)).await?;
        for round in 0..60 {
            let mut stopped = engine.scalar(endless());
            assert!(poll_once(&mut stopped).await.is_none());
            if round % 3 == 0 {
                std::thread::sleep(Duration::from_micros(100));
            }
            drop(stopped);
            for _ in 0..3 {
                assert_eq!(soon("a read", engine.count(Account::select())).await?, 50, "{dispatch}");
                assert_eq!(engine.one(balance(7)).await?, 0);
            }
            assert_eq!(engine.execute(set(1, round)).await?, 1);
        }
        assert_eq!(engine.statistics().errors, 0);
    }
    Ok(())
}

/// A pool that runs dry under timeouts.
async fn a_hundred_timeouts_leave_a_full_pool(db: Database) -> Result<()> {
    let engine = opened(another(&db, if is_file(&db) { "readers=2" } else { "" })).await?;
    let calls: Vec<_> =
        (0..100).map(|_| engine.scalar(endless()).timeout(Duration::from_millis(2))).collect();
    for call in calls {
        is_closed_or(soon("its end", call).await, |error| matches!(error, Error::Deadline(_)));
    }
    let write = "INSERT INTO accounts SELECT n, 0 FROM (WITH RECURSIVE c (n) AS \
                 (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c)";
    for _ in 0..10 {
        let late = engine.execute(sql(write)).timeout(Duration::from_millis(2)).await;
        is_closed_or(late, |error| matches!(error, Error::Deadline(_)));
    }
    full_again(&engine);
    assert_eq!(engine.count(Account::select()).await?, 0);
    assert_eq!(engine.statistics().closed.total(), 0, "none had to be thrown away");
    nothing_lost(&engine).await
}

/// A deadline that was used up by what came before.
async fn a_moment_that_is_over_sends_nothing(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        let over = Instant::now();
        let before = engine.statistics();
        let mut session = engine.session();
        session.add(account(2));
        let is_late = |error: &Error| matches!(error, Error::Deadline(_));
        is_closed_or(engine.execute(set(1, 1)).deadline(over).await, is_late);
        is_closed_or(engine.one(balance(1)).deadline(over).await, is_late);
        is_closed_or(engine.begin().deadline(over).await, is_late);
        is_closed_or(session.commit().deadline(over).await, is_late);
        let since = engine.statistics().since(&before);
        assert_eq!((since.hops, since.inline, since.in_use()), (0, 0, 0), "{dispatch}");
        session.commit().await?;
        assert_eq!(engine.count(Account::select()).await?, 2);
    }
    Ok(())
}

/// Futures that remember the waker of their first poll.
async fn a_future_that_moves_to_another_task_is_woken_there(db: Database) -> Result<()> {
    let engine = opened(another(&db, "dispatch=worker")).await?;
    engine.insert_many((1..=3_000).map(account)).await?;
    fn poll_elsewhere<T>(future: &mut (impl Future<Output = T> + Unpin)) -> bool {
        pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
    let mut count = engine.count(Account::select());
    assert!(!poll_elsewhere(&mut count));
    assert_eq!(soon("a read", count).await?, 3_000);

    let mut stream = engine.stream(Account::select().order_by(Account::ID));
    let mut ids = Vec::new();
    loop {
        let mut next = Box::pin(stream.next());
        let ready = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let row = match ready {
            std::task::Poll::Ready(row) => row?,
            std::task::Poll::Pending => soon("a row", next).await?,
        };
        match row {
            Some(row) => ids.push(row.id),
            None => break,
        }
    }
    assert!(ids.iter().copied().eq(1..=3_000));

    let mut first = engine.begin().await?;
    first.execute(set(1, 1)).await?;
    let other = engine.clone();
    let polled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&polled);
    let waiting = aside(async move {
        let mut begin = other.begin();
        assert!(!poll_elsewhere(&mut begin));
        flag.store(true, Ordering::SeqCst);
        begin.await.map(drop)
    });
    comes("a wait", || polled.load(Ordering::SeqCst)).await;
    let mut commit = first.commit();
    assert!(!poll_elsewhere(&mut commit));
    soon("a commit", commit).await?;
    soon("its turn", waiting).await?;

    let mut closure = run_sync(|| std::thread::sleep(Duration::from_millis(1)));
    assert!(!poll_elsewhere(&mut closure));
    soon("a closure", closure).await;
    let mut close = engine.close();
    match poll_elsewhere(&mut close) {
        true => Ok(()),
        false => soon("the close", close).await,
    }
}

/// Executors may poll a future whenever they like.
async fn a_future_that_is_polled_for_nothing_does_its_work_once(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        let add = Account::update().set(Account::BALANCE, Account::BALANCE + 1).filter(Account::ID.eq(1));
        for done in 1..=10 {
            let mut write = engine.execute(add.clone());
            let start = Instant::now();
            while poll_once(&mut write).await.is_none() {
                assert!(start.elapsed() < PATIENCE);
            }
            drop(write);
            assert_eq!(engine.one(balance(1)).await?, done);
        }
        assert_eq!(engine.statistics().in_use(), 0);
    }
    Ok(())
}

/// Readers that are behind the writer.
async fn what_is_written_is_there_for_the_next_read(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        for n in 1..=60 {
            match n % 3 {
                0 => drop(engine.execute(set(1, n)).await?),
                1 => {
                    let mut transaction = engine.begin().await?;
                    transaction.execute(set(1, n)).await?;
                    transaction.commit().await?;
                }
                _ => {
                    let mut session = engine.session();
                    let one = session.get_one::<Account>(1).await?;
                    session[one].balance = n;
                    session.commit().await?;
                }
            }
            assert_eq!(engine.one(balance(1)).await?, n, "{dispatch}");
        }
    }
    Ok(())
}

/// Rows that are missing because the program ended right after.
async fn what_was_written_last_survives_the_engine(db: Database) -> Result<()> {
    if !is_file(&db) {
        return Ok(());
    }
    for id in 1..=10 {
        let engine = match id {
            1 => opened(another(&db, "")).await?,
            _ => another(&db, "").open().await?,
        };
        engine.insert_many([account(id)]).await?;
        drop(engine);
        assert_eq!(db.engine.count(Account::select()).await?, id.unsigned_abs());
    }
    Ok(())
}

/// A counter of levels that goes wrong when something fails.
async fn savepoints_keep_their_depth_after_an_error(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let mut transaction = engine.begin().await?;
    transaction.insert_many([account(1)]).await?;
    for round in 0..5 {
        let mut outer = transaction.begin_nested().await?;
        outer.insert_many([account(10 + round)]).await?;
        let mut inner = outer.begin_nested().await?;
        assert!(inner.insert_many([account(20), account(1)]).await.is_err(), "there is one already");
        inner.insert_many([account(30 + round)]).await?;
        match round % 3 {
            0 => inner.rollback().await?,
            1 => inner.release().await?,
            _ => drop(inner),
        }
        outer.release().await?;
    }
    transaction.commit().await?;
    let ids = engine.all(Account::select().columns(Account::ID).order_by(Account::ID)).await?;
    assert_eq!(ids, [1, 10, 11, 12, 13, 14, 31, 34]);
    Ok(())
}

/// All ways in which three levels may end.
async fn savepoints_inside_each_other_end_one_by_one(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    for ways in 0..27 {
        engine.execute(Account::delete().everything()).await?;
        let keeps = |level: u32| ways / 3_i64.pow(level) % 3;
        let mut transaction = engine.begin().await?;
        let mut outer = transaction.begin_nested().await?;
        outer.insert_many([account(1)]).await?;
        let mut inner = outer.begin_nested().await?;
        inner.insert_many([account(2)]).await?;
        let mut innermost = inner.begin_nested().await?;
        innermost.insert_many([account(3)]).await?;
        match keeps(0) {
            0 => innermost.release().await?,
            1 => innermost.rollback().await?,
            _ => drop(innermost),
        }
        match keeps(1) {
            0 => inner.release().await?,
            1 => inner.rollback().await?,
            _ => drop(inner),
        }
        match keeps(2) {
            0 => outer.release().await?,
            1 => outer.rollback().await?,
            _ => drop(outer),
        }
        transaction.commit().await?;
        let left = match (keeps(2), keeps(1), keeps(0)) {
            (0, 0, 0) => 3,
            (0, 0, _) => 2,
            (0, ..) => 1,
            _ => 0,
        };
        assert_eq!(engine.count(Account::select()).await?, left, "{ways}");
    }
    Ok(())
}

/// A rollback that was put off and forgotten.
async fn a_savepoint_that_is_dropped_last_is_not_committed(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    for dropped_at in 0..6 {
        let mut transaction = engine.begin().await?;
        transaction.insert_many([account(1)]).await?;
        let mut savepoint = transaction.begin_nested().await?;
        savepoint.insert_many([account(2)]).await?;
        if dropped_at == 5 {
            savepoint.stream(Account::select()).next().await?;
        }
        drop(savepoint);
        for _ in 0..dropped_at % 3 {
            // And some that did nothing.
            drop(transaction.begin_nested().await?);
        }
        transaction.commit().await?;
        assert_eq!(engine.all(Account::select().columns(Account::ID)).await?, [1], "{dropped_at}");
        engine.execute(Account::delete().everything()).await?;
    }
    Ok(())
}

/// The same for what reads next, wherever that runs.
async fn a_read_after_a_dropped_savepoint_sees_nothing_of_it(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        let mut transaction = engine.begin().await?;
        transaction.execute(set(1, 1)).await?;
        for round in 0..6 {
            let mut savepoint = transaction.begin_nested().await?;
            savepoint.execute(set(1, 2)).await?;
            assert_eq!(savepoint.one(balance(1)).await?, 2);
            match round % 2 {
                0 => drop(savepoint),
                _ => savepoint.rollback().await?,
            }
            match round % 3 {
                0 => assert_eq!(transaction.one(balance(1)).await?, 1, "{dispatch}"),
                1 => assert_eq!(transaction.begin_nested().await?.one(balance(1)).await?, 1, "{dispatch}"),
                _ => {
                    let (one, all) = transaction.batch((balance(1), Account::select())).await?;
                    assert_eq!((one, all[0].balance), (vec![1], 1));
                }
            }
        }
        transaction.commit().await?;
        assert_eq!(engine.one(balance(1)).await?, 1);
    }
    Ok(())
}

/// The same for streams, which begin before they have read.
async fn a_stream_after_a_dropped_savepoint_sees_nothing_of_it(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    engine.insert_many((1..=200).map(account)).await?;
    let mut transaction = engine.begin().await?;
    for takes in [0, 1, 100, 200] {
        let mut savepoint = transaction.begin_nested().await?;
        savepoint.execute(Account::delete().everything()).await?;
        drop(savepoint);
        let mut stream = transaction.stream(Account::select().order_by(Account::ID));
        for id in 1..=takes {
            assert_eq!(stream.next().await?.map(|account| account.id), Some(id));
        }
        drop(stream);
        assert_eq!(transaction.count(Account::select()).await?, 200);
    }
    transaction.commit().await?;
    assert_eq!(engine.count(Account::select()).await?, 200);
    Ok(())
}

/// Nobody knows what a statement had done that was given up.
async fn a_call_that_is_dropped_in_a_savepoint_ends_all_of_it(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        let mut transaction = engine.begin().await?;
        transaction.insert_many([account(1)]).await?;
        let mut savepoint = transaction.begin_nested().await?;
        assert!(step::polls(1, savepoint.scalar(endless())).is_none());
        let has_ended = |error: &Error| matches!(error, Error::Ended(_));
        is_closed_or(savepoint.one(balance(1)).await, has_ended);
        is_closed_or(savepoint.insert_many([account(2)]).await, has_ended);
        is_closed_or(savepoint.stream(Account::select()).next().await, has_ended);
        is_closed_or(savepoint.batch((balance(1),)).await, has_ended);
        drop(savepoint);
        is_closed_or(transaction.insert_many([account(3)]).await, has_ended);
        is_closed_or(transaction.commit().await, has_ended);
        full_again(&engine);
        assert_eq!(engine.count(Account::select()).await?, 0);
        nothing_lost(&engine).await?;
    }
    Ok(())
}

/// A transaction that is upgraded from reading to writing.
async fn two_who_read_before_they_write_lose_no_update(db: Database) -> Result<()> {
    for dispatch in dispatches() {
        let engine = opened(another(&db, dispatch)).await?;
        engine.insert_many([account(1)]).await?;
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let engine = engine.clone();
                aside(async move {
                    for _ in 0..5 {
                        let mut transaction = engine.begin().await?;
                        let read = transaction.one(balance(1)).await?;
                        transaction.execute(set(1, read + 1)).await?;
                        transaction.commit().await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .collect();
        for task in tasks {
            soon("a task", task).await?;
        }
        assert_eq!(engine.one(balance(1)).await?, 20, "{dispatch}");
        assert_eq!(engine.statistics().busy_errors, 0);
    }
    Ok(())
}

/// Libraries that poison a transaction, or half of a statement that stays.
async fn a_failed_statement_leaves_the_transaction(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    let mut transaction = engine.begin().await?;
    transaction.insert_many([account(1)]).await?;
    let twice = transaction.insert_many([account(2), account(1), account(3)]).await.unwrap_err();
    assert!(matches!(twice, Error::Constraint(_)), "{twice:?}");
    assert!(transaction.execute(sql("NONSENSE")).await.is_err());
    assert_eq!(transaction.count(Account::select()).await?, 1, "nothing of the failed one");
    transaction.insert_many([account(4)]).await?;
    transaction.commit().await?;
    assert_eq!(engine.all(Account::select().columns(Account::ID)).await?, [1, 4]);
    Ok(())
}

/// Constraints that wait for COMMIT.
async fn a_commit_that_is_refused_leaves_a_clean_connection(db: Database) -> Result<()> {
    let engine = opened(another(&db, "")).await?;
    for _ in 0..3 {
        let mut transaction = engine.begin().await?;
        transaction.insert_many([account(1)]).await?;
        transaction.execute(sql("PRAGMA defer_foreign_keys = ON")).await?;
        transaction.execute(sql("INSERT INTO posts (title, author_id, version) VALUES ('a', 77, 1)")).await?;
        let refused = transaction.commit().await.unwrap_err();
        assert!(refused.constraint().is_some(), "{refused:?}");
        full_again(&engine);
        assert_eq!(engine.count(Account::select()).await?, 0);
        let mut next = engine.begin().await?;
        next.insert_many([account(2)]).await?;
        next.rollback().await?;
    }
    assert_eq!(engine.statistics().closed.broken, 0);
    Ok(())
}
