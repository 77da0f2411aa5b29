//! What a flush costs before anything is sent: it grows with what was touched, not with what is tracked.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyorm::Dispatch;
use anyorm::prelude::*;

use crate::case::{Fault, Size, check};
use crate::model::{self, User, fill};

const NAME: &str = "plan 10 dirty of 100,000 tracked";

/// Prints the median time of a plan, where the line is wanted.
pub(crate) async fn line(size: Size, folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<(), Fault> {
    if !is_wanted(NAME) {
        return Ok(());
    }
    let engine = model::open(&folder.join("plans.db"), Dispatch::Worker).await?;
    let tracked = size.rows * 10;
    fill(&engine, tracked).await?;
    let mut session = engine.session();
    let users = session.all(User::select()).await?;
    check("users tracked", users.len(), tracked)?;
    let mut times = Vec::with_capacity(size.rounds);
    for _ in 0..size.rounds {
        for &user in users.iter().step_by(users.len() / 10) {
            session[user].age = Some(-1);
        }
        let start = Instant::now();
        let changes = black_box(session.changes()?);
        times.push(start.elapsed());
        check("rows planned", changes.len(), 10)?;
        session.rollback().await?;
    }
    times.sort_unstable();
    let median: Duration = times[times.len() / 2];
    println!("{NAME}: {} us, no hop (goal: 1,000)", median.as_micros());
    Ok(engine.close().await?)
}
