//! sqlx: one connection is held for work of one task, its statements are cached, many rows travel in one statement.

mod model;
mod reads;
mod tasks;
mod writes;

#[path = "../../common/on_tokio.rs"]
mod on_tokio;

use std::time::Duration;

use sqlite_bench_common::{CONNECTIONS, Fault, Lap, Laps, Run, Work};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqliteConnection, SqlitePool};

fn main() -> Result<(), Fault> {
    let run = Run::from_arguments()?;
    on_tokio::run(&run.clone(), work(run))
}

async fn work(run: Run) -> Result<(), Fault> {
    let options = SqliteConnectOptions::new()
        .filename(&run.file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS as u32)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    let mut laps = Laps::default();
    match run.work {
        Work::ReadTogether | Work::TenAtOnce | Work::Tail | Work::Recovery | Work::GivenUp => {
            for round in run.rounds() {
                laps.add(lap_of_many(&pool, &run, round).await?);
            }
        }
        _ => {
            let mut connection = pool.acquire().await?;
            for round in run.rounds() {
                laps.add(lap(&mut connection, &run, round).await?);
            }
        }
    }
    run.print(&laps);
    Ok(())
}

async fn lap_of_many(pool: &SqlitePool, run: &Run, round: usize) -> Result<Lap, Fault> {
    match run.work {
        Work::Recovery => tasks::recovery(pool, run).await,
        Work::GivenUp => tasks::given_up(pool, round).await,
        _ => tasks::read_together(pool, run).await,
    }
}

async fn lap(connection: &mut SqliteConnection, run: &Run, round: usize) -> Result<Lap, Fault> {
    match run.work {
        Work::ReadByKey | Work::Hundred => reads::read_by_key(connection, run).await,
        Work::Rows | Work::RowsMany => reads::read_rows(connection).await,
        Work::Parents => reads::read_parents(connection).await,
        Work::Stream => reads::stream(connection).await,
        Work::InsertBulk => writes::insert_bulk(connection, run, round).await,
        Work::InsertSingle => writes::insert_single(connection, run, round).await,
        Work::Change => writes::change(connection).await,
        Work::Mixed => writes::mixed(connection, run).await,
        Work::Diamond => writes::insert_diamonds(connection, run, round).await,
        Work::Stall => tasks::stall(connection, round).await,
        Work::FlushFew => run.leave_out("nothing is tracked"),
        Work::ReadTogether | Work::TenAtOnce | Work::Tail | Work::Recovery | Work::GivenUp => {
            Err("this takes many connections".into())
        }
    }
}
