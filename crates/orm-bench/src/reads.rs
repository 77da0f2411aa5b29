//! One row by its key.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyorm::Dispatch;
use anyorm::prelude::*;
use rusqlite::Connection;

use crate::case::{Case, Fault, Ours, Size, Watch};
use crate::model::{SELECT_USER, User, decode_user, fill, fill_by_hand};

pub(crate) fn cases() -> [Case; 4] {
    let case = |name, dispatch, goal, ours| Case {
        name,
        dispatch,
        per: |size| size.requests,
        hops_of: |size| size.requests,
        goal,
        by_hand,
        ours,
    };
    let session: fn(Engine, Size) -> Ours = |engine, size| Box::pin(with_session(engine, size));
    let engine: fn(Engine, Size) -> Ours = |engine, size| Box::pin(with_engine(engine, size));
    [
        case("read by key: session.get, fresh session", Dispatch::Worker, None, session),
        case("read by key: engine.first", Dispatch::Worker, None, engine),
        case("read by key, Auto: session.get", Dispatch::Auto, Some(1.3), session),
        case("read by key, Auto: engine.first", Dispatch::Auto, Some(1.3), engine),
    ]
}

/// Keys all over the table.
fn keys(size: Size) -> impl Iterator<Item = i64> {
    (0..size.requests).map(move |at| (at * 7_919 % size.rows) as i64 + 1)
}

fn by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    fill_by_hand(raw, size.rows)?;
    let start = Instant::now();
    for key in keys(size) {
        let mut statement = raw.prepare_cached(SELECT_USER)?;
        black_box(statement.query_row([key], decode_user)?);
    }
    Ok(start.elapsed())
}

async fn with_session(engine: Engine, size: Size) -> Result<crate::case::Lap, Fault> {
    fill(&engine, size.rows).await?;
    let watch = Watch::start(&engine);
    for key in keys(size) {
        let mut session = engine.session();
        let user = session.get_one::<User>(key).await?;
        black_box(&session[user]);
    }
    Ok(watch.stop())
}

async fn with_engine(engine: Engine, size: Size) -> Result<crate::case::Lap, Fault> {
    fill(&engine, size.rows).await?;
    let watch = Watch::start(&engine);
    for key in keys(size) {
        let user = engine.first(User::select().filter(User::ID.eq(key))).await?;
        black_box(user.ok_or("a user is missing")?);
    }
    Ok(watch.stop())
}
