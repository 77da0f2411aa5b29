//! Random calls, dropped at random: the coins of a bank stay what they are.

use std::time::Duration;

use anyorm::bridge::run_sync;
use anyorm::prelude::*;
use anyorm::{Result, Session};
use anyorm_tests::{Account, blog};
use futures_lite::future::or;
use orm_testkit::{Behaviour, Database, behaviours, step};

use anyorm_tests::check::{full_again, nothing_lost};
use anyorm_tests::random::Random;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![five_hundred_drops_move_coins_and_lose_none];

const DROPS: u32 = 500;

/// The session's own accounts are 1 to 4; those that statements change are 5 to 8.
const ACCOUNTS: i64 = 8;
const COINS: i64 = 100;

/// With two backends, these are 1,000 drops under each executor.
async fn five_hundred_drops_move_coins_and_lose_none(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let accounts = (1..=ACCOUNTS).map(|id| Account { id, balance: COINS });
    db.engine.execute(Account::insert().values(accounts)).await?;
    let mut random = Random::new(7);
    let mut session = db.engine.session();
    let mut drops = 0;
    while drops < DROPS {
        if random.below(2) == 0 {
            for _ in 0..=random.below(3) {
                drops += u32::from(call_session(&mut session, &mut random).await?);
            }
            settle(&mut session, &db, &mut random).await?;
        } else {
            drops += u32::from(call_engine(&db.engine, &mut random).await?);
            if db.engine.statistics().writer_size > 1 {
                // What was dropped may not have ended. Where others may write meanwhile, a transaction that writes what it read
                // would undo it, as it says of itself: it is not serializable.
                full_again(&db.engine);
            }
        }
        if random.below(20) == 0 {
            session = db.engine.session();
        }
    }
    drop(session);
    balanced(&db).await?;
    nothing_lost(&db.engine).await
}

/// Ends what the session was at, one way or another: memory is then what the database has.
async fn settle(session: &mut Session, db: &Database, random: &mut Random) -> Result<()> {
    if random.below(2) == 0 {
        session.commit().await?;
    } else {
        session.rollback().await?;
    }
    full_again(&db.engine);
    balanced(db).await?;
    let rows = db.engine.all(Account::select().filter(Account::ID.le(4))).await?;
    for row in rows {
        let handle = session.get_one::<Account>(row.id).await?;
        assert_eq!(session[handle], row, "memory is what the database has");
        session.refresh(handle).await?;
        assert_eq!(session[handle], row);
    }
    assert!(!session.is_dirty());
    Ok(())
}

async fn balanced(db: &Database) -> Result<()> {
    let total: Option<i64> = db.engine.scalar(Account::select().columns(sum(Account::BALANCE))).await?;
    assert_eq!(total, Some(ACCOUNTS * COINS));
    Ok(())
}

/// One call of a session, dropped at a random time. Answers whether that came before its end.
async fn call_session(session: &mut Session, random: &mut Random) -> Result<bool> {
    let (from, to) = random.pair(1, 4);
    let coins = random.below(10) as i64;
    let stop = Stop::random(random);
    match random.below(10) {
        0 | 1 => stop.race(pay(session, from, to, coins, true)).await,
        2 | 3 => stop.race(pay(session, from, to, coins, false)).await,
        4 => stop.race(session.all(Account::select().filter(Account::ID.le(4)))).await,
        5 => stop.race(session.count(Account::select())).await,
        6 => stop.race(session.execute(transfer(from + 4, to + 4, coins))).await,
        7 => stop.race(session.rollback()).await,
        8 => stop.race(session.recover()).await,
        _ => {
            let part = async {
                let mut part = session.begin_nested().await?;
                pay(&mut part, from, to, coins, false).await?;
                if coins > 5 { part.release().await } else { part.rollback().await }
            };
            stop.race(part).await
        }
    }
}

/// Moves coins in memory, both or none of the changes, and stores them.
async fn pay(session: &mut Session, from: i64, to: i64, coins: i64, commit: bool) -> Result<()> {
    let from = session.get_one::<Account>(from).await?;
    let to = session.get_one::<Account>(to).await?;
    session[from].balance -= coins;
    session[to].balance += coins;
    if commit { session.commit().await } else { session.flush().await }
}

/// One call of an engine, dropped at a random time.
async fn call_engine(engine: &Engine, random: &mut Random) -> Result<bool> {
    let (from, to) = random.pair(5, 8);
    let coins = random.below(10) as i64;
    let stop = Stop::random(random);
    match random.below(6) {
        0 => stop.race(engine.all(Account::select())).await,
        1 => stop.race(engine.execute(transfer(from, to, coins))).await,
        2 => {
            let transaction = engine.transaction(|mut tx| async move {
                pay(&mut tx, from, to, coins, coins % 2 == 0).await?;
                tx.count(Account::select()).await.map(drop)
            });
            stop.race(transaction).await
        }
        3 => {
            let steps = async {
                let mut transaction = engine.begin().await?;
                take(&mut transaction, from, coins).await?;
                take(&mut transaction, to, -coins).await?;
                if coins == 0 { transaction.rollback().await } else { transaction.commit().await }
            };
            stop.race(steps).await
        }
        4 => {
            let steps = async {
                let mut connection = engine.connection().await?;
                connection.execute(sql("BEGIN")).await?;
                connection.execute(transfer(from, to, coins)).await?;
                connection.execute(sql("COMMIT")).await
            };
            stop.race(steps).await
        }
        _ => {
            let steps = async {
                let mut transaction = engine.begin().await?;
                let mut part = transaction.begin_nested().await?;
                part.execute(transfer(from, to, coins)).await?;
                part.release().await?;
                transaction.commit().await
            };
            stop.race(steps).await
        }
    }
}

/// One statement that moves coins.
fn transfer(from: i64, to: i64, coins: i64) -> impl anyorm::Query<Shape: Send> {
    // A place that says nothing of its type is told it.
    sql("UPDATE accounts SET balance = balance + CAST(CASE id WHEN ? THEN ? ELSE ? END AS BIGINT) WHERE id IN (?, ?)")
        .bind(from)
        .bind(-coins)
        .bind(coins)
        .bind(from)
        .bind(to)
}

async fn take(transaction: &mut anyorm::Transaction, account: i64, coins: i64) -> Result<()> {
    let update = sql("UPDATE accounts SET balance = balance - ? WHERE id = ?").bind(coins).bind(account);
    transaction.execute(update).await.map(drop)
}

/// When a future is dropped.
enum Stop {
    /// At its n-th poll.
    Polls(usize),
    /// When the time is up.
    After(Duration),
}

impl Stop {
    fn random(random: &mut Random) -> Self {
        match random.below(2) {
            0 => Self::Polls(random.below(8) as usize),
            _ => Self::After(Duration::from_micros(random.below(400))),
        }
    }

    /// Runs a future until then. Answers whether it was dropped before its end.
    async fn race<T: Send>(self, future: impl Future<Output = Result<T>> + Send) -> Result<bool> {
        let output = match self {
            Self::Polls(polls) => step::polls(polls, future),
            Self::After(time) => {
                let timer = async {
                    run_sync(move || std::thread::sleep(time)).await;
                    None
                };
                or(async { Some(future.await) }, timer).await
            }
        };
        output.transpose().map(|output| output.is_none())
    }
}
