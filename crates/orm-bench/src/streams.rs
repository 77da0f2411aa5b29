//! Rows while the query runs, and several queries in one hop.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Dispatch, batch};
use rusqlite::Connection;

use crate::case::{Case, Fault, Lap, Ours, Size, Watch, check};
use crate::model::{SELECT_USER, SELECT_USERS, User, decode_user, fill, fill_by_hand};

/// Rows of a stream for each row of the other lines: 100,000.
const TIMES: usize = 10;

/// Queries in a batch.
const MEMBERS: usize = 3;

pub(crate) fn cases() -> [Case; 2] {
    [
        Case {
            name: "stream 100,000 rows",
            dispatch: Dispatch::Worker,
            per: |size| TIMES * size.rows,
            hops_of: |_| 1,
            goal: Some(1.5),
            by_hand: stream_by_hand,
            ours: |engine, size| Box::pin(stream(engine, size)) as Ours,
        },
        Case {
            name: "3 reads by key in one batch",
            dispatch: Dispatch::Worker,
            per: |size| size.requests,
            hops_of: |size| size.requests,
            goal: None,
            by_hand: batch_by_hand,
            ours: |engine, size| Box::pin(read_together(engine, size)) as Ours,
        },
    ]
}

fn stream_by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    let rows = TIMES * size.rows;
    fill_by_hand(raw, rows)?;
    let start = Instant::now();
    let mut statement = raw.prepare_cached(SELECT_USERS)?;
    let mut found = statement.query([])?;
    let mut read = 0;
    while let Some(row) = found.next()? {
        black_box(decode_user(row)?);
        read += 1;
    }
    let time = start.elapsed();
    check("rows read", read, rows)?;
    Ok(time)
}

async fn stream(engine: Engine, size: Size) -> Result<Lap, Fault> {
    let rows = TIMES * size.rows;
    fill(&engine, rows).await?;
    let watch = Watch::start(&engine);
    let mut users = engine.stream(User::select());
    let mut read = 0;
    while let Some(user) = users.next().await? {
        black_box(user);
        read += 1;
    }
    let lap = watch.stop();
    check("rows read", read, rows)?;
    Ok(lap)
}

fn batch_by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    fill_by_hand(raw, size.rows)?;
    let start = Instant::now();
    for request in 0..size.requests {
        raw.execute_batch("BEGIN")?;
        for key in keys(request, size) {
            let mut statement = raw.prepare_cached(SELECT_USER)?;
            black_box(statement.query_row([key], decode_user)?);
        }
        raw.execute_batch("COMMIT")?;
    }
    Ok(start.elapsed())
}

async fn read_together(engine: Engine, size: Size) -> Result<Lap, Fault> {
    fill(&engine, size.rows).await?;
    let watch = Watch::start(&engine);
    for request in 0..size.requests {
        let [first, second, third] =
            keys(request, size).map(|key| batch::one(User::select().filter(User::ID.eq(key))));
        black_box(engine.batch((first, second, third)).await?);
    }
    Ok(watch.stop())
}

/// Keys all over the table.
fn keys(request: usize, size: Size) -> [i64; MEMBERS] {
    [0, 1, 2].map(|member| ((request * MEMBERS + member) * 7_919 % size.rows) as i64 + 1)
}
