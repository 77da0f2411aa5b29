//! What only reads, one after the other.

use std::time::Instant;

use anyorm::prelude::*;
use sqlite_bench_common::{Checksum, Fault, Lap, Run, light};

use crate::model::{Child, Parent, User, sum_of};

pub(crate) async fn read_by_key(engine: &Engine, run: &Run) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(run.size.reads);
    let start = Instant::now();
    for key in run.size.keys() {
        let user = engine.first(User::select().filter(User::ID.eq(key))).await?;
        found.push(user.ok_or("a user is missing")?);
    }
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

/// Each in a session of its own.
pub(crate) async fn track_by_key(engine: &Engine, run: &Run) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(run.size.reads);
    let start = Instant::now();
    for key in run.size.keys() {
        let mut session = engine.session();
        let user = session.get_one::<User>(key).await?;
        found.push(session.detach(user));
    }
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

pub(crate) async fn read_rows(engine: &Engine) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found = engine.all(User::select()).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

pub(crate) async fn track_rows(engine: &Engine) -> Result<Lap, Fault> {
    let start = Instant::now();
    let mut session = engine.session();
    let found = session.all(User::select()).await?;
    let time = start.elapsed();
    Ok(Lap::new(time, sum_of(found.iter().map(|&user| &session[user]))))
}

pub(crate) async fn read_parents(engine: &Engine) -> Result<Lap, Fault> {
    let start = Instant::now();
    let mut session = engine.session();
    let found = session.all(Parent::select().with(Parent::CHILDREN)).await?;
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for parent in found.iter().map(|&parent| &session[parent]) {
        sum.parent(parent.id, &parent.name, parent.age);
        for child in parent.children.iter().map(|&child| &session[child]) {
            let Child { id, title, pages, .. } = child;
            sum.child(*id, parent.id, title, *pages);
        }
    }
    Ok(Lap::new(time, sum))
}

pub(crate) async fn stream(engine: &Engine) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let start = Instant::now();
    let mut users = engine.stream(User::select());
    while let Some(user) = users.next().await? {
        sum.light(light(user.id, &user.name, &user.email, user.age, user.score));
    }
    Ok(Lap::new(start.elapsed(), sum))
}
