//! Many rows of one table: read, insert, change.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Dispatch, bridge};
use rusqlite::{Connection, params};

use crate::case::{Case, Fault, Lap, Ours, Size, Watch, check};
use crate::model::{INSERT_USER, SELECT_USERS, User, decode_user, fill, fill_by_hand, open_by_hand, user};

pub(crate) fn cases() -> [Case; 5] {
    let (rows, once) = (|size: Size| size.rows, |_| 1);
    [
        Case {
            name: "10,000 rows into plain values: engine.all",
            dispatch: Dispatch::Worker,
            per: rows,
            hops_of: once,
            goal: None,
            by_hand: read_plain_by_hand,
            ours: |engine, size| Box::pin(read_plain(engine, size)) as Ours,
        },
        // What crossing threads costs on its own, without anything of ours but the bridge.
        Case {
            name: "10,000 rows by hand, in bridge::run_sync",
            dispatch: Dispatch::Worker,
            per: rows,
            hops_of: once,
            goal: None,
            by_hand: read_plain_by_hand,
            ours: |engine, size| Box::pin(read_across(engine, size)) as Ours,
        },
        Case {
            name: "10,000 rows into tracked entities",
            dispatch: Dispatch::Worker,
            per: rows,
            hops_of: once,
            goal: Some(1.2),
            by_hand: read_by_hand,
            ours: |engine, size| Box::pin(read(engine, size)) as Ours,
        },
        Case {
            name: "insert 10,000, keys known after",
            dispatch: Dispatch::Worker,
            per: rows,
            hops_of: once,
            goal: Some(1.25),
            by_hand: insert_by_hand,
            ours: |engine, size| Box::pin(insert(engine, size)) as Ours,
        },
        Case {
            name: "change one field of 10,000 and save",
            dispatch: Dispatch::Worker,
            per: rows,
            hops_of: once,
            goal: Some(1.4),
            by_hand: change_by_hand,
            ours: |engine, size| Box::pin(change(engine, size)) as Ours,
        },
    ]
}

fn read_plain_by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    fill_by_hand(raw, size.rows)?;
    let start = Instant::now();
    let users = select_by_hand(raw)?;
    let time = start.elapsed();
    check("rows read", black_box(users).len(), size.rows)?;
    Ok(time)
}

fn select_by_hand(raw: &Connection) -> rusqlite::Result<Vec<User>> {
    raw.prepare_cached(SELECT_USERS)?.query_map([], decode_user)?.collect()
}

async fn read_plain(engine: Engine, size: Size) -> Result<Lap, Fault> {
    fill(&engine, size.rows).await?;
    let watch = Watch::start(&engine);
    let users: Vec<User> = engine.all(User::select()).await?;
    let lap = watch.stop();
    check("rows read", users.len(), size.rows)?;
    Ok(lap)
}

async fn read_across(engine: Engine, size: Size) -> Result<Lap, Fault> {
    fill(&engine, size.rows).await?;
    let (_, _, file): (i64, String, String) =
        engine.one(sql("PRAGMA database_list").returning::<(i64, String, String)>()).await?;
    let raw = bridge::run_sync(move || {
        let raw = open_by_hand(Path::new(&file))?;
        // As everywhere else, the statement is prepared and the pages are read before.
        select_by_hand(&raw)?;
        Ok::<_, Fault>(raw)
    })
    .await?;
    let start = Instant::now();
    let (users, _raw) = bridge::run_sync(move || (select_by_hand(&raw), raw)).await;
    let time = start.elapsed();
    check("rows read", users?.len(), size.rows)?;
    Ok(Lap { time, hops: 1 })
}

/// Structs, and a map by key: what an identity map is.
struct Loaded {
    users: Vec<User>,
    by_key: HashMap<i64, usize, foldhash::fast::RandomState>,
}

fn load_by_hand(raw: &Connection, rows: usize) -> Result<Loaded, Fault> {
    let mut statement = raw.prepare_cached(SELECT_USERS)?;
    let mut found = statement.query([])?;
    let mut loaded = Loaded { users: Vec::with_capacity(rows), by_key: HashMap::default() };
    loaded.by_key.reserve(rows);
    while let Some(row) = found.next()? {
        let user = decode_user(row)?;
        loaded.by_key.insert(user.id, loaded.users.len());
        loaded.users.push(user);
    }
    Ok(loaded)
}

fn read_by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    fill_by_hand(raw, size.rows)?;
    let start = Instant::now();
    let loaded = black_box(load_by_hand(raw, size.rows)?);
    let time = start.elapsed();
    check("rows read", loaded.by_key.len(), size.rows)?;
    Ok(time)
}

async fn read(engine: Engine, size: Size) -> Result<Lap, Fault> {
    fill(&engine, size.rows).await?;
    let watch = Watch::start(&engine);
    let mut session = engine.session();
    let users = session.all(User::select()).await?;
    let lap = watch.stop();
    check("rows tracked", users.len(), size.rows)?;
    Ok(lap)
}

fn insert_by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    raw.execute("DELETE FROM users", [])?;
    let mut users: Vec<User> = (1..=size.rows).map(user).collect();
    let start = Instant::now();
    raw.execute_batch("BEGIN IMMEDIATE")?;
    {
        let mut insert = raw.prepare_cached(INSERT_USER)?;
        for user in &mut users {
            insert.execute(params![user.name, user.email, user.age])?;
            user.id = raw.last_insert_rowid();
        }
    }
    raw.execute_batch("COMMIT")?;
    let time = start.elapsed();
    check("keys", users.iter().filter(|user| user.id != 0).count(), size.rows)?;
    Ok(time)
}

async fn insert(engine: Engine, size: Size) -> Result<Lap, Fault> {
    engine.execute(User::delete().everything()).await?;
    let users: Vec<User> = (1..=size.rows).map(user).collect();
    let watch = Watch::start(&engine);
    let mut session = engine.session();
    let users = session.add_all(users);
    session.commit().await?;
    let lap = watch.stop();
    check("keys", users.iter().filter(|&&user| session[user].id != 0).count(), size.rows)?;
    Ok(lap)
}

fn change_by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    fill_by_hand(raw, size.rows)?;
    let mut loaded = load_by_hand(raw, size.rows)?;
    let start = Instant::now();
    for user in &mut loaded.users {
        user.age = user.age.map(|age| (age + 1) % 90);
    }
    raw.execute_batch("BEGIN IMMEDIATE")?;
    {
        let mut update = raw.prepare_cached("UPDATE users SET age = ? WHERE id = ?")?;
        for user in &loaded.users {
            // `execute` answers `changes()`.
            check("rows updated", update.execute(params![user.age, user.id])?, 1)?;
        }
    }
    raw.execute_batch("COMMIT")?;
    Ok(start.elapsed())
}

async fn change(engine: Engine, size: Size) -> Result<Lap, Fault> {
    fill(&engine, size.rows).await?;
    let mut session = engine.session();
    let users = session.all(User::select()).await?;
    let watch = Watch::start(&engine);
    for &user in &users {
        let user = &mut session[user];
        user.age = user.age.map(|age| (age + 1) % 90);
    }
    session.commit().await?;
    Ok(watch.stop())
}
