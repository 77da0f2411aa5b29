//! What needs more than one task.

use std::time::Instant;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sqlite_bench_common::{Fault, Lap, Run, poll_once};

use crate::model::sum_of;
use crate::on_tokio;
use crate::reads::{self, read};

pub(crate) async fn read_together(database: &DatabaseConnection, run: &Run) -> Result<Lap, Fault> {
    let read_all = |_, keys: Vec<i64>| {
        let database = database.clone();
        async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let start = Instant::now();
                found.push((read(&database, key).await?, start.elapsed()));
            }
            Ok(found)
        }
    };
    on_tokio::read_together(run, read_all, sum_of).await
}

pub(crate) async fn stall(database: &DatabaseConnection, round: usize) -> Result<Lap, Fault> {
    let ticker = on_tokio::Ticker::start();
    let start = Instant::now();
    let mut found = Vec::new();
    for _ in 0..on_tokio::times(round) {
        found = reads::all(database).await?;
    }
    let time = start.elapsed();
    // Before the sum, which keeps this thread for long.
    let longest = ticker.stop().await?;
    Ok(Lap::new(time, sum_of(&found)).and("stall", longest))
}

pub(crate) async fn recovery(database: &DatabaseConnection, run: &Run) -> Result<Lap, Fault> {
    for at in 0..run.size.dropped {
        poll_once(read(database, run.size.key(at))).await;
    }
    let start = Instant::now();
    let user = read(database, 1).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&[user])))
}

pub(crate) async fn given_up(database: &DatabaseConnection, round: usize) -> Result<Lap, Fault> {
    let slow = |_, query: &'static str| {
        let database = database.clone();
        async move {
            database.query_one_raw(Statement::from_string(DbBackend::Sqlite, query)).await?;
            Ok(())
        }
    };
    let start = Instant::now();
    let told = on_tokio::give_up(round, slow).await?;
    let user = read(database, 1).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&[user])).and("told", told))
}
