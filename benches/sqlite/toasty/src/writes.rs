//! What changes the tables.

use std::time::Instant;

use sqlite_bench_common::{Checksum, Fault, Lap, NewUser, Run, amount, diamonds, older, users};
use toasty::Connection;
use toasty_core::driver::operation::TransactionMode;

use crate::model::{Account, Audit, Bottom, Left, Right, Top, User, sum_of};
use crate::reads;

/// Rows of one `create_many`.
const CHUNK: usize = 1_000;

pub(crate) async fn insert_bulk(connection: &mut Connection, run: &Run, round: usize) -> Result<Lap, Fault> {
    let mut new = users(round, run.size.rows).into_iter();
    let mut users = Vec::with_capacity(run.size.rows);
    let start = Instant::now();
    let mut transaction = connection.transaction_builder().mode(TransactionMode::Immediate).begin().await?;
    while new.len() > 0 {
        let rows = new.by_ref().take(CHUNK);
        let insert = rows.fold(User::create_many(), |insert, NewUser { name, email, age, score }| {
            insert.item(User::create().name(name).email(email).age(age).score(score))
        });
        users.extend(insert.exec(&mut transaction).await?);
    }
    transaction.commit().await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

/// Each row is sent and answered before the next.
pub(crate) async fn insert_single(
    connection: &mut Connection,
    run: &Run,
    round: usize,
) -> Result<Lap, Fault> {
    let new = users(round, run.size.rows);
    let mut users = Vec::with_capacity(new.len());
    let start = Instant::now();
    let mut transaction = connection.transaction_builder().mode(TransactionMode::Immediate).begin().await?;
    for NewUser { name, email, age, score } in new {
        let insert = User::create().name(name).email(email).age(age).score(score);
        users.push(insert.exec(&mut transaction).await?);
    }
    transaction.commit().await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

pub(crate) async fn change(connection: &mut Connection) -> Result<Lap, Fault> {
    let mut users = reads::all(connection).await?;
    let start = Instant::now();
    let mut transaction = connection.transaction_builder().mode(TransactionMode::Immediate).begin().await?;
    for user in &mut users {
        let age = older(user.age);
        user.update().age(age).exec(&mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

pub(crate) async fn mixed(connection: &mut Connection, run: &Run) -> Result<Lap, Fault> {
    let mut done = Vec::with_capacity(run.size.requests);
    let start = Instant::now();
    for request in 0..run.size.requests {
        let mut transaction =
            connection.transaction_builder().mode(TransactionMode::Immediate).begin().await?;
        let mut account = Account::get_by_id(&mut transaction, run.size.key(request)).await?;
        let amount = amount(request);
        let balance = account.balance + amount;
        account.update().balance(balance).exec(&mut transaction).await?;
        let audit = Audit::create().account_id(account.id).amount(amount).exec(&mut transaction).await?;
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

/// A `create_many` for each table.
pub(crate) async fn insert_diamonds(
    connection: &mut Connection,
    run: &Run,
    round: usize,
) -> Result<Lap, Fault> {
    let names = diamonds(round, run.size.diamonds);
    let start = Instant::now();
    let mut transaction = connection.transaction_builder().mode(TransactionMode::Immediate).begin().await?;
    let insert =
        names.iter().fold(Top::create_many(), |insert, [name, ..]| insert.item(Top::create().name(name)));
    let tops: Vec<Top> = insert.exec(&mut transaction).await?;
    let insert = names.iter().zip(&tops).fold(Left::create_many(), |insert, ([_, name, ..], top)| {
        insert.item(Left::create().name(name).top_id(top.id))
    });
    let lefts: Vec<Left> = insert.exec(&mut transaction).await?;
    let insert = names.iter().zip(&tops).fold(Right::create_many(), |insert, ([_, _, name, _], top)| {
        insert.item(Right::create().name(name).top_id(top.id))
    });
    let rights: Vec<Right> = insert.exec(&mut transaction).await?;
    let sides = lefts.iter().zip(&rights);
    let insert =
        names.iter().zip(sides).fold(Bottom::create_many(), |insert, ([.., name], (left, right))| {
            insert.item(Bottom::create().name(name).left_id(left.id).right_id(right.id))
        });
    let bottoms: Vec<Bottom> = insert.exec(&mut transaction).await?;
    transaction.commit().await?;
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for (((top, left), right), bottom) in tops.iter().zip(&lefts).zip(&rights).zip(&bottoms) {
        sum.diamond([top.id, left.id, right.id, bottom.id]);
    }
    Ok(Lap::new(time, sum))
}
