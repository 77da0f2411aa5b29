//! Each call of an engine, dropped at each of its polls.

use anyorm::bridge::{Limiter, run_sync};
use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, blog};
use orm_testkit::stop::stops;
use orm_testkit::{Backend, Behaviour, Database, behaviours};

use super::calls::each_verb;
use anyorm_tests::check::{full_again, nothing_lost};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    each_verb_gives_its_connection_back,
    a_statement_happens_or_not,
    opening_and_closing_leave_nothing_behind,
    a_schema_is_made_or_not,
    guards_that_nobody_got_hold_nothing,
    a_transaction_happens_or_not,
    a_transaction_with_a_commit_of_its_own_happens_or_not,
    a_rolled_back_transaction_never_happens,
    the_bridge_keeps_its_tokens,
];

fn account(id: i64) -> Account {
    Account { id, balance: 10 }
}

async fn bank(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(Account::insert().values((1..=3).map(account))).await.map(drop)
}

async fn each_verb_gives_its_connection_back(db: Database) -> Result<()> {
    bank(&db).await?;
    db.engine.execute(Account::delete().filter(Account::ID.gt(1))).await?;
    each_verb!(engine = db.engine.clone(); stop, ended => {
        full_again(&engine);
        assert_eq!(engine.count(Account::select()).await?, 1, "{stop:?}");
    });
    nothing_lost(&db.engine).await
}

async fn a_statement_happens_or_not(db: Database) -> Result<()> {
    bank(&db).await?;
    for (id, stop) in (100..).zip(stops()) {
        let ended = stop.at(db.engine.execute(Account::insert().values([account(id), account(id + 1_000)])));
        let ended = ended.transpose()?.is_some();
        full_again(&db.engine);
        let found = db.engine.count(Account::select().filter(Account::ID.is_in([id, id + 1_000]))).await?;
        assert!(found == 0 || found == 2, "{found} of two rows: {stop:?}");
        assert!(found == 0 || !stop.is_before_the_first_poll(), "{stop:?}");
        if ended {
            assert_eq!(found, 2);
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn opening_and_closing_leave_nothing_behind(db: Database) -> Result<()> {
    bank(&db).await?;
    let url = db.url().unwrap_or_else(|| "sqlite::memory:".to_owned());
    for stop in stops() {
        if stop.at(Engine::open(&url)).transpose()?.is_some() {
            break;
        }
    }
    for stop in stops() {
        let engine = Engine::open(&url).await?;
        assert_eq!(engine.scalar(sql("SELECT 1").returning::<i64>()).await?, 1);
        let ended = stop.at(engine.close()).transpose()?.is_some();
        let after = engine.scalar(sql("SELECT 1").returning::<i64>()).await;
        match stop.is_before_the_first_poll() {
            true => assert_eq!(after?, 1),
            false => assert!(matches!(after, Err(Error::Closed)), "{stop:?}"),
        }
        full_again(&engine);
        if ended {
            break;
        }
    }
    assert_eq!(db.engine.count(Account::select()).await?, 3);
    nothing_lost(&db.engine).await
}

async fn a_schema_is_made_or_not(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let all = db.tables().await?;
    for create in [false, true] {
        for stop in stops() {
            let schema = blog();
            // Into the other state first.
            let before = if create { db.engine.drop_all(&schema) } else { db.engine.create_all(&schema) };
            before.await?;
            let call = if create { db.engine.create_all(&schema) } else { db.engine.drop_all(&schema) };
            let ended = stop.at(call).transpose()?.is_some();
            full_again(&db.engine);
            let found = db.tables().await?;
            assert!(found == 0 || found == all, "{found} of {all} tables: {stop:?}");
            if ended {
                break;
            }
        }
    }
    nothing_lost(&db.engine).await
}

async fn guards_that_nobody_got_hold_nothing(db: Database) -> Result<()> {
    bank(&db).await?;
    for stop in stops() {
        let began = stop.at(db.engine.begin()).transpose()?.is_some();
        let connected = stop.at(db.engine.connection()).transpose()?.is_some();
        full_again(&db.engine);
        if began && connected {
            break;
        }
    }
    // The same while they wait in line.
    for stop in stops().take(6) {
        let holder = db.engine.begin().await?;
        let waited = stop.at(async {
            // Dropped long before the transaction ends: what is polled again is woken by the timer only.
            futures_lite::future::or(async { db.engine.connection().await.map(drop) }, async {
                run_sync(|| std::thread::sleep(std::time::Duration::from_millis(1))).await;
                Ok(())
            })
            .await
        });
        assert!(waited.is_none_or(|result| result.is_ok()));
        assert_eq!(db.engine.statistics().writer_waiting, 0, "it left the line: {stop:?}");
        drop(holder);
        full_again(&db.engine);
    }
    nothing_lost(&db.engine).await
}

/// An error of a program's own.
struct Wrapped(Error);

impl From<Error> for Wrapped {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// A transfer of one coin, in two ways of asking for the same.
async fn transfer(tx: &mut Tx) -> Result<()> {
    let from = tx.get_one::<Account>(1).await?;
    tx[from].balance -= 1;
    tx.flush().await?;
    let to = tx.get_one::<Account>(2).await?;
    tx[to].balance += 1;
    Ok(())
}

async fn balances(db: &Database) -> Result<(i64, i64)> {
    let query = Account::select().order_by(Account::ID.asc()).columns(Account::BALANCE).limit(2);
    let balances = db.engine.all(query).await?;
    Ok((balances[0], balances[1]))
}

#[track_caller]
fn one_coin_moved_or_none(before: (i64, i64), after: (i64, i64), ended: bool) {
    let moved = (before.0 - 1, before.1 + 1);
    assert!(after == moved || (after == before && !ended), "{before:?} became {after:?}");
}

async fn a_transaction_happens_or_not(db: Database) -> Result<()> {
    bank(&db).await?;
    for stop in stops() {
        let before = balances(&db).await?;
        let body = |mut tx: Tx| async move { transfer(&mut tx).await };
        let ended = stop.at(db.engine.transaction(body)).transpose()?.is_some();
        full_again(&db.engine);
        one_coin_moved_or_none(before, balances(&db).await?, ended);
        if ended {
            break;
        }
    }
    for stop in stops() {
        let before = balances(&db).await?;
        let body = |mut tx: Tx| async move { transfer(&mut tx).await.map_err(Wrapped) };
        let ended = stop.at(db.engine.try_transaction(body)).transpose().map_err(|error| error.0)?.is_some();
        full_again(&db.engine);
        one_coin_moved_or_none(before, balances(&db).await?, ended);
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_transaction_with_a_commit_of_its_own_happens_or_not(db: Database) -> Result<()> {
    bank(&db).await?;
    for stop in stops() {
        let before = balances(&db).await?;
        let body = |mut tx: Tx| async move {
            transfer(&mut tx).await?;
            tx.commit().await
        };
        let ended = stop.at(db.engine.transaction(body)).transpose()?.is_some();
        full_again(&db.engine);
        one_coin_moved_or_none(before, balances(&db).await?, ended);
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_rolled_back_transaction_never_happens(db: Database) -> Result<()> {
    bank(&db).await?;
    for own in [false, true] {
        for stop in stops() {
            let body = |mut tx: Tx| async move {
                transfer(&mut tx).await?;
                tx.flush().await?;
                if own { tx.rollback().await } else { Err(Error::other("changed my mind")) }
            };
            let ended = stop.at(db.engine.transaction(body)).is_some();
            full_again(&db.engine);
            assert_eq!(balances(&db).await?, (10, 10), "{stop:?}");
            if ended {
                break;
            }
        }
    }
    nothing_lost(&db.engine).await
}

async fn the_bridge_keeps_its_tokens(db: Database) -> Result<()> {
    if db.backend == Backend::Memory {
        // It has nothing to do with a database: once is enough.
        return Ok(());
    }
    let limiter = Limiter::new(1);
    for stop in stops() {
        let ended = stop.at(limiter.run_sync(|| 7)).is_some();
        assert_eq!(limiter.run_sync(|| 8).await, 8, "the token is free again: {stop:?}");
        if ended {
            break;
        }
    }
    for stop in stops() {
        if stop.at(run_sync(|| 7)).is_some() {
            break;
        }
    }
    Ok(())
}
