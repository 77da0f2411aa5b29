//! diesel-async: its pool without a ping, and its wrapper around diesel, which goes to `spawn_blocking` for each statement.

use std::time::Instant;

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, RunQueryDsl, SimpleAsyncConnection as _};
use futures_util::{FutureExt as _, TryStreamExt as _};
use sqlite_bench_common::{
    Audit, CONNECTIONS, Checksum, Fault, Lap, Laps, PRAGMAS, Run, Size, Work, amount, light, poll_once,
};

#[path = "../../common/diesel_model.rs"]
mod diesel_model;
#[path = "../../common/on_tokio.rs"]
mod on_tokio;

use diesel_model::{
    Account, AuditToInsert, Child, Parent, User, UserToInsert, accounts, audits, change_users,
    insert_diamonds, insert_users, parents, sum_of, sum_of_diamonds, sum_of_parents, sum_of_requests, users,
    with_key,
};

type Connection = SyncConnectionWrapper<SqliteConnection>;

fn main() -> Result<(), Fault> {
    let run = Run::from_arguments()?;
    on_tokio::run(&run.clone(), work(run))
}

async fn work(run: Run) -> Result<(), Fault> {
    let pool = open(&run)?;
    let mut laps = Laps::default();
    for round in run.rounds() {
        laps.add(lap(pool.clone(), run.clone(), round).await?);
    }
    run.print(&laps);
    Ok(())
}

fn open(run: &Run) -> Result<Pool<Connection>, Fault> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(|file| establish(file).boxed());
    let file = run.file.to_str().ok_or("the name of the file is not a text")?;
    let manager = AsyncDieselConnectionManager::<Connection>::new_with_config(file, config);
    Ok(Pool::builder(manager).max_size(CONNECTIONS).build()?)
}

async fn establish(file: &str) -> ConnectionResult<Connection> {
    let mut connection = Connection::establish(file).await?;
    connection.batch_execute(PRAGMAS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

async fn lap(pool: Pool<Connection>, run: Run, round: usize) -> Result<Lap, Fault> {
    // Boxed, because the compiler does not see through so many borrowed futures that they can be sent.
    match run.work {
        Work::ReadTogether | Work::TenAtOnce | Work::Tail => return read_together(&pool, &run).boxed().await,
        Work::Recovery => return recovery(&pool, &run).boxed().await,
        Work::GivenUp => return given_up(&pool, round).boxed().await,
        _ => {}
    }
    // One connection is held.
    let mut held: Object<Connection> = pool.get().await?;
    let connection: &mut Connection = &mut held;
    match run.work {
        Work::ReadByKey | Work::Hundred => read_by_key(connection, run.size).boxed().await,
        Work::Rows | Work::RowsMany => read_rows(connection).boxed().await,
        Work::InsertBulk => insert_bulk(connection, run.size, round).boxed().await,
        Work::InsertSingle => insert_single(connection, run.size, round).boxed().await,
        Work::Change => change(connection).boxed().await,
        Work::Parents => read_parents(connection).boxed().await,
        Work::Mixed => mixed(connection, run.size).boxed().await,
        Work::Stream => stream(connection).boxed().await,
        Work::Stall => stall(connection, round).boxed().await,
        Work::Diamond => diamonds(connection, run.size, round).boxed().await,
        Work::FlushFew => run.leave_out("nothing is tracked"),
        Work::ReadTogether | Work::TenAtOnce | Work::Tail | Work::Recovery | Work::GivenUp => {
            Err("this takes many connections".into())
        }
    }
}

async fn read(connection: &mut Connection, key: i64) -> Result<User, Fault> {
    Ok(users::table.find(key).select(User::as_select()).get_result(connection).await?)
}

async fn read_by_key(connection: &mut Connection, size: Size) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(size.reads);
    let start = Instant::now();
    for key in size.keys() {
        found.push(read(connection, key).await?);
    }
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

async fn read_together(pool: &Pool<Connection>, run: &Run) -> Result<Lap, Fault> {
    let read_all = |_, keys: Vec<i64>| {
        let pool = pool.clone();
        async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let start = Instant::now();
                found.push((read_from(&pool, key).await?, start.elapsed()));
            }
            Ok(found)
        }
    };
    on_tokio::read_together(run, read_all, sum_of).await
}

async fn read_from(pool: &Pool<Connection>, key: i64) -> Result<User, Fault> {
    read(&mut *pool.get().await?, key).await
}

async fn all(connection: &mut Connection) -> Result<Vec<User>, Fault> {
    Ok(users::table.select(User::as_select()).load(connection).await?)
}

async fn read_rows(connection: &mut Connection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found = all(connection).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

/// Many rows are not one statement of diesel-async on SQLite, so this is diesel's, in one hop.
async fn insert_bulk(connection: &mut Connection, size: Size, round: usize) -> Result<Lap, Fault> {
    let new = sqlite_bench_common::users(round, size.rows);
    let start = Instant::now();
    let users = connection.spawn_blocking(move |connection| insert_users(connection, new)).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

/// Each row is sent and answered before the next.
async fn insert_single(connection: &mut Connection, size: Size, round: usize) -> Result<Lap, Fault> {
    let new = sqlite_bench_common::users(round, size.rows);
    let start = Instant::now();
    let work = async |connection: &mut Connection| {
        let mut users = Vec::with_capacity(new.len());
        for new in new {
            let insert = diesel::insert_into(users::table).values(UserToInsert::from(&new));
            let key: i64 = insert.returning(users::id).get_result(connection).await?;
            users.push(with_key(new, key));
        }
        QueryResult::Ok(users)
    };
    let users = connection.immediate_transaction(work).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

/// In one hop, not in 10,000.
async fn change(connection: &mut Connection) -> Result<Lap, Fault> {
    let mut users = all(connection).await?;
    let start = Instant::now();
    let work = move |connection: &mut SqliteConnection| {
        change_users(connection, &mut users)?;
        Ok(users)
    };
    let users = connection.spawn_blocking(work).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

async fn read_parents(connection: &mut Connection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let parents: Vec<Parent> = parents::table.select(Parent::as_select()).load(connection).await?;
    let children: Vec<Child> =
        Child::belonging_to(&parents).select(Child::as_select()).load(connection).await?;
    let children = children.grouped_by(&parents);
    let found: Vec<(Parent, Vec<Child>)> = parents.into_iter().zip(children).collect();
    Ok(Lap::new(start.elapsed(), sum_of_parents(&found)))
}

async fn mixed(connection: &mut Connection, size: Size) -> Result<Lap, Fault> {
    let mut done = Vec::with_capacity(size.requests);
    let start = Instant::now();
    for request in 0..size.requests {
        let key = size.key(request);
        let work = async |connection: &mut Connection| one_request(connection, key, request).await;
        done.push(connection.immediate_transaction(work).await?);
    }
    Ok(Lap::new(start.elapsed(), sum_of_requests(&done)))
}

async fn one_request(connection: &mut Connection, key: i64, request: usize) -> QueryResult<(Account, Audit)> {
    let select = accounts::table.find(key).select(Account::as_select());
    let mut account: Account = select.get_result(connection).await?;
    let amount = amount(request);
    account.balance += amount;
    let update = diesel::update(accounts::table.find(account.id)).set(accounts::balance.eq(account.balance));
    if update.execute(connection).await? != 1 {
        return Err(diesel::result::Error::NotFound);
    }
    let insert = diesel::insert_into(audits::table).values(AuditToInsert { account_id: account.id, amount });
    let id: i64 = insert.returning(audits::id).get_result(connection).await?;
    let audit = Audit { id, account_id: account.id, amount };
    Ok((account, audit))
}

/// In one hop.
async fn diamonds(connection: &mut Connection, size: Size, round: usize) -> Result<Lap, Fault> {
    let names = sqlite_bench_common::diamonds(round, size.diamonds);
    let start = Instant::now();
    let keys = connection.spawn_blocking(move |connection| insert_diamonds(connection, &names)).await?;
    Ok(Lap::new(start.elapsed(), sum_of_diamonds(keys)))
}

async fn stream(connection: &mut Connection) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let start = Instant::now();
    let mut users = users::table.select(User::as_select()).load_stream::<User>(connection).await?;
    while let Some(User { id, name, email, age, score }) = users.try_next().await? {
        sum.light(light(id, &name, &email, age, score));
    }
    Ok(Lap::new(start.elapsed(), sum))
}

async fn stall(connection: &mut Connection, round: usize) -> Result<Lap, Fault> {
    let ticker = on_tokio::Ticker::start();
    let start = Instant::now();
    let mut found = Vec::new();
    for _ in 0..on_tokio::times(round) {
        found = all(connection).await?;
    }
    let time = start.elapsed();
    // Before the sum, which keeps this thread for long.
    let longest = ticker.stop().await?;
    Ok(Lap::new(time, sum_of(&found)).and("stall", longest))
}

async fn recovery(pool: &Pool<Connection>, run: &Run) -> Result<Lap, Fault> {
    for at in 0..run.size.dropped {
        poll_once(read_from(pool, run.size.key(at))).await;
    }
    let start = Instant::now();
    let user = read_from(pool, 1).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&[user])))
}

/// Dropping a future of its wrapper waits for what it does, on the thread of the executor.
async fn given_up(pool: &Pool<Connection>, round: usize) -> Result<Lap, Fault> {
    let slow = |_, query: &'static str| {
        let pool = pool.clone();
        async move {
            diesel::sql_query(query).execute(&mut *pool.get().await?).await?;
            Ok(())
        }
    };
    let start = Instant::now();
    let told = on_tokio::give_up(round, slow).await?;
    let user = read_from(pool, 1).await?;
    Ok(Lap::new(start.elapsed(), sum_of(&[user])).and("told", told))
}
