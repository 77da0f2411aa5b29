//! The work as closures on connections of rusqlite that run elsewhere. What is included with it says where: a `Pool`.

use std::time::Instant;

use rusqlite::Connection;
use sqlite_bench_common::{Checksum, Fault, Lap, Laps, Run, User, Work, diamonds, light, poll_once, users};
use tokio::sync::mpsc;

use crate::pool::Pool;
use crate::{by_hand, on_tokio};

/// Rows that cross threads together.
const CHUNK: usize = 1_000;

pub(crate) fn main() -> Result<(), Fault> {
    let run = Run::from_arguments()?;
    on_tokio::run(&run.clone(), work(run))
}

async fn work(run: Run) -> Result<(), Fault> {
    let pool = Pool::open(&run.file).await?;
    let mut laps = Laps::default();
    for round in run.rounds() {
        laps.add(lap(&pool, &run, round).await?);
    }
    run.print(&laps);
    Ok(())
}

async fn lap(pool: &Pool, run: &Run, round: usize) -> Result<Lap, Fault> {
    match run.work {
        Work::ReadByKey | Work::Hundred => read_by_key(pool, run).await,
        Work::ReadTogether | Work::TenAtOnce | Work::Tail => read_together(pool, run).await,
        Work::Rows | Work::RowsMany => read_rows(pool).await,
        Work::InsertBulk => insert_bulk(pool, run, round).await,
        Work::InsertSingle => insert_single(pool, run, round).await,
        Work::Change => change(pool).await,
        Work::Parents => read_parents(pool).await,
        Work::Mixed => mixed(pool, run).await,
        Work::Stream => stream(pool).await,
        Work::Diamond => insert_diamonds(pool, run, round).await,
        Work::Stall => stall(pool, round).await,
        Work::Recovery => recovery(pool, run).await,
        Work::GivenUp => given_up(pool, round).await,
        Work::FlushFew => run.leave_out("nothing is tracked"),
    }
}

async fn read_by_key(pool: &Pool, run: &Run) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(run.size.reads);
    let start = Instant::now();
    for key in run.size.keys() {
        found.push(read(pool, key).await?);
    }
    Ok(Lap::users(start.elapsed(), &found))
}

async fn read(pool: &Pool, key: i64) -> Result<User, Fault> {
    pool.call(move |connection| Ok(by_hand::read_user(connection, key)?)).await
}

async fn read_together(pool: &Pool, run: &Run) -> Result<Lap, Fault> {
    let read_all = |task, keys: Vec<i64>| {
        let pool = pool.of_task(task);
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

async fn all(pool: &Pool) -> Result<Vec<User>, Fault> {
    pool.call(|connection| Ok(by_hand::read_users(connection)?)).await
}

async fn read_rows(pool: &Pool) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found = all(pool).await?;
    Ok(Lap::users(start.elapsed(), &found))
}

async fn insert_bulk(pool: &Pool, run: &Run, round: usize) -> Result<Lap, Fault> {
    let new = users(round, run.size.rows);
    let start = Instant::now();
    let users = pool.call(move |connection| Ok(by_hand::insert_users(connection, new)?)).await?;
    Ok(Lap::users(start.elapsed(), &users))
}

/// Each row is sent and answered before the next.
async fn insert_single(pool: &Pool, run: &Run, round: usize) -> Result<Lap, Fault> {
    let new = users(round, run.size.rows);
    let mut users = Vec::with_capacity(new.len());
    let start = Instant::now();
    let held = pool.hold().await?;
    held.call(|connection| Ok(connection.execute_batch("BEGIN IMMEDIATE")?)).await?;
    for new in new {
        users.push(held.call(move |connection| Ok(by_hand::insert_user(connection, new)?)).await?);
    }
    held.call(|connection| Ok(connection.execute_batch("COMMIT")?)).await?;
    Ok(Lap::users(start.elapsed(), &users))
}

async fn change(pool: &Pool) -> Result<Lap, Fault> {
    let mut users = all(pool).await?;
    let start = Instant::now();
    let work = move |connection: &mut Connection| {
        by_hand::change_users(connection, &mut users)?;
        Ok(users)
    };
    let users = pool.call(work).await?;
    Ok(Lap::users(start.elapsed(), &users))
}

async fn read_parents(pool: &Pool) -> Result<Lap, Fault> {
    let start = Instant::now();
    let parents = pool.call(|connection| Ok(by_hand::read_parents(connection)?)).await?;
    Ok(Lap::new(start.elapsed(), by_hand::sum_of_parents(&parents)))
}

async fn mixed(pool: &Pool, run: &Run) -> Result<Lap, Fault> {
    let mut done = Vec::with_capacity(run.size.requests);
    let start = Instant::now();
    for request in 0..run.size.requests {
        let key = run.size.key(request);
        done.push(pool.call(move |connection| Ok(by_hand::request(connection, key, request)?)).await?);
    }
    Ok(Lap::new(start.elapsed(), by_hand::sum_of_requests(&done)))
}

async fn insert_diamonds(pool: &Pool, run: &Run, round: usize) -> Result<Lap, Fault> {
    let names = diamonds(round, run.size.diamonds);
    let start = Instant::now();
    let keys = pool.call(move |connection| Ok(by_hand::insert_diamonds(connection, &names)?)).await?;
    Ok(Lap::new(start.elapsed(), by_hand::sum_of_diamonds(keys)))
}

async fn stream(pool: &Pool) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let start = Instant::now();
    let (sender, mut chunks) = mpsc::channel(2);
    let pool = pool.clone();
    let reader =
        tokio::spawn(async move { pool.call(move |connection| send_all(connection, &sender)).await });
    while let Some(chunk) = chunks.recv().await {
        for user in chunk {
            sum.light(light(user.id, &user.name, &user.email, user.age, user.score));
        }
    }
    reader.await??;
    Ok(Lap::new(start.elapsed(), sum))
}

fn send_all(connection: &Connection, chunks: &mpsc::Sender<Vec<User>>) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(by_hand::SELECT_USERS)?;
    let mut users = statement.query_map([], by_hand::decode_user)?;
    loop {
        let chunk: Vec<User> = users.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        if chunk.is_empty() {
            return Ok(());
        }
        chunks.blocking_send(chunk)?;
    }
}

async fn stall(pool: &Pool, round: usize) -> Result<Lap, Fault> {
    let ticker = on_tokio::Ticker::start();
    let start = Instant::now();
    let mut found = Vec::new();
    for _ in 0..on_tokio::times(round) {
        found = all(pool).await?;
    }
    let time = start.elapsed();
    // Before the sum, which keeps this thread for long.
    let longest = ticker.stop().await?;
    Ok(Lap::new(time, sum_of(&found)).and("stall", longest))
}

async fn recovery(pool: &Pool, run: &Run) -> Result<Lap, Fault> {
    for at in 0..run.size.dropped {
        poll_once(read(pool, run.size.key(at))).await;
    }
    let start = Instant::now();
    let user = read(pool, 1).await?;
    Ok(Lap::users(start.elapsed(), [&user]))
}

async fn given_up(pool: &Pool, round: usize) -> Result<Lap, Fault> {
    let slow = |task, query: &'static str| {
        let pool = pool.of_task(task);
        async move { pool.call(|connection| Ok(connection.query_row(query, [], |_| Ok(()))?)).await }
    };
    let start = Instant::now();
    let told = on_tokio::give_up(round, slow).await?;
    let user = read(pool, 1).await?;
    Ok(Lap::users(start.elapsed(), [&user]).and("told", told))
}

fn sum_of(users: &[User]) -> Checksum {
    Lap::users(Default::default(), users).sum
}
