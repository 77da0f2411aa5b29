//! What changes the tables.

use std::time::Instant;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, IntoActiveModel as _, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _, TryIntoModel as _,
};
use sqlite_bench_common::{Checksum, Fault, Lap, NewUser, Run, amount, diamonds, older, users};

use crate::model::{account, audit, bottom, left, right, sum_of, top, user};
use crate::reads;

/// Rows of one `insert_many`.
const CHUNK: usize = 1_000;

async fn begin(database: &DatabaseConnection) -> Result<DatabaseTransaction, Fault> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    Ok(database.begin_with_options(options).await?)
}

pub(crate) async fn insert_bulk(
    database: &DatabaseConnection,
    run: &Run,
    round: usize,
) -> Result<Lap, Fault> {
    let new = models(round, run.size.rows);
    let mut users = Vec::with_capacity(new.len());
    let start = Instant::now();
    let transaction = begin(database).await?;
    for chunk in new.chunks(CHUNK) {
        let insert = user::Entity::insert_many(chunk.to_vec());
        let keys = insert.exec_with_returning_keys(&transaction).await?;
        for (new, key) in chunk.iter().zip(keys) {
            let user = user::ActiveModel { id: Set(key), ..new.clone() };
            users.push(user.try_into_model()?);
        }
    }
    transaction.commit().await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

/// Each row is sent and answered before the next.
pub(crate) async fn insert_single(
    database: &DatabaseConnection,
    run: &Run,
    round: usize,
) -> Result<Lap, Fault> {
    let new = models(round, run.size.rows);
    let mut users = Vec::with_capacity(new.len());
    let start = Instant::now();
    let transaction = begin(database).await?;
    for new in new {
        users.push(new.insert(&transaction).await?);
    }
    transaction.commit().await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

/// There is no call that gives many rows each a value of its own.
pub(crate) async fn change(database: &DatabaseConnection) -> Result<Lap, Fault> {
    let found = reads::all(database).await?;
    let mut users = Vec::with_capacity(found.len());
    let start = Instant::now();
    let transaction = begin(database).await?;
    for user in found {
        let age = older(user.age);
        let mut user = user.into_active_model();
        user.age = Set(age);
        users.push(user.update(&transaction).await?);
    }
    transaction.commit().await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

pub(crate) async fn mixed(database: &DatabaseConnection, run: &Run) -> Result<Lap, Fault> {
    let mut done = Vec::with_capacity(run.size.requests);
    let start = Instant::now();
    for request in 0..run.size.requests {
        let transaction = begin(database).await?;
        let found = account::Entity::find_by_id(run.size.key(request)).one(&transaction).await?;
        let found = found.ok_or("an account is missing")?;
        let amount = amount(request);
        let balance = found.balance + amount;
        let mut found = found.into_active_model();
        found.balance = Set(balance);
        let account = found.update(&transaction).await?;
        let new = audit::ActiveModel { id: NotSet, account_id: Set(account.id), amount: Set(amount) };
        let audit = new.insert(&transaction).await?;
        transaction.commit().await?;
        done.push((account, audit));
    }
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for (account, audit) in done {
        sum.account(account.id, &account.owner, account.balance);
        sum.audit(audit.id, audit.account_id, audit.amount);
    }
    Ok(Lap::new(time, sum))
}

fn models(round: usize, count: usize) -> Vec<user::ActiveModel> {
    let model = |NewUser { name, email, age, score }: NewUser| user::ActiveModel {
        id: NotSet,
        name: Set(name),
        email: Set(email),
        age: Set(age),
        score: Set(score),
    };
    users(round, count).into_iter().map(model).collect()
}

/// An `insert_many` for each table.
pub(crate) async fn insert_diamonds(
    database: &DatabaseConnection,
    run: &Run,
    round: usize,
) -> Result<Lap, Fault> {
    let names = diamonds(round, run.size.diamonds);
    let start = Instant::now();
    let transaction = begin(database).await?;
    let rows = names.iter().map(|[name, ..]| top::ActiveModel { id: NotSet, name: Set(name.clone()) });
    let tops = top::Entity::insert_many(rows).exec_with_returning_keys(&transaction).await?;
    let rows = names.iter().zip(&tops).map(|([_, name, ..], top)| left::ActiveModel {
        id: NotSet,
        name: Set(name.clone()),
        top_id: Set(*top),
    });
    let lefts = left::Entity::insert_many(rows).exec_with_returning_keys(&transaction).await?;
    let rows = names.iter().zip(&tops).map(|([_, _, name, _], top)| right::ActiveModel {
        id: NotSet,
        name: Set(name.clone()),
        top_id: Set(*top),
    });
    let rights = right::Entity::insert_many(rows).exec_with_returning_keys(&transaction).await?;
    let rows =
        names.iter().zip(lefts.iter().zip(&rights)).map(|([.., name], (left, right))| bottom::ActiveModel {
            id: NotSet,
            name: Set(name.clone()),
            left_id: Set(*left),
            right_id: Set(*right),
        });
    let bottoms = bottom::Entity::insert_many(rows).exec_with_returning_keys(&transaction).await?;
    transaction.commit().await?;
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for (((top, left), right), bottom) in tops.into_iter().zip(lefts).zip(rights).zip(bottoms) {
        sum.diamond([top, left, right, bottom]);
    }
    Ok(Lap::new(time, sum))
}
