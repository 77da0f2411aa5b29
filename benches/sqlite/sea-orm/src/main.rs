//! SeaORM: its own bulk calls, its loader, its pool without a ping.

mod model;
mod reads;
mod tasks;
mod writes;

#[path = "../../common/on_tokio.rs"]
mod on_tokio;

use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use sqlite_bench_common::{CONNECTIONS, Fault, Lap, Laps, Run, Work};

fn main() -> Result<(), Fault> {
    let run = Run::from_arguments()?;
    on_tokio::run(&run.clone(), work(run))
}

async fn work(run: Run) -> Result<(), Fault> {
    let mut options = ConnectOptions::new(format!("sqlite://{}", run.file.display()));
    options.max_connections(CONNECTIONS as u32).test_before_acquire(false).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(|options| {
        options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
    });
    let database = Database::connect(options).await?;
    let mut laps = Laps::default();
    for round in run.rounds() {
        laps.add(lap(&database, &run, round).await?);
    }
    run.print(&laps);
    Ok(())
}

async fn lap(database: &DatabaseConnection, run: &Run, round: usize) -> Result<Lap, Fault> {
    match run.work {
        Work::ReadByKey | Work::Hundred => reads::read_by_key(database, run).await,
        Work::ReadTogether | Work::TenAtOnce | Work::Tail => tasks::read_together(database, run).await,
        Work::Rows | Work::RowsMany => reads::read_rows(database).await,
        Work::Parents => reads::read_parents(database).await,
        Work::Stream => reads::stream(database).await,
        Work::InsertBulk => writes::insert_bulk(database, run, round).await,
        Work::InsertSingle => writes::insert_single(database, run, round).await,
        Work::Change => writes::change(database).await,
        Work::Mixed => writes::mixed(database, run).await,
        Work::Diamond => writes::insert_diamonds(database, run, round).await,
        Work::Stall => tasks::stall(database, round).await,
        Work::Recovery => tasks::recovery(database, run).await,
        Work::GivenUp => tasks::given_up(database, round).await,
        Work::FlushFew => run.leave_out("nothing is tracked"),
    }
}
