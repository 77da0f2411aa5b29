//! rusqlite by hand, on the thread that asks. Statements are cached, and nothing is done that the work does not need.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use sqlite_bench_common::{
    CONNECTIONS, Checksum, Fault, Lap, Laps, Run, User, Work, diamonds, light, slowest_of_a_hundred, users,
};

#[path = "../../common/by_hand.rs"]
mod by_hand;

fn main() -> Result<(), Fault> {
    let run = Run::from_arguments()?;
    let mut connection = by_hand::open(&run.file)?;
    let mut laps = Laps::default();
    for round in run.rounds() {
        laps.add(lap(&mut connection, &run, round)?);
    }
    run.print(&laps);
    Ok(())
}

fn lap(connection: &mut Connection, run: &Run, round: usize) -> Result<Lap, Fault> {
    match run.work {
        Work::ReadByKey | Work::Hundred => read_by_key(connection, run),
        Work::ReadTogether | Work::TenAtOnce => {
            read_together(run, run.size.tasks, run.size.reads / run.size.tasks)
        }
        Work::Tail => read_together(run, run.size.tail_tasks, run.size.tail_reads),
        Work::Rows | Work::RowsMany => read_rows(connection),
        Work::InsertBulk | Work::InsertSingle => insert(connection, run, round),
        Work::Change => change(connection),
        Work::Parents => read_parents(connection),
        Work::Mixed => mixed(connection, run),
        Work::Stream => stream(connection),
        Work::Diamond => insert_diamonds(connection, run, round),
        Work::Stall | Work::Recovery | Work::GivenUp => {
            run.leave_out("there is no executor, and nothing can be dropped")
        }
        Work::FlushFew => run.leave_out("nothing is tracked"),
    }
}

fn read_by_key(connection: &Connection, run: &Run) -> Result<Lap, Fault> {
    let mut found = Vec::with_capacity(run.size.reads);
    let start = Instant::now();
    for key in run.size.keys() {
        found.push(by_hand::read_user(connection, key)?);
    }
    Ok(Lap::users(start.elapsed(), &found))
}

/// A thread for each connection; they share the reads of all tasks.
fn read_together(run: &Run, tasks: usize, reads: usize) -> Result<Lap, Fault> {
    let connections = (0..CONNECTIONS).map(|_| by_hand::open(&run.file)).collect::<Result<Vec<_>, _>>()?;
    for connection in &connections {
        by_hand::read_user(connection, 1)?;
    }
    let start = Instant::now();
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(thread, connection)| {
                let keys = (thread..tasks * reads).step_by(CONNECTIONS).map(|at| run.size.key(at));
                scope.spawn(move || read_all(&connection, keys))
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
    Ok(Lap::users(time, &found).and("p99", slowest_of_a_hundred(times)))
}

fn read_all(
    connection: &Connection,
    keys: impl Iterator<Item = i64>,
) -> rusqlite::Result<(Vec<User>, Vec<Duration>)> {
    let (mut found, mut times) = (Vec::new(), Vec::new());
    for key in keys {
        let start = Instant::now();
        found.push(by_hand::read_user(connection, key)?);
        times.push(start.elapsed());
    }
    Ok((found, times))
}

fn read_rows(connection: &Connection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let found = by_hand::read_users(connection)?;
    Ok(Lap::users(start.elapsed(), &found))
}

fn insert(connection: &mut Connection, run: &Run, round: usize) -> Result<Lap, Fault> {
    let new = users(round, run.size.rows);
    let start = Instant::now();
    let users = by_hand::insert_users(connection, new)?;
    Ok(Lap::users(start.elapsed(), &users))
}

fn change(connection: &mut Connection) -> Result<Lap, Fault> {
    let mut users = by_hand::read_users(connection)?;
    let start = Instant::now();
    by_hand::change_users(connection, &mut users)?;
    Ok(Lap::users(start.elapsed(), &users))
}

fn read_parents(connection: &Connection) -> Result<Lap, Fault> {
    let start = Instant::now();
    let parents = by_hand::read_parents(connection)?;
    Ok(Lap::new(start.elapsed(), by_hand::sum_of_parents(&parents)))
}

fn mixed(connection: &mut Connection, run: &Run) -> Result<Lap, Fault> {
    let mut done = Vec::with_capacity(run.size.requests);
    let start = Instant::now();
    for request in 0..run.size.requests {
        done.push(by_hand::request(connection, run.size.key(request), request)?);
    }
    Ok(Lap::new(start.elapsed(), by_hand::sum_of_requests(&done)))
}

fn insert_diamonds(connection: &mut Connection, run: &Run, round: usize) -> Result<Lap, Fault> {
    let names = diamonds(round, run.size.diamonds);
    let start = Instant::now();
    let keys = by_hand::insert_diamonds(connection, &names)?;
    Ok(Lap::new(start.elapsed(), by_hand::sum_of_diamonds(keys)))
}

fn stream(connection: &Connection) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let start = Instant::now();
    let mut statement = connection.prepare_cached(by_hand::SELECT_USERS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let user = by_hand::decode_user(row)?;
        sum.light(light(user.id, &user.name, &user.email, user.age, user.score));
    }
    Ok(Lap::new(start.elapsed(), sum))
}
