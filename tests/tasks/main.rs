//! Many tasks that share one engine, under every executor and on every backend.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use anyorm::bridge::run_sync;
use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::check::{full_again, nothing_lost};
use anyorm_tests::random::Random;
use anyorm_tests::{Account, blog};
use futures_lite::future::{block_on, or};
use orm_testkit::{Backend, Capability, Database, Executor};

const ACCOUNTS: i64 = 10;
const COINS: i64 = 100;
/// Counts the payments, so that a lost update shows.
const COUNTER: i64 = 0;

#[test]
fn twenty_tasks_pay_fifty_times_each() {
    everywhere(|executor, engine| {
        let task = |seed| {
            let engine = engine.clone();
            async move {
                let mut random = Random::new(seed);
                for _ in 0..50 {
                    let (from, to) = random.pair(1, ACCOUNTS);
                    engine.transaction(|mut tx| async move { pay(&mut tx, from, to).await }).await?;
                }
                Ok(())
            }
        };
        let results: Vec<Result<()>> = executor.block_on_all((0..20).map(task).collect());
        results.into_iter().collect::<Result<()>>().expect("every payment is made");
        assert_eq!(balance(engine, COUNTER), 20 * 50, "{executor:?}");
    });
}

#[test]
fn tasks_that_drop_their_calls_lose_no_coin() {
    everywhere(|executor, engine| {
        let task = |seed| {
            let engine = engine.clone();
            async move {
                let mut random = Random::new(seed);
                let mut session = engine.session();
                for _ in 0..50 {
                    call(&engine, &mut session, &mut random).await?;
                }
                Ok(())
            }
        };
        let results: Vec<Result<()>> = executor.block_on_all((0..8).map(task).collect());
        results.into_iter().collect::<Result<()>>().expect("a dropped call is no error");
    });
}

/// Runs a test under every executor on a bank of every backend, and counts the coins after it.
fn everywhere(test: impl Fn(Executor, &Engine)) {
    for executor in Executor::ALL {
        // They write what they read before, without a version: where one writes at a time, nobody comes in between. What it
        // takes on a server is in `tests/postgres/retries.rs`.
        for &backend in Backend::all().iter().filter(|backend| backend.has(Capability::OneWriter)) {
            let db = block_on(bank(backend)).expect("a bank opens");
            test(executor, &db.engine);
            full_again(&db.engine);
            let total = Account::select().filter(Account::ID.ne(COUNTER)).columns(sum(Account::BALANCE));
            let total: Option<i64> = block_on(db.engine.scalar(total)).expect("coins can be counted");
            assert_eq!(total, Some(ACCOUNTS * COINS), "{executor:?}, {backend:?}");
            block_on(nothing_lost(&db.engine)).expect("the engine works");
        }
    }
}

async fn bank(backend: Backend) -> Result<Database> {
    let db = Database::open(backend).await?;
    db.engine.create_all(&blog()).await?;
    let accounts = (1..=ACCOUNTS).map(|id| Account { id, balance: COINS });
    let counter = Account { id: COUNTER, balance: 0 };
    db.engine.execute(Account::insert().values(accounts.chain([counter]))).await?;
    Ok(db)
}

fn balance(engine: &Engine, id: i64) -> i64 {
    let query = Account::select().filter(Account::ID.eq(id)).columns(Account::BALANCE);
    block_on(engine.scalar(query)).expect("the account is there")
}

/// Moves a coin, and counts that it did.
async fn pay(session: &mut Session, from: i64, to: i64) -> Result<()> {
    for (id, coins) in [(from, -1), (to, 1), (COUNTER, 1)] {
        let account = session.get_one::<Account>(id).await?;
        session[account].balance += coins;
    }
    Ok(())
}

/// One call, dropped at a random time.
async fn call(engine: &Engine, session: &mut Session, random: &mut Random) -> Result<()> {
    let (from, to) = random.pair(1, ACCOUNTS);
    let stop = Stop::random(random);
    match random.below(5) {
        0 => stop.race(engine.all(Account::select())).await,
        1 => {
            let body = |mut tx: Tx| async move {
                pay(&mut tx, from, to).await?;
                tx.flush().await
            };
            stop.race(engine.transaction(body)).await
        }
        2 => {
            let steps = async {
                let mut transaction = engine.begin().await?;
                for (id, coins) in [(from, -1), (to, 1)] {
                    let update = sql("UPDATE accounts SET balance = balance + ? WHERE id = ?");
                    transaction.execute(update.bind(coins).bind(id)).await?;
                }
                transaction.commit().await
            };
            stop.race(steps).await
        }
        _ => {
            let steps = async {
                session.begin().await?;
                pay(session, from, to).await?;
                session.commit().await
            };
            stop.race(steps).await?;
            settle(session).await
        }
    }
}

/// Takes over what a dropped call left, and forgets what others may have changed since.
async fn settle(session: &mut Session) -> Result<()> {
    session.rollback().await?;
    session.clear();
    Ok(())
}

/// When a call is dropped. Nothing here blocks the thread: other tasks need it.
enum Stop {
    /// At its n-th poll.
    Polls(u64),
    /// When the time is up.
    After(Duration),
}

impl Stop {
    fn random(random: &mut Random) -> Self {
        match random.below(2) {
            0 => Self::Polls(1 + random.below(12)),
            _ => Self::After(Duration::from_micros(random.below(2_000))),
        }
    }

    async fn race<T>(self, call: impl Future<Output = Result<T>>) -> Result<()> {
        let call = async { call.await.map(drop) };
        match self {
            Self::Polls(polls) => {
                let mut call = Box::pin(call);
                let mut left = polls;
                let counted = poll_fn(|context| match call.as_mut().poll(context) {
                    Poll::Pending if left > 1 => {
                        left -= 1;
                        Poll::Pending
                    }
                    Poll::Pending => Poll::Ready(Ok(())),
                    ready => ready,
                });
                counted.await
            }
            Self::After(time) => {
                let timer = async {
                    run_sync(move || std::thread::sleep(time)).await;
                    Ok(())
                };
                or(call, timer).await
            }
        }
    }
}

/// A connection that is held by one task is waited for by the others, and the wait says who has it when it is too long.
#[test]
fn a_wait_that_is_too_long_names_the_holder() {
    for executor in Executor::ALL {
        let engine =
            block_on(Engine::builder("sqlite::memory:?acquire_timeout=30").open()).expect("it opens");
        let holder = engine.clone();
        let line = line!() + 2;
        let waiting = executor.block_on(async move {
            let transaction = holder.begin().await?;
            let waiter = engine.clone();
            let waiting = std::thread::spawn(move || block_on(waiter.begin()).map(drop));
            let waiting = waiting.join().expect("it does not panic");
            drop(transaction);
            waiting
        });
        let error = waiting.expect_err("the holder does not give way");
        let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
        assert!(timeout.holders[0].ends_with(&format!("main.rs:{line}")), "{error}");
    }
}
