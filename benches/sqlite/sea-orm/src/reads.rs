//! What only reads, one after the other.

use std::time::Instant;

use sea_orm::DatabaseConnection;
use sea_orm::entity::prelude::*;
use sqlite_bench_common::{Checksum, Fault, Lap, Run, light};
use tokio_stream::StreamExt as _;

use crate::model::{child, parent, sum_of, user};

pub(crate) async fn read(database: &DatabaseConnection, key: i64) -> Result<user::Model, Fault> {
    user::Entity::find_by_id(key).one(database).await?.ok_or_else(|| "a user is missing".into())
}

pub(crate) async fn read_by_key(database: &DatabaseConnection, run: &Run) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(run.size.reads);
    let start = Instant::now();
    for key in run.size.keys() {
        found.push(read(database, key).await?);
    }
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

pub(crate) async fn all(database: &DatabaseConnection) -> Result<Vec<user::Model>, Fault> {
    Ok(user::Entity::find().all(database).await?)
}

pub(crate) async fn read_rows(database: &DatabaseConnection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found = all(database).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

pub(crate) async fn read_parents(database: &DatabaseConnection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let parents = parent::Entity::find().all(database).await?;
    let children = parents.load_many(child::Entity::find(), database).await?;
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for (parent, children) in parents.iter().zip(&children) {
        sum.parent(parent.id, &parent.name, parent.age);
        for child in children {
            sum.child(child.id, child.parent_id, &child.title, child.pages);
        }
    }
    Ok(Lap::new(time, sum))
}

pub(crate) async fn stream(database: &DatabaseConnection) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let start = Instant::now();
    let mut users = user::Entity::find().stream(database).await?;
    while let Some(user) = users.next().await {
        let user::Model { id, name, email, age, score } = user?;
        sum.light(light(id, &name, &email, age, score));
    }
    drop(users);
    Ok(Lap::new(start.elapsed(), sum))
}
