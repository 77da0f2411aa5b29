//! diesel, on the thread that asks.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use sqlite_bench_common::{
    Audit, CONNECTIONS, Checksum, Fault, Lap, Laps, PRAGMAS, Run, Work, amount, light, slowest_of_a_hundred,
};

#[path = "../../common/diesel_model.rs"]
mod diesel_model;

use diesel_model::{
    Account, AuditToInsert, Child, Parent, User, UserToInsert, accounts, audits, change_users,
    insert_diamonds, insert_users, parents, sum_of, sum_of_diamonds, sum_of_parents, sum_of_requests, users,
    with_key,
};

fn main() -> Result<(), Fault> {
    let run = Run::from_arguments()?;
    let mut connection = open(&run)?;
    let mut laps = Laps::default();
    for round in run.rounds() {
        laps.add(lap(&mut connection, &run, round)?);
    }
    run.print(&laps);
    Ok(())
}

fn open(run: &Run) -> Result<SqliteConnection, Fault> {
    let file = run.file.to_str().ok_or("the name of the file is not a text")?;
    let mut connection = SqliteConnection::establish(file)?;
    connection.batch_execute(PRAGMAS)?;
    Ok(connection)
}

fn lap(connection: &mut SqliteConnection, run: &Run, round: usize) -> Result<Lap, Fault> {
    match run.work {
        Work::ReadByKey | Work::Hundred => read_by_key(connection, run),
        Work::ReadTogether | Work::TenAtOnce => {
            read_together(run, run.size.tasks, run.size.reads / run.size.tasks)
        }
        Work::Tail => read_together(run, run.size.tail_tasks, run.size.tail_reads),
        Work::Rows | Work::RowsMany => read_rows(connection),
        Work::InsertBulk => insert_bulk(connection, run, round),
        Work::InsertSingle => insert_single(connection, run, round),
        Work::Change => change(connection),
        Work::Parents => read_parents(connection),
        Work::Mixed => mixed(connection, run),
        Work::Stream => stream(connection),
        Work::Diamond => diamonds(connection, run, round),
        Work::Stall | Work::Recovery | Work::GivenUp => {
            run.leave_out("there is no executor, and nothing can be dropped")
        }
        Work::FlushFew => run.leave_out("nothing is tracked"),
    }
}

fn read(connection: &mut SqliteConnection, key: i64) -> QueryResult<User> {
    users::table.find(key).select(User::as_select()).get_result(connection)
}

fn read_by_key(connection: &mut SqliteConnection, run: &Run) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(run.size.reads);
    let start = Instant::now();
    for key in run.size.keys() {
        found.push(read(connection, key)?);
    }
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

/// A thread for each connection; they share the reads of all tasks.
fn read_together(run: &Run, tasks: usize, reads: usize) -> Result<Lap, Fault> {
    let mut connections = (0..CONNECTIONS).map(|_| open(run)).collect::<Result<Vec<_>, _>>()?;
    for connection in &mut connections {
        read(connection, 1)?;
    }
    let start = Instant::now();
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(thread, connection)| {
                let keys = (thread..tasks * reads).step_by(CONNECTIONS).map(|at| run.size.key(at));
                scope.spawn(move || read_all(connection, keys))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let time = start.elapsed();
    let (mut found, mut times) = (Vec::new(), Vec::new());
    for part in parts {
        let (users, waits) = part.map_err(|_| "a thread panicked")??;
        found.extend(users);
        times.extend(waits);
    }
    Ok(Lap::new(time, sum_of(&found)).and("p99", slowest_of_a_hundred(times)))
}

fn read_all(
    mut connection: SqliteConnection,
    keys: impl Iterator<Item = i64>,
) -> QueryResult<(Vec<User>, Vec<Duration>)> {
    let (mut found, mut times) = (Vec::new(), Vec::new());
    for key in keys {
        let start = Instant::now();
        found.push(read(&mut connection, key)?);
        times.push(start.elapsed());
    }
    Ok((found, times))
}

fn all(connection: &mut SqliteConnection) -> QueryResult<Vec<User>> {
    users::table.select(User::as_select()).load(connection)
}

fn read_rows(connection: &mut SqliteConnection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found = all(connection)?;
    Ok(Lap::new(start.elapsed(), sum_of(&found)))
}

fn insert_bulk(connection: &mut SqliteConnection, run: &Run, round: usize) -> Result<Lap, Fault> {
    let new = sqlite_bench_common::users(round, run.size.rows);
    let start = Instant::now();
    let users = insert_users(connection, new)?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

fn insert_single(connection: &mut SqliteConnection, run: &Run, round: usize) -> Result<Lap, Fault> {
    let new = sqlite_bench_common::users(round, run.size.rows);
    let start = Instant::now();
    let users = connection.immediate_transaction(|connection| {
        let mut users = Vec::with_capacity(new.len());
        for new in new {
            let insert = diesel::insert_into(users::table).values(UserToInsert::from(&new));
            let key: i64 = insert.returning(users::id).get_result(connection)?;
            users.push(with_key(new, key));
        }
        Ok::<_, Fault>(users)
    })?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

fn change(connection: &mut SqliteConnection) -> Result<Lap, Fault> {
    let mut users = all(connection)?;
    let start = Instant::now();
    change_users(connection, &mut users)?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

fn read_parents(connection: &mut SqliteConnection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let parents: Vec<Parent> = parents::table.select(Parent::as_select()).load(connection)?;
    let children: Vec<Child> = Child::belonging_to(&parents).select(Child::as_select()).load(connection)?;
    let children = children.grouped_by(&parents);
    let found: Vec<(Parent, Vec<Child>)> = parents.into_iter().zip(children).collect();
    Ok(Lap::new(start.elapsed(), sum_of_parents(&found)))
}

fn mixed(connection: &mut SqliteConnection, run: &Run) -> Result<Lap, Fault> {
    let mut done = Vec::with_capacity(run.size.requests);
    let start = Instant::now();
    for request in 0..run.size.requests {
        let key = run.size.key(request);
        done.push(connection.immediate_transaction(|connection| one_request(connection, key, request))?);
    }
    Ok(Lap::new(start.elapsed(), sum_of_requests(&done)))
}

fn one_request(
    connection: &mut SqliteConnection,
    key: i64,
    request: usize,
) -> Result<(Account, Audit), Fault> {
    let select = accounts::table.find(key).select(Account::as_select());
    let mut account: Account = select.get_result(connection)?;
    let amount = amount(request);
    account.balance += amount;
    let update = diesel::update(accounts::table.find(account.id)).set(accounts::balance.eq(account.balance));
    if update.execute(connection)? != 1 {
        return Err("an account is missing".into());
    }
    let insert = diesel::insert_into(audits::table).values(AuditToInsert { account_id: account.id, amount });
    let id: i64 = insert.returning(audits::id).get_result(connection)?;
    let audit = Audit { id, account_id: account.id, amount };
    Ok((account, audit))
}

fn diamonds(connection: &mut SqliteConnection, run: &Run, round: usize) -> Result<Lap, Fault> {
    let names = sqlite_bench_common::diamonds(round, run.size.diamonds);
    let start = Instant::now();
    let keys = insert_diamonds(connection, &names)?;
    Ok(Lap::new(start.elapsed(), sum_of_diamonds(keys)))
}

fn stream(connection: &mut SqliteConnection) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let start = Instant::now();
    let select = users::table.select(User::as_select());
    for user in select.load_iter::<User, diesel::connection::DefaultLoadingMode>(connection)? {
        let User { id, name, email, age, score } = user?;
        sum.light(light(id, &name, &email, age, score));
    }
    Ok(Lap::new(start.elapsed(), sum))
}
