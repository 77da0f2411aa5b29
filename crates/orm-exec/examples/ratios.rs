//! What the async edge costs: the time of a few jobs, as ratios to the same work by hand with rusqlite on one thread.
//!
//! `cargo run --release -p orm-exec --example ratios`
//!
//! Both sides take turns, and the median of each counts, so that a busy machine disturbs both alike.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future;
use orm_core::program::{Discard, Expect, Returns, StatementShape, Step};
use orm_core::{Cells, Program, sql};
use orm_exec::{Access, Engine};
use rusqlite::params;

const ROWS: usize = 10_000;
const ROUNDS: usize = 25;
const INSERT: &str = "INSERT INTO users (id, email, name, age) VALUES (?, ?, ?, ?)";
const INSERT_NEW: &str = "INSERT INTO users (email, name, age) VALUES (?, ?, ?)";
const UPDATE: &str = "UPDATE users SET age = ? WHERE id = ?";
const SELECT: &str = "SELECT id, email, name, age FROM users";
const SELECT_ONE: &str = "SELECT id, email, name, age FROM users WHERE id = ?";

type User = (i64, String, String, Option<i64>);

fn main() -> orm_core::Result<()> {
    let folder = std::env::temp_dir().join(format!("anyorm-ratios-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(orm_core::Error::other)?;
    let result = future::block_on(compare(&folder));
    std::fs::remove_dir_all(&folder).map_err(orm_core::Error::other)?;
    result
}

async fn compare(folder: &std::path::Path) -> orm_core::Result<()> {
    let raw = rusqlite::Connection::open(folder.join("raw.db")).map_err(orm_core::Error::other)?;
    let table =
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL, age INTEGER)";
    raw.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; {table}"
    ))
    .map_err(orm_core::Error::other)?;
    let engine = Engine::open(&format!("sqlite://{}/ours.db", folder.display())).await?;
    engine.execute(sql(table)).await?;
    let users: Vec<User> = (0..ROWS as i64)
        .map(|id| (id, format!("user{id}@example.org"), format!("User {id}"), Some(id % 90)))
        .collect();

    println!("{:<44}{:>12}{:>12}{:>8}", "", "raw", "ours", "ratio");
    let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        clear(&raw, &engine).await?;
        by_hand.push(timed(|| insert_raw(&raw, &users)));
        let program = insert_program(&users);
        ours.push(timed_job(&engine, program).await?);
    }
    row("insert 10,000, keys known", by_hand, ours, ROWS);

    let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        clear(&raw, &engine).await?;
        by_hand.push(timed(|| insert_new_raw(&raw, &users)));
        let program = insert_new_program(&users);
        ours.push(timed_job(&engine, program).await?);
    }
    row("insert 10,000, keys known after", by_hand, ours, ROWS);

    clear(&raw, &engine).await?;
    insert_raw(&raw, &users).map_err(orm_core::Error::other)?;
    timed_job(&engine, insert_program(&users)).await?;

    let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as i64 {
        by_hand.push(timed(|| update_raw(&raw, round)));
        ours.push(timed_job(&engine, update_program(round)).await?);
    }
    row("update 10,000, each one row", by_hand, ours, ROWS);

    let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..4 * ROUNDS {
        by_hand.push(timed(|| select_raw(&raw)));
        let start = Instant::now();
        black_box(engine.all(sql(SELECT).returning::<User>()).await?);
        ours.push(start.elapsed());
    }
    row("10,000 rows into tuples", by_hand, ours, ROWS);

    // The same by hand on a worker thread: what crossing threads costs on its own.
    let (mut by_hand, mut crossed, mut raw) = (Vec::new(), Vec::new(), raw);
    for _ in 0..4 * ROUNDS {
        by_hand.push(timed(|| select_raw(&raw)));
        let start = Instant::now();
        let users;
        (raw, users) = orm_exec::bridge::run_sync(move || {
            let users = select_raw(&raw);
            (raw, users)
        })
        .await;
        drop(black_box(users));
        crossed.push(start.elapsed());
    }
    row("10,000 rows, by hand in `run_sync`", by_hand, crossed, ROWS);

    const READS: usize = 200;
    let (mut by_hand, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let keys = (0..READS).map(|at| ((at * 7919 + round) % ROWS) as i64);
        by_hand.push(timed(|| {
            keys.clone().try_for_each(|key| select_one_raw(&raw, key).map(|user| drop(black_box(user))))
        }));
        let start = Instant::now();
        for key in keys {
            black_box(engine.one(sql(SELECT_ONE).bind(key).returning::<User>()).await?);
        }
        ours.push(start.elapsed());
    }
    row("point read, one hop each", by_hand, ours, READS);
    println!("hops: {}", engine.statistics().hops);
    engine.close().await
}

async fn clear(raw: &rusqlite::Connection, engine: &Engine) -> orm_core::Result<()> {
    raw.execute("DELETE FROM users", []).map_err(orm_core::Error::other)?;
    engine.execute(sql("DELETE FROM users")).await?;
    Ok(())
}

fn insert_raw(raw: &rusqlite::Connection, users: &[User]) -> rusqlite::Result<()> {
    raw.execute_batch("BEGIN IMMEDIATE")?;
    let mut statement = raw.prepare_cached(INSERT)?;
    for (id, email, name, age) in users {
        statement.execute(params![id, email, name, age])?;
    }
    raw.execute_batch("COMMIT")
}

fn insert_program(users: &[User]) -> Program {
    let mut input = Cells::default();
    for (id, email, name, age) in users {
        input.int(*id);
        input.text(email);
        input.text(name);
        age.iter().for_each(|age| input.int(*age));
    }
    program(INSERT, 4, Returns::Count, input)
}

fn insert_new_raw(raw: &rusqlite::Connection, users: &[User]) -> rusqlite::Result<Vec<i64>> {
    raw.execute_batch("BEGIN IMMEDIATE")?;
    let mut statement = raw.prepare_cached(INSERT_NEW)?;
    let mut keys = Vec::with_capacity(users.len());
    for (_, email, name, age) in users {
        statement.execute(params![email, name, age])?;
        keys.push(raw.last_insert_rowid());
    }
    raw.execute_batch("COMMIT")?;
    Ok(keys)
}

fn insert_new_program(users: &[User]) -> Program {
    let mut input = Cells::default();
    for (_, email, name, age) in users {
        input.text(email);
        input.text(name);
        age.iter().for_each(|age| input.int(*age));
    }
    program(INSERT_NEW, 3, Returns::GeneratedKey, input)
}

fn update_raw(raw: &rusqlite::Connection, age: i64) -> rusqlite::Result<()> {
    raw.execute_batch("BEGIN IMMEDIATE")?;
    let mut statement = raw.prepare_cached(UPDATE)?;
    for id in 0..ROWS as i64 {
        if statement.execute(params![age + 1, id])? != 1 {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
    }
    raw.execute_batch("COMMIT")
}

fn update_program(age: i64) -> Program {
    let mut input = Cells::default();
    for id in 0..ROWS as i64 {
        input.int(age + 1);
        input.int(id);
    }
    let mut program = program(UPDATE, 2, Returns::Count, input);
    program.steps[0].expect = Expect::OnePerRow;
    program
}

fn select_raw(raw: &rusqlite::Connection) -> rusqlite::Result<Vec<User>> {
    let mut statement = raw.prepare_cached(SELECT)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    rows.collect()
}

fn select_one_raw(raw: &rusqlite::Connection, key: i64) -> rusqlite::Result<User> {
    let mut statement = raw.prepare_cached(SELECT_ONE)?;
    statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
}

fn program(text: &str, parameters: u16, returns: Returns, input: Cells) -> Program {
    let shape = StatementShape { sql: text.into(), parameters, returns, reads_only: false, list: None };
    let cells = 0..input.len() as u32;
    let rows = cells.end / u32::from(parameters);
    let step =
        Step { shape: Arc::new(shape), rows, cells, expect: Expect::Any, after: Vec::new(), origin: 0 };
    Program {
        steps: vec![step],
        input,
        begin: Some("BEGIN IMMEDIATE".into()),
        commit: true,
        ..Program::default()
    }
}

async fn timed_job(engine: &Engine, program: Program) -> orm_core::Result<Duration> {
    let start = Instant::now();
    let lease = engine.lease(Access::Write, std::panic::Location::caller()).await?;
    let output = lease.run(program, Discard).await;
    output.result?;
    Ok(start.elapsed())
}

fn timed<T>(work: impl FnOnce() -> rusqlite::Result<T>) -> Duration {
    let start = Instant::now();
    black_box(work().expect("the raw side works"));
    start.elapsed()
}

fn row(name: &str, by_hand: Vec<Duration>, ours: Vec<Duration>, per: usize) {
    let (raw, ours) = (median(by_hand), median(ours));
    let each = |time: Duration| format!("{} ns", time.as_nanos() / per as u128);
    println!("{name:<44}{:>12}{:>12}{:>8.2}", each(raw), each(ours), ours.as_secs_f64() / raw.as_secs_f64());
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
