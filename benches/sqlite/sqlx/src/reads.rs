//! What only reads, one after the other.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Instant;

use sqlite_bench_common::{Checksum, Fault, Lap, Run, light};
use sqlx::SqliteConnection;
use tokio_stream::StreamExt as _;

use crate::model::{Child, Parent, SELECT_USER, SELECT_USERS, User, sum_of};

pub(crate) async fn read_by_key(connection: &mut SqliteConnection, run: &Run) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(run.size.reads);
    let start = Instant::now();
    for key in run.size.keys() {
        found.push(sqlx::query_as::<_, User>(SELECT_USER).bind(key).fetch_one(&mut *connection).await?);
    }
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

pub(crate) async fn all(connection: &mut SqliteConnection) -> Result<Vec<User>, Fault> {
    Ok(sqlx::query_as(SELECT_USERS).fetch_all(connection).await?)
}

pub(crate) async fn read_rows(connection: &mut SqliteConnection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found = all(connection).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

/// Two queries: the children by the keys of the parents.
pub(crate) async fn read_parents(connection: &mut SqliteConnection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let select = sqlx::query_as("SELECT id, name, age FROM parents");
    let mut parents: Vec<Parent> = select.fetch_all(&mut *connection).await?;
    let places: HashMap<i64, usize> =
        parents.iter().enumerate().map(|(at, parent)| (parent.id, at)).collect();
    let mut select =
        sqlx::QueryBuilder::new("SELECT id, parent_id, title, pages FROM children WHERE parent_id IN (");
    let mut list = select.separated(", ");
    for parent in &parents {
        list.push_bind(parent.id);
    }
    select.push(")");
    let children: Vec<Child> = select.build_query_as().fetch_all(&mut *connection).await?;
    for child in children {
        let place = *places.get(&child.parent_id).ok_or("a child without a parent")?;
        parents[place].children.push(child);
    }
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for parent in &parents {
        sum.parent(parent.id, &parent.name, parent.age);
        for child in &parent.children {
            sum.child(child.id, child.parent_id, &child.title, child.pages);
        }
    }
    Ok(Lap::new(time, sum))
}

pub(crate) async fn stream(connection: &mut SqliteConnection) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let start = Instant::now();
    let mut users = pin!(sqlx::query_as::<_, User>(SELECT_USERS).fetch(&mut *connection));
    while let Some(user) = users.next().await {
        let User { id, name, email, age, score } = user?;
        sum.light(light(id, &name, &email, age, score));
    }
    Ok(Lap::new(start.elapsed(), sum))
}
