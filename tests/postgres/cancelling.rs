//! Calls that are dropped: the server stops, nothing is left behind, and no signal hits what comes next.

use std::future::Future;
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::check::full_again;
use anyorm_tests::random::Random;
use anyorm_tests::{Account, blog};
use futures_lite::future::{block_on, or};
use orm_testkit::stop::stops;
use smol::Timer;

use crate::proxy::Side::Client;
use crate::wired::{Wired, test};

/// How soon the server must have stopped.
const SOON: Duration = Duration::from_secs(2);

async fn bank(wired: &Wired, options: &str) -> Result<Engine> {
    wired.direct.engine.create_all(&blog()).await?;
    wired.direct.engine.insert_many((1..=3).map(|id| Account { id, balance: 10 })).await?;
    Ok(wired.engine(options).await)
}

fn long() -> anyorm::stmt::Raw<anyorm::query::Values<String>> {
    sql("SELECT pg_sleep(30)::TEXT").returning::<String>()
}

type Call<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Awaits a call for a time, and drops it.
async fn for_a_time<T>(time: Duration, call: impl Future<Output = Result<T>>) -> Option<Result<T>> {
    let late = async {
        Timer::after(time).await;
        None
    };
    or(async { Some(call.await) }, late).await
}

/// Drops a call while the server works on it, and looks at the server.
async fn drop_while_it_runs(wired: &Wired, engine: &Engine, what: &str, call: Call<'_>) -> Result<()> {
    let watch = async {
        wired.wait_for(what, |states| states.iter().any(|state| state == "active")).await?;
        Ok::<_, Error>(())
    };
    // The watch is first: then the call is dropped.
    or(watch, async {
        let done = call.await;
        panic!("{what} came to its end: {done:?}")
    })
    .await?;
    let took = wired.wait_for(what, |states| !states.iter().any(|state| state == "active")).await?;
    assert!(took < SOON, "{what} went on for {took:?}");
    assert!(engine.statistics().opened <= 2, "{what}: {:?}", engine.statistics());
    Ok(())
}

#[test]
fn a_long_query_that_is_dropped_is_stopped_on_the_server_and_its_connection_stays() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let look = |what: &'static str| {
            let engine = engine.clone();
            async move {
                full_again(&engine);
                assert_eq!(engine.count(Account::select()).await?, 3, "{what}");
                assert_eq!(engine.statistics().opened, 1, "{what}: the connection is the same");
                wired.all_idle().await.map(drop)
            }
        };
        let call: Call<'_> = Box::pin(async { engine.all(long()).await.map(drop) });
        drop_while_it_runs(wired, &engine, "all", call).await?;
        look("all").await?;
        let call: Call<'_> = Box::pin(async { engine.execute(sql("SELECT pg_sleep(30)")).await.map(drop) });
        drop_while_it_runs(wired, &engine, "execute", call).await?;
        look("execute").await?;
        let batch: Call<'_> = Box::pin(async { engine.batch((long(), Account::select())).await.map(drop) });
        drop_while_it_runs(wired, &engine, "batch", batch).await?;
        look("batch").await?;
        let mut connection = engine.connection().await?;
        let call: Call<'_> = Box::pin(async { connection.all(long()).await.map(drop) });
        drop_while_it_runs(wired, &engine, "connection.all", call).await?;
        drop(connection);
        look("connection.all").await?;
        let mut transaction = engine.begin().await?;
        transaction.execute(Account::delete().everything()).await?;
        let call: Call<'_> = Box::pin(async { transaction.all(long()).await.map(drop) });
        drop_while_it_runs(wired, &engine, "transaction.all", call).await?;
        drop(transaction);
        look("transaction.all").await?;
        let mut session = engine.session();
        let call: Call<'_> = Box::pin(async { session.all(long()).await.map(drop) });
        drop_while_it_runs(wired, &engine, "session.all", call).await?;
        drop(session);
        look("session.all").await?;
        let call: Call<'_> = Box::pin(async {
            let rows = "SELECT CASE WHEN n > 5000 THEN pg_sleep(30)::TEXT ELSE '' END FROM generate_series(1, 5001) AS n";
            let mut rows = engine.stream(sql(rows).returning::<String>());
            while rows.next().await?.is_some() {}
            Ok(())
        });
        drop_while_it_runs(wired, &engine, "stream", call).await?;
        look("stream").await
    });
}

#[test]
fn a_read_that_is_dropped_inside_of_a_sessions_transaction_leaves_it_alive() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        let mut random = Random::new(7);
        for round in 1..=60 {
            let mut session = engine.session();
            let account = session.get_one::<Account>(1).await?;
            session[account].balance = round;
            session.flush().await?;
            for _ in 0..3 {
                let time = Duration::from_micros(random.below(12_000));
                let seconds = random.below(10) as f64 / 1_000.0;
                let read = sql("SELECT pg_sleep($1)::TEXT").bind(seconds).returning::<String>();
                for_a_time(time, async { session.all(read).await }).await.transpose()?;
                let sum = Account::select().columns(sum(Account::BALANCE));
                assert_eq!(session.scalar(sum).await?, Some(20 + round), "the transaction is alive");
            }
            session.commit().await?;
        }
        assert_eq!(engine.statistics().opened, 1);
        assert_eq!(wired.direct.engine.count(Account::select().filter(Account::BALANCE.eq(60))).await?, 1);
        wired.all_idle().await?;
        Ok(())
    });
}

/// A stream that is dropped half way: its savepoint is taken back, and the transaction around it goes on.
#[test]
fn a_stream_that_is_dropped_inside_of_a_transaction_leaves_it_alive() {
    test(async |wired| {
        let engine = bank(wired, "connections=1").await?;
        for rows in [0, 1, 64, 200, 20_000] {
            let mut transaction = engine.begin().await?;
            transaction
                .execute(Account::update().set(Account::BALANCE, rows).filter(Account::ID.eq(1)))
                .await?;
            let numbers = sql("SELECT generate_series(1, 30000)::BIGINT").returning::<i64>();
            let mut stream = transaction.stream(numbers);
            for _ in 0..rows {
                stream.next().await?;
            }
            drop(stream);
            if rows > 0 {
                transaction
                    .execute(Account::update().set(Account::BALANCE, rows).filter(Account::ID.eq(2)))
                    .await?;
            }
            transaction.commit().await?;
            let stored = Account::select().filter(Account::ID.eq(2)).columns(Account::BALANCE);
            assert_eq!(wired.direct.engine.scalar(stored).await?, if rows == 0 { 10 } else { rows });
        }
        full_again(&engine);
        wired.all_idle().await?;
        Ok(())
    });
}

/// Short queries are cancelled at random moments, on few connections, by many tasks. Each other call must succeed.
fn hammer(engine: &Engine, rounds: u64) -> u64 {
    let tasks = (0..4).map(|seed| {
        let engine = engine.clone();
        thread::spawn(move || {
            block_on(async {
                let mut random = Random::new(seed + 1);
                let mut dropped = 0;
                for round in 0..rounds {
                    let time = Duration::from_micros(random.below(3_000));
                    let seconds = random.below(3_000) as f64 / 1_000_000.0;
                    let slow = || sql("SELECT pg_sleep($1)::TEXT").bind(seconds).returning::<String>();
                    let outcome = match random.below(4) {
                        0 => for_a_time(time, async { engine.all(slow()).await.map(drop) }).await,
                        1 => {
                            let write = sql("WITH w AS (SELECT pg_sleep($1)) UPDATE accounts SET balance = balance FROM w WHERE id = $2");
                            let write = write.bind(seconds).bind(1 + seed as i64 % 3);
                            for_a_time(time, async { engine.execute(write).await.map(drop) }).await
                        }
                        2 => {
                            let steps = async {
                                let mut transaction = engine.begin().await?;
                                transaction.all(slow()).await?;
                                transaction.commit().await
                            };
                            for_a_time(time, steps).await
                        }
                        _ => {
                            let steps = async {
                                let mut session = engine.session();
                                session.begin().await?;
                                session.all(slow()).await?;
                                session.commit().await
                            };
                            for_a_time(time, steps).await
                        }
                    };
                    dropped += u64::from(outcome.is_none());
                    outcome.transpose().map_err(|error| format!("a call that was not dropped: {error}"))?;
                    let number = (seed * rounds + round) as i64;
                    let answer = engine.scalar(sql("SELECT $1::BIGINT").bind(number).returning::<i64>()).await;
                    let answer = answer.map_err(|error| format!("the next call was hit: {error}"))?;
                    assert_eq!(answer, number);
                    let mut transaction = engine.begin().await.map_err(|error| error.to_string())?;
                    for _ in 0..2 {
                        let counted = transaction.count(Account::select()).await;
                        assert_eq!(counted.map_err(|error| format!("a transaction was hit: {error}"))?, 3);
                    }
                    transaction.commit().await.map_err(|error| error.to_string())?;
                }
                Ok::<_, String>(dropped)
            })
        })
    });
    let tasks: Vec<_> = tasks.collect();
    tasks.into_iter().map(|task| task.join().expect("no panic").expect("no call is hit")).sum()
}

#[test]
fn a_thousand_cancellations_hit_nothing_else() {
    test(async |wired| {
        let engine = bank(wired, "connections=3").await?;
        let start = Instant::now();
        // Over the wire that holds answers for a moment, and over none.
        let dropped = hammer(&engine, 40);
        let direct = Engine::builder(&wired.direct.url().expect("a URL")).connections(3).open().await?;
        let more = hammer(&direct, 600);
        assert!(dropped + more >= 1_000, "{dropped} and {more} calls were dropped in {:?}", start.elapsed());
        full_again(&engine);
        full_again(&direct);
        assert!(direct.statistics().opened <= 3, "no connection was given up: {:?}", direct.statistics());
        assert!(engine.statistics().opened <= 3, "no connection was given up: {:?}", engine.statistics());
        wired.all_idle().await?;
        direct.close().await?;
        Ok(())
    });
}

/// At each of its polls, at once or after a moment.
#[test]
fn calls_that_are_dropped_at_any_poll_leave_idle_connections() {
    test(async |wired| {
        let engine = bank(wired, "connections=2").await?;
        type Make = fn(&Engine) -> Call<'_>;
        let calls: [(&str, Make); 8] = [
            ("all", |engine| Box::pin(async { engine.all(Account::select()).await.map(drop) })),
            ("execute", |engine| {
                Box::pin(async {
                    engine.execute(Account::update().set(Account::BALANCE, 10).everything()).await.map(drop)
                })
            }),
            ("insert_many", |engine| {
                Box::pin(async {
                    engine.insert_many((100..110).map(|id| Account { id, balance: 0 })).await?;
                    engine.execute(Account::delete().filter(Account::ID.ge(100))).await.map(drop)
                })
            }),
            ("transaction", |engine| {
                Box::pin(async {
                    let mut transaction = engine.begin().await?;
                    transaction.execute(Account::update().set(Account::BALANCE, 10).everything()).await?;
                    let mut part = transaction.begin_nested().await?;
                    part.all(Account::select()).await?;
                    part.rollback().await?;
                    transaction.commit().await
                })
            }),
            ("session", |engine| {
                Box::pin(async {
                    let mut session = engine.session();
                    let account = session.get_one::<Account>(1).await?;
                    session[account].balance = 11;
                    session.flush().await?;
                    session.all(Account::select()).await?;
                    session[account].balance = 10;
                    session.commit().await
                })
            }),
            ("closure", |engine| {
                Box::pin(engine.transaction(|mut tx| async move {
                    let account = tx.get_one::<Account>(1).await?;
                    tx[account].balance = 10;
                    Ok(())
                }))
            }),
            ("stream", |engine| {
                Box::pin(async {
                    let mut rows =
                        engine.stream(sql("SELECT generate_series(1, 3000)::BIGINT").returning::<i64>());
                    for _ in 0..2_000 {
                        rows.next().await?;
                    }
                    Ok(())
                })
            }),
            ("connection", |engine| {
                Box::pin(async {
                    let mut connection = engine.connection().await?;
                    connection.execute(sql("BEGIN")).await?;
                    connection.all(Account::select()).await?;
                    connection.execute(sql("ROLLBACK")).await.map(drop)
                })
            }),
        ];
        for (name, make) in calls {
            for stop in stops() {
                // One left over by an insert whose delete was dropped.
                wired.direct.engine.execute(Account::delete().filter(Account::ID.ge(100))).await?;
                let done = stop.at(make(&engine)).transpose()?.is_some();
                full_again(&engine);
                let states = wired.states().await?;
                assert!(states.iter().all(|state| state == "idle"), "{name}, {stop:?}: {states:?}");
                assert_eq!(
                    engine.count(Account::select().filter(Account::ID.lt(100))).await?,
                    3,
                    "{name}, {stop:?}"
                );
                if done {
                    break;
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_wait_that_is_dropped_leaves_the_queue() {
    test(async |wired| {
        let engine = bank(wired, "connections=2").await?;
        let held = [engine.begin().await?, engine.begin().await?];
        // Nothing wakes it a second time but the end of its patience.
        for polls in [0, 1] {
            let stop = orm_testkit::stop::Stop { polls, pause: true };
            assert!(stop.at(engine.count(Account::select())).is_none());
        }
        assert_eq!(engine.statistics().writer_waiting, 0);
        drop(held);
        assert_eq!(engine.count(Account::select()).await?, 3);
        Ok(())
    });
}

/// A server that has no time for the request to cancel: the call is given up all the same.
#[test]
fn a_request_to_cancel_that_fails_gives_the_connection_up() {
    test(async |wired| {
        let engine = bank(wired, "connections=1&connect_timeout=1").await?;
        let call: Call<'_> = Box::pin(async { engine.all(long()).await.map(drop) });
        wired.proxy.refuse_others();
        let watch = wired.wait_for("it runs", |states| states.iter().any(|state| state == "active"));
        or(async { watch.await.map(drop) }, call).await?;
        let start = Instant::now();
        // Its connection is gone, and none can be opened.
        let error = engine.count(Account::select()).await.expect_err("others are refused");
        assert!(matches!(error, Error::Database(_)), "{error}");
        wired.proxy.up();
        assert_eq!(engine.count(Account::select()).await?, 3);
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        wired.kill().await?;
        assert_eq!(wired.proxy.count(Client, '^'), 1, "{:?}", wired.proxy);
        Ok(())
    });
}
