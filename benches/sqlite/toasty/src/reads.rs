//! What only reads, one after the other.

use std::time::Instant;

use sqlite_bench_common::{Checksum, Fault, Lap, Run, light};
use toasty::Connection;

use crate::model::{Parent, User, sum_of};

/// Rows of one page: there is no other stream.
const PAGE: usize = 1_000;

pub(crate) async fn read_by_key(connection: &mut Connection, run: &Run) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(run.size.reads);
    let start = Instant::now();
    for key in run.size.keys() {
        found.push(User::get_by_id(connection, key).await?);
    }
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

pub(crate) async fn all(connection: &mut Connection) -> Result<Vec<User>, Fault> {
    Ok(User::all().exec(connection).await?)
}

pub(crate) async fn read_rows(connection: &mut Connection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found = all(connection).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

pub(crate) async fn read_parents(connection: &mut Connection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found: Vec<Parent> = Parent::all().include(Parent::fields().children()).exec(connection).await?;
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for parent in &found {
        sum.parent(parent.id as i64, &parent.name, parent.age);
        for child in parent.children.get() {
            sum.child(child.id as i64, child.parent_id as i64, &child.title, child.pages);
        }
    }
    Ok(Lap::new(time, sum))
}

pub(crate) async fn stream(connection: &mut Connection) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let start = Instant::now();
    let mut next =
        Some(User::all().order_by(User::fields().id().asc()).paginate(PAGE).exec(connection).await?);
    while let Some(page) = next {
        for User { id, name, email, age, score } in &page.items {
            sum.light(light(*id, name, email, *age, *score));
        }
        next = page.next(connection).await?;
    }
    Ok(Lap::new(start.elapsed(), sum))
}
