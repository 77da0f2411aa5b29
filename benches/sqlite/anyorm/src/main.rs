//! anyorm.
//!
//! ```text
//! --dispatch=worker|auto
//! --executor=tokio|tokio-current|smol|async-std
//! --tracked                                       rows as entities of a session, not as plain values
//! ```

mod executor;
mod model;
mod reads;
mod tasks;
mod writes;

use anyorm::{Dispatch, Engine, Synchronous};
use executor::Executor;
use sqlite_bench_common::{CONNECTIONS, Fault, Lap, Laps, Run, Work};

fn main() -> Result<(), Fault> {
    let run = Run::from_arguments()?;
    let executor = match run.work {
        // What is measured is a thread that has two things to do.
        Work::Stall => Executor::TokioCurrent,
        _ => Executor::named(run.option("executor").unwrap_or("tokio"))?,
    };
    executor.run(work(run, executor))
}

async fn work(run: Run, executor: Executor) -> Result<(), Fault> {
    let dispatch = match run.option("dispatch") {
        Some("auto") => Dispatch::Auto,
        _ => Dispatch::Worker,
    };
    let engine = Engine::builder(&format!("sqlite://{}", run.file.display()))
        .dispatch(dispatch)
        .readers(CONNECTIONS)
        .synchronous(Synchronous::Normal)
        .open()
        .await?;
    let mut laps = Laps::default();
    for round in run.rounds() {
        laps.add(lap(&engine, &run, executor, round).await?);
    }
    run.print(&laps);
    Ok(())
}

async fn lap(engine: &Engine, run: &Run, executor: Executor, round: usize) -> Result<Lap, Fault> {
    let is_tracked = run.has("tracked");
    let size = run.size;
    match run.work {
        Work::ReadByKey if is_tracked => reads::track_by_key(engine, run).await,
        Work::ReadByKey | Work::Hundred => reads::read_by_key(engine, run).await,
        Work::ReadTogether | Work::TenAtOnce => {
            tasks::read_together(engine, executor, size, size.tasks, size.reads / size.tasks).await
        }
        Work::Tail => tasks::read_together(engine, executor, size, size.tail_tasks, size.tail_reads).await,
        Work::Rows | Work::RowsMany if is_tracked => reads::track_rows(engine).await,
        Work::Rows | Work::RowsMany => reads::read_rows(engine).await,
        Work::Parents => reads::read_parents(engine).await,
        Work::Stream => reads::stream(engine).await,
        Work::InsertBulk => writes::insert_bulk(engine, size, round).await,
        Work::InsertSingle => writes::insert_single(engine, size, round).await,
        Work::Change => writes::change(engine).await,
        Work::Mixed => writes::mixed(engine, size).await,
        Work::Diamond => writes::insert_diamonds(engine, size, round).await,
        Work::FlushFew => writes::flush_few(engine, size).await,
        Work::Stall => tasks::stall(engine, round).await,
        Work::Recovery => tasks::recovery(engine, size).await,
        Work::GivenUp => tasks::given_up(engine, round).await,
    }
}
