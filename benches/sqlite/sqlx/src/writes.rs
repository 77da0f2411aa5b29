//! What changes the tables.

use std::time::Instant;

use sqlite_bench_common::{Audit, Checksum, Fault, Lap, NewUser, Run, amount, diamonds, older, users};
use sqlx::{Connection as _, QueryBuilder, Sqlite, SqliteConnection};

use crate::model::{Account, User, sum_of, with_key};
use crate::reads;

/// Rows of one statement: its text is the same for each chunk, so that it is prepared once.
const CHUNK: usize = 500;

/// The write lock at once, as everybody else takes it.
const BEGIN: &str = "BEGIN IMMEDIATE";

pub(crate) async fn insert_bulk(
    connection: &mut SqliteConnection,
    run: &Run,
    round: usize,
) -> Result<Lap, Fault> {
    let new = users(round, run.size.rows);
    let start = Instant::now();
    let mut transaction = connection.begin_with(BEGIN).await?;
    let mut keys: Vec<i64> = Vec::with_capacity(new.len());
    for chunk in new.chunks(CHUNK) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO users (name, email, age, score) ");
        insert.push_values(chunk, |mut row, NewUser { name, email, age, score }| {
            row.push_bind(name.as_str()).push_bind(email.as_str()).push_bind(*age).push_bind(*score);
        });
        insert.push(" RETURNING id");
        keys.extend(insert.build_query_scalar::<i64>().fetch_all(&mut *transaction).await?);
    }
    transaction.commit().await?;
    let users: Vec<User> = new.into_iter().zip(keys).map(|(new, key)| with_key(new, key)).collect();
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

/// Each row is sent and answered before the next.
pub(crate) async fn insert_single(
    connection: &mut SqliteConnection,
    run: &Run,
    round: usize,
) -> Result<Lap, Fault> {
    let new = users(round, run.size.rows);
    let mut users = Vec::with_capacity(new.len());
    let start = Instant::now();
    let mut transaction = connection.begin_with(BEGIN).await?;
    for new in new {
        let insert = sqlx::query("INSERT INTO users (name, email, age, score) VALUES (?, ?, ?, ?)");
        let insert = insert.bind(new.name.as_str()).bind(new.email.as_str()).bind(new.age).bind(new.score);
        let key = insert.execute(&mut *transaction).await?.last_insert_rowid();
        users.push(with_key(new, key));
    }
    transaction.commit().await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

/// Many rows in one statement.
pub(crate) async fn change(connection: &mut SqliteConnection) -> Result<Lap, Fault> {
    let mut users = reads::all(connection).await?;
    let start = Instant::now();
    for user in &mut users {
        user.age = older(user.age);
    }
    let mut transaction = connection.begin_with(BEGIN).await?;
    let mut changed = 0;
    for chunk in users.chunks(CHUNK) {
        let mut update = QueryBuilder::<Sqlite>::new("WITH new (id, age) AS (");
        update.push_values(chunk, |mut row, user| {
            row.push_bind(user.id).push_bind(user.age);
        });
        update.push(") UPDATE users SET age = new.age FROM new WHERE users.id = new.id");
        changed += update.build().execute(&mut *transaction).await?.rows_affected();
    }
    transaction.commit().await?;
    let time = start.elapsed();
    if changed != users.len() as u64 {
        return Err("a user is missing".into());
    }
    Ok(Lap::new(time, sum_of(&users)))
}

pub(crate) async fn mixed(connection: &mut SqliteConnection, run: &Run) -> Result<Lap, Fault> {
    let mut done = Vec::with_capacity(run.size.requests);
    let start = Instant::now();
    for request in 0..run.size.requests {
        let mut transaction = connection.begin_with(BEGIN).await?;
        let select = sqlx::query_as("SELECT id, owner, balance FROM accounts WHERE id = ?");
        let mut account: Account = select.bind(run.size.key(request)).fetch_one(&mut *transaction).await?;
        let amount = amount(request);
        account.balance += amount;
        let update = sqlx::query("UPDATE accounts SET balance = ? WHERE id = ?");
        let changed = update.bind(account.balance).bind(account.id).execute(&mut *transaction).await?;
        if changed.rows_affected() != 1 {
            return Err("an account is missing".into());
        }
        let insert = sqlx::query("INSERT INTO audits (account_id, amount) VALUES (?, ?)");
        let inserted = insert.bind(account.id).bind(amount).execute(&mut *transaction).await?;
        transaction.commit().await?;
        let audit = Audit { id: inserted.last_insert_rowid(), account_id: account.id, amount };
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

/// A statement for each table.
pub(crate) async fn insert_diamonds(
    connection: &mut SqliteConnection,
    run: &Run,
    round: usize,
) -> Result<Lap, Fault> {
    let names = diamonds(round, run.size.diamonds);
    let start = Instant::now();
    let mut transaction = connection.begin_with(BEGIN).await?;
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO tops (name) ");
    insert.push_values(&names, |mut row, [name, ..]| {
        row.push_bind(name.as_str());
    });
    let tops = keys_of(insert, &mut transaction).await?;
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO lefts (name, top_id) ");
    insert.push_values(names.iter().zip(&tops), |mut row, ([_, name, ..], top)| {
        row.push_bind(name.as_str()).push_bind(*top);
    });
    let lefts = keys_of(insert, &mut transaction).await?;
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO rights (name, top_id) ");
    insert.push_values(names.iter().zip(&tops), |mut row, ([_, _, name, _], top)| {
        row.push_bind(name.as_str()).push_bind(*top);
    });
    let rights = keys_of(insert, &mut transaction).await?;
    let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO bottoms (name, left_id, right_id) ");
    insert.push_values(names.iter().zip(&lefts).zip(&rights), |mut row, (([.., name], left), right)| {
        row.push_bind(name.as_str()).push_bind(*left).push_bind(*right);
    });
    let bottoms = keys_of(insert, &mut transaction).await?;
    transaction.commit().await?;
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for (((top, left), right), bottom) in tops.into_iter().zip(lefts).zip(rights).zip(bottoms) {
        sum.diamond([top, left, right, bottom]);
    }
    Ok(Lap::new(time, sum))
}

async fn keys_of(
    mut insert: QueryBuilder<Sqlite>,
    connection: &mut SqliteConnection,
) -> Result<Vec<i64>, Fault> {
    insert.push(" RETURNING id");
    Ok(insert.build_query_scalar().fetch_all(connection).await?)
}
