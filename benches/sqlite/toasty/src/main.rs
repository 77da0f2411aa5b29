//! toasty: one connection is held for work of one task, many rows are made by `create_many`.

mod model;
mod reads;
mod tasks;
mod writes;

#[path = "../../common/on_tokio.rs"]
mod on_tokio;

use sqlite_bench_common::{CONNECTIONS, Fault, Lap, Laps, Run, Work};
use toasty::{Connection, Db};

use model::{Account, Audit, Bottom, Child, Left, Parent, Right, Top, User};

fn main() -> Result<(), Fault> {
    let run = Run::from_arguments()?;
    on_tokio::run(&run.clone(), work(run))
}

async fn work(run: Run) -> Result<(), Fault> {
    let db = open(&run).await?;
    let mut laps = Laps::default();
    match run.work {
        Work::ReadTogether | Work::TenAtOnce | Work::Tail | Work::Recovery | Work::GivenUp => {
            for round in run.rounds() {
                laps.add(lap_of_many(&db, &run, round).await?);
            }
        }
        _ => {
            let mut connection = db.connection().await?;
            for round in run.rounds() {
                laps.add(lap(&mut connection, &run, round).await?);
            }
        }
    }
    run.print(&laps);
    Ok(())
}

/// The file is in WAL mode already; what else is set is set for each connection.
async fn open(run: &Run) -> Result<Db, Fault> {
    let db = Db::builder()
        .models(toasty::models!(User, Parent, Child, Account, Audit, Top, Left, Right, Bottom))
        .max_pool_size(CONNECTIONS)
        .pool_health_check_interval(None)
        .build(toasty_driver_sqlite::Sqlite::open(&run.file))
        .await?;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = db.connection().await?;
        toasty::sql::query("PRAGMA busy_timeout = 5000").exec(&mut connection).await?;
        toasty::sql::statement("PRAGMA synchronous = NORMAL").exec(&mut connection).await?;
        toasty::sql::statement("PRAGMA foreign_keys = ON").exec(&mut connection).await?;
        connections.push(connection);
    }
    drop(connections);
    Ok(db)
}

async fn lap_of_many(db: &Db, run: &Run, round: usize) -> Result<Lap, Fault> {
    match run.work {
        Work::Recovery => tasks::recovery(db, run).await,
        Work::GivenUp => tasks::given_up(db, round).await,
        _ => tasks::read_together(db, run).await,
    }
}

async fn lap(connection: &mut Connection, run: &Run, round: usize) -> Result<Lap, Fault> {
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
