//! The pool over a network: what a wait that is too long says, servers that come and go, connections that age, the end.

use std::thread;
use std::time::{Duration, Instant};

use anyorm::error::DatabaseErrorKind;
use anyorm::prelude::*;
use anyorm::{Clock, Error, Result};
use anyorm_tests::check::{full_again, says};
use anyorm_tests::{Account, blog};
use futures_lite::future::block_on;

use crate::proxy::Side::Client;
use crate::wired::{Wired, is_disconnected, test};

async fn bank(wired: &Wired, options: &str) -> Result<Engine> {
    wired.direct.engine.create_all(&blog()).await?;
    wired.direct.engine.insert_many((1..=3).map(|id| Account { id, balance: 10 })).await?;
    Ok(wired.engine(options).await)
}

/// Opens so many connections, which lie idle then.
async fn open(engine: &Engine, connections: usize) -> Result<()> {
    let mut held = Vec::new();
    for _ in 0..connections {
        let mut transaction = engine.begin().await?;
        transaction.count(Account::select()).await?;
        held.push(transaction);
    }
    for transaction in held {
        transaction.rollback().await?;
    }
    full_again(engine);
    Ok(())
}

/// Waits until something is so.
#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_wait_that_is_too_long_names_all_who_hold_a_connection() {
    test(async |wired| {
        let engine = bank(wired, "connections=2&acquire_timeout=100").await?;
        let line = line!() + 1;
        let held = [engine.begin().await?, engine.begin().await?];
        let error = engine.count(Account::select()).await.expect_err("all are held");
        assert!(matches!(error, Error::Timeout(_)), "{error}");
        says(&error, &["held by", &format!("pooling.rs:{line}")]);
        assert!(!error.to_string().contains("connecting"), "{error}");
        assert_eq!(engine.statistics().wait_timeouts, 1);
        drop(held);
        assert_eq!(engine.count(Account::select()).await?, 3);
        Ok(())
    });
}

#[test]
fn a_server_that_is_down_is_told_and_comes_back() {
    test(async |wired| {
        let engine = bank(wired, "connections=2&acquire_timeout=2000").await?;
        open(&engine, 2).await?;
        wired.proxy.down();
        for _ in 0..3 {
            let error = engine.count(Account::select()).await.expect_err("the server is down");
            let kind = error.database().map(|error| error.kind);
            assert!(is_disconnected(&error) || kind == Some(DatabaseErrorKind::CannotConnect), "{error}");
        }
        let error = engine.count(Account::select()).await.expect_err("the server is down");
        says(&error, &["cannot connect to", &wired.proxy.port().to_string()]);
        assert!(engine.statistics().connect_failures > 0);
        wired.proxy.up();
        assert_eq!(engine.count(Account::select()).await?, 3);
        full_again(&engine);
        Ok(())
    });
}

#[test]
fn a_server_that_does_not_answer_is_told_from_connections_that_are_busy() {
    test(async |wired| {
        let engine = bank(wired, "connections=1&acquire_timeout=300&connect_timeout=3").await?;
        wired.proxy.cut();
        wired.proxy.deaf();
        let line = line!() + 4;
        let trying = engine.clone();
        let first = thread::spawn(move || {
            loop {
                let answer = block_on(trying.count(Account::select()));
                // On a busy machine it may not be known yet that the connection was cut: then this learns it.
                if !answer.as_ref().is_err_and(is_disconnected) {
                    return answer;
                }
            }
        });
        soon("the first one has the connection", || engine.statistics().writer_in_use == 1);
        let error = engine.count(Account::select()).await.expect_err("the first one waits for the server");
        assert!(matches!(error, Error::Timeout(_)), "{error}");
        says(&error, &[&format!("pooling.rs:{line}"), "still connecting to the server"]);
        let error = first.join().expect("no panic").expect_err("the server does not answer");
        says(&error, &["cannot connect to", "within 3s"]);
        wired.proxy.up();
        assert_eq!(engine.count(Account::select()).await?, 3);
        Ok(())
    });
}

#[test]
fn a_connection_that_lay_idle_is_asked_first() {
    test(async |wired| {
        drop(bank(wired, "connections=1").await?);
        let clock = Clock::manual();
        let engine = Engine::builder(&wired.url("connections=1")).clock(clock.clone()).open().await?;
        engine.count(Account::select()).await?;
        wired.proxy.clear();
        clock.advance(Duration::from_secs(29));
        engine.count(Account::select()).await?;
        assert_eq!((wired.proxy.trips(), wired.proxy.count(Client, 'Q')), (1, 0), "{:?}", wired.proxy);
        wired.proxy.clear();
        clock.advance(Duration::from_secs(31));
        engine.count(Account::select()).await?;
        assert_eq!((wired.proxy.trips(), wired.proxy.count(Client, 'Q')), (2, 1), "{:?}", wired.proxy);
        // One that does not answer is replaced.
        wired.proxy.hang();
        clock.advance(Duration::from_secs(31));
        assert_eq!(engine.count(Account::select()).await?, 3);
        assert_eq!((engine.statistics().opened, engine.statistics().closed.broken), (2, 1));
        Ok(())
    });
}

#[test]
fn after_a_disconnect_the_others_are_asked_before_they_are_used() {
    test(async |wired| {
        let engine = bank(wired, "connections=3").await?;
        open(&engine, 3).await?;
        let mut transaction = engine.begin().await?;
        transaction.count(Account::select()).await?;
        wired.proxy.cut();
        let error = transaction.count(Account::select()).await.expect_err("it is lost");
        assert!(is_disconnected(&error), "{error}");
        drop(transaction);
        // Nobody else hears of it.
        for _ in 0..5 {
            assert_eq!(engine.count(Account::select()).await?, 3);
        }
        open(&engine, 3).await?;
        wired.proxy.clear();
        // Asked once, and not again.
        engine.count(Account::select()).await?;
        assert_eq!(wired.proxy.count(Client, 'Q'), 0, "{:?}", wired.proxy);
        Ok(())
    });
}

#[test]
fn connections_that_are_old_or_idle_say_goodbye() {
    test(async |wired| {
        let engine = bank(wired, "connections=2&idle_timeout=100&max_lifetime=600000").await?;
        open(&engine, 2).await?;
        soon("idle ones are closed", || engine.statistics().closed.idle == 2);
        soon("they say goodbye", || wired.proxy.count(Client, 'X') == 2);
        wired.wait_for("the server has none", |states| states.is_empty()).await?;
        engine.close().await?;
        let engine = wired.engine("connections=2&max_lifetime=150").await;
        let mut transaction = engine.begin().await?;
        transaction.count(Account::select()).await?;
        thread::sleep(Duration::from_millis(200));
        // One that is out goes on, and is closed as it comes home.
        transaction.count(Account::select()).await?;
        transaction.commit().await?;
        soon("it is closed", || engine.statistics().closed.lifetime == 1);
        soon("it says goodbye", || wired.proxy.count(Client, 'X') == 1);
        assert_eq!(engine.count(Account::select()).await?, 3);
        Ok(())
    });
}

#[test]
fn the_end_stops_what_runs_after_its_deadline() {
    test(async |wired| {
        let engine = bank(wired, "connections=2").await?;
        open(&engine, 2).await?;
        let sleeping = engine.clone();
        let query = thread::spawn(move || {
            block_on(sleeping.all(sql("SELECT pg_sleep(30)::TEXT").returning::<String>()))
        });
        wired.wait_for("it runs", |states| states.iter().any(|state| state == "active")).await?;
        let start = Instant::now();
        let late = engine.close_within(Duration::from_millis(200)).await.expect_err("a query runs");
        assert!(matches!(late, Error::Timeout(_)), "{late}");
        says(&late, &["pooling.rs"]);
        let error = query.join().expect("no panic").expect_err("it was stopped");
        assert!(matches!(error, Error::Closed), "{error}");
        wired.wait_for("the server has none", |states| states.is_empty()).await?;
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(matches!(engine.count(Account::select()).await, Err(Error::Closed)));
        soon("each has said goodbye", || wired.proxy.count(Client, 'X') == 2);
        Ok(())
    });
}

#[test]
fn numbers_tell_what_happened() {
    test(async |wired| {
        let engine = bank(wired, "connections=2").await?;
        let before = engine.statistics();
        open(&engine, 2).await?;
        engine.transaction(|mut tx| async move { tx.count(Account::select()).await }).await?;
        let numbers = engine.statistics().since(&before);
        assert_eq!((numbers.opened, numbers.transactions_begun), (1, 3), "{numbers:?}");
        assert_eq!((numbers.transactions_committed, numbers.transactions_rolled_back), (1, 2), "{numbers:?}");
        assert_eq!(numbers.errors, 0, "{numbers:?}");
        wired.kill().await?;
        engine.count(Account::select()).await?;
        let numbers = engine.statistics().since(&before);
        assert_eq!((numbers.opened, numbers.closed.broken), (2, 1), "{numbers:?}");
        Ok(())
    });
}
