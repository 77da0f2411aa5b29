//! A request that reads a row, changes it, adds another, and commits.

use std::time::{Duration, Instant};

use anyorm::Dispatch;
use anyorm::prelude::*;
use rusqlite::{Connection, params};

use crate::case::{Case, Fault, Lap, Ours, Size, Watch};
use crate::model::{INSERT_USER, SELECT_USER, User, decode_user, fill, fill_by_hand, user};

pub(crate) fn cases() -> [Case; 2] {
    let case = |name, dispatch| Case {
        name,
        dispatch,
        per: |size| size.requests,
        hops_of: |size| size.requests,
        goal: None,
        by_hand,
        ours: |engine, size| Box::pin(ours(engine, size)) as Ours,
    };
    [
        case("mixed request: get, change, insert, commit", Dispatch::Worker),
        case("mixed request, Auto", Dispatch::Auto),
    ]
}

fn key(request: usize, size: Size) -> i64 {
    (request * 7_919 % size.rows) as i64 + 1
}

fn by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    fill_by_hand(raw, size.rows)?;
    let start = Instant::now();
    for request in 0..size.requests {
        raw.execute_batch("BEGIN IMMEDIATE")?;
        let mut found = raw.prepare_cached(SELECT_USER)?.query_row([key(request, size)], decode_user)?;
        found.age = found.age.map(|age| (age + 1) % 90);
        let mut update = raw.prepare_cached("UPDATE users SET age = ? WHERE id = ?")?;
        if update.execute(params![found.age, found.id])? != 1 {
            return Err("a user is missing".into());
        }
        let mut new = user(request);
        raw.prepare_cached(INSERT_USER)?.execute(params![new.name, new.email, new.age])?;
        new.id = raw.last_insert_rowid();
        raw.execute_batch("COMMIT")?;
    }
    Ok(start.elapsed())
}

async fn ours(engine: Engine, size: Size) -> Result<Lap, Fault> {
    fill(&engine, size.rows).await?;
    let watch = Watch::start(&engine);
    for request in 0..size.requests {
        let mut session = engine.session();
        let found = session.get_one::<User>(key(request, size)).await?;
        let age = session[found].age;
        session[found].age = age.map(|age| (age + 1) % 90);
        session.add(user(request));
        session.commit().await?;
    }
    Ok(watch.stop())
}
