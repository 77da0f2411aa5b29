//! What needs more than one task.

use std::time::Instant;

use sqlite_bench_common::{Fault, Lap, Run, poll_once};
use sqlx::{SqliteConnection, SqlitePool};

use crate::model::{SELECT_USER, User, sum_of};
use crate::{on_tokio, reads};

async fn read(pool: &SqlitePool, key: i64) -> Result<User, Fault> {
    Ok(sqlx::query_as(SELECT_USER).bind(key).fetch_one(pool).await?)
}

pub(crate) async fn read_together(pool: &SqlitePool, run: &Run) -> Result<Lap, Fault> {
    let read_all = |_, keys: Vec<i64>| {
        let pool = pool.clone();
        async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let start = Instant::now();
                found.push((read(&pool, key).await?, start.elapsed()));
            }
            Ok(found)
        }
    };
    on_tokio::read_together(run, read_all, sum_of).await
}

pub(crate) async fn stall(connection: &mut SqliteConnection, round: usize) -> Result<Lap, Fault> {
    let ticker = on_tokio::Ticker::start();
    let start = Instant::now();
    let mut found = Vec::new();
    for _ in 0..on_tokio::times(round) {
        found = reads::all(connection).await?;
    }
    let time = start.elapsed();
    // Before the sum, which keeps this thread for long.
    let longest = ticker.stop().await?;
    Ok(Lap::new(time, sum_of(&found)).and("stall", longest))
}

pub(crate) async fn recovery(pool: &SqlitePool, run: &Run) -> Result<Lap, Fault> {
    for at in 0..run.size.dropped {
        poll_once(read(pool, run.size.key(at))).await;
    }
    let start = Instant::now();
    let user = read(pool, 1).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&[user])))
}

pub(crate) async fn given_up(pool: &SqlitePool, round: usize) -> Result<Lap, Fault> {
    let slow = |_, query: &'static str| {
        let pool = pool.clone();
        async move {
            sqlx::query(query).fetch_one(&pool).await?;
            Ok(())
        }
    };
    let start = Instant::now();
    let told = on_tokio::give_up(round, slow).await?;
    let user = read(pool, 1).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&[user])).and("told", told))
}
