//! One engine, many tasks: what a program does that is more than a page long.
//!
//! ```text
//! cargo run --example advanced
//! ```
//!
//! Weather stations send readings into one file of SQLite. The program
//!
//! 1. imports them, each station in a task of its own, with hooks that check and count,
//! 2. asks for eight reports at once, under a deadline that cancels half of them,
//! 3. streams all readings through a loop that is slower than the database, in bounded memory,
//! 4. reads three things of one state of the database in one hop,
//! 5. prints what the engine counted, and closes it.
//!
//! The tasks run on smol's executor; any other would do. Every number that is printed comes from the run.

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyorm::batch;
use anyorm::prelude::*;
use anyorm::sqlite::ScalarFunction;
use anyorm::{Changes, Error, Hooks, Moments, Operation, Result, SessionHooks};

/// How many stations there are, and how many readings each sends.
const STATIONS: i64 = 8;
const READINGS: i64 = 2_500;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "stations")]
struct Station {
    #[key]
    id: i64,
    name: String,
    #[has_many(Reading::STATION)]
    readings: HasMany<Reading>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "readings")]
struct Reading {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    station: BelongsTo<Station>,
    celsius: f64,
}

/// Counts what was stored, station by station: once for each flush.
#[derive(Clone, Default)]
struct Meter {
    flushes: Arc<AtomicU64>,
    readings: Arc<AtomicU64>,
}

impl SessionHooks for Meter {
    fn moments(&self) -> Moments {
        Moments::AFTER_FLUSH
    }

    async fn after_flush(&self, _: &mut Session, changes: &Changes) -> Result<()> {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        self.readings.fetch_add(changes.inserted::<Reading>().len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// Tasks that run side by side. Waits for all of them; dropped, it cancels those that still run.
async fn group<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let running: Vec<_> = tasks.into_iter().map(smol::spawn).collect();
    let mut outputs = Vec::with_capacity(running.len());
    for task in running {
        outputs.push(task.await);
    }
    outputs
}

/// A session for each station, in a task of its own. Writers wait for each other in line, and each import is one hop.
async fn import(engine: &Engine) -> Result<()> {
    let meter = Meter::default();
    let no_nonsense = Hooks::<Reading>::new().before_insert(|reading| match reading.celsius {
        celsius if celsius < -273.15 => Err(Error::other(format!("{celsius} °C is colder than cold can be"))),
        _ => Ok(()),
    });
    let sessions = SessionFactory::new(engine.clone()).listen(meter.clone()).listen_to(no_nonsense);

    let started = Instant::now();
    let imports = group((1..=STATIONS).map(|id| {
        let sessions = sessions.clone();
        async move {
            let mut session = sessions.session();
            let station = session.add(Station { id, name: format!("Station {id}"), ..Default::default() });
            session.add_all((0..READINGS).map(|number| Reading {
                station: station.into(),
                celsius: ((id * 31 + number * 17) % 400) as f64 / 10.0,
                ..Default::default()
            }));
            session.commit().await
        }
    }));
    imports.await.into_iter().collect::<Result<()>>()?;
    let (flushes, readings) = (meter.flushes.load(Ordering::Relaxed), meter.readings.load(Ordering::Relaxed));
    println!(
        "1. {STATIONS} tasks stored {readings} readings in {flushes} flushes, in {:?}",
        started.elapsed()
    );
    assert_eq!((flushes, readings), (8, 20_000));

    // A hook refuses one value, and so all of the commit that it is in.
    let mut session = sessions.session();
    session.add(Reading { station: BelongsTo::to_key(1), celsius: 3.5, ..Default::default() });
    session.add(Reading { station: BelongsTo::to_key(1), celsius: -300.0, ..Default::default() });
    let refused = session.commit().await.expect_err("the hook refuses it");
    println!("   a hook refused a commit: {refused}");
    assert_eq!(engine.count(Reading::select()).await?, 20_000);
    Ok(())
}

/// Eight reports with one deadline for all. Half of them would take hours; they are stopped inside the database, and
/// their connections are free for the others.
async fn report(engine: &Engine) -> Result<()> {
    let (started, end) = (Instant::now(), Instant::now() + Duration::from_secs(1));
    let reports = group((1..=8).map(|id| {
        let engine = engine.clone();
        async move {
            let mean: Operation<'_, Option<f64>> = if id % 2 == 0 {
                engine.scalar(
                    Reading::select().filter(Reading::STATION_ID.eq(id)).columns(avg(Reading::CELSIUS)),
                )
            } else {
                // Each reading with each other one, and with each other one again.
                engine
                    .scalar(sql("SELECT avg(a.celsius) FROM readings a, readings b, readings c").returning())
            };
            mean.deadline(end).await
        }
    }));
    let (mut done, mut cancelled) = (0, 0);
    for outcome in reports.await {
        match outcome {
            Ok(_) => done += 1,
            Err(Error::Deadline(_)) => cancelled += 1,
            Err(other) => return Err(other),
        }
    }
    println!(
        "2. of 8 reports {done} were done and {cancelled} were cancelled, after {:?}",
        started.elapsed()
    );
    assert_eq!((done, cancelled), (4, 4));
    // The workers clean up behind them, and nothing is lost.
    while engine.statistics().in_use() > 0 {
        smol::Timer::after(Duration::from_millis(1)).await;
    }
    println!("   and no connection is in use");
    Ok(())
}

/// All readings, one by one, through a loop that rests now and then: the query waits for it, so that the rows ahead of the
/// loop are never more than a few chunks.
async fn stream(engine: &Engine, produced: &AtomicU64) -> Result<()> {
    produced.store(0, Ordering::Relaxed);
    let mut readings =
        engine.stream(sql("SELECT celsius, produced() FROM readings").returning::<(f64, i64)>());
    let (mut taken, mut farthest, mut warmest) = (0_u64, 0, f64::MIN);
    while let Some((celsius, _)) = readings.next().await? {
        taken += 1;
        warmest = warmest.max(celsius);
        if taken.is_multiple_of(1_000) {
            smol::Timer::after(Duration::from_millis(2)).await; // a slow consumer
            farthest = farthest.max(produced.load(Ordering::Relaxed) - taken);
        }
        if taken == 5_000 {
            // Others read and write meanwhile.
            engine.execute(Station::insert().value(Station { id: 99, ..Default::default() })).await?;
        }
    }
    println!(
        "3. streamed {taken} readings, the warmest of {warmest} °C; the database was {farthest} rows ahead at most"
    );
    assert_eq!((taken, warmest), (20_000, 39.9));
    assert!(farthest < 20_000 / 4, "the query waits for the loop: {farthest}");
    Ok(())
}

/// What a page of the program shows: three reads of one state of the database, in one hop.
async fn together(engine: &Engine) -> Result<()> {
    let before = engine.statistics().hops;
    let (stations, readings, coldest) = engine
        .batch((
            Station::select().order_by(Station::ID).limit(3),
            batch::count(Reading::select()),
            batch::first(Reading::select().order_by(Reading::CELSIUS)),
        ))
        .await?;
    let hops = engine.statistics().hops - before;
    let names: Vec<String> = stations.into_iter().map(|station| station.name).collect();
    let coldest = coldest.map_or(f64::NAN, |reading| reading.celsius);
    println!("4. {names:?}, {readings} readings, the coldest of {coldest} °C: three reads in {hops} hop");
    assert_eq!((names.len(), readings, coldest, hops), (3, 20_000, 0.0, 1));
    Ok(())
}

async fn app(url: &str) -> Result<()> {
    // Counts the rows that the database makes, which is seldom of interest but here.
    let produced = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&produced);
    let engine = Engine::builder(url).readers(8).on_connect(move |setup| {
        let counter = Arc::clone(&counter);
        setup.function(ScalarFunction::new("produced", 0), move |_| {
            Ok(i64::try_from(counter.fetch_add(1, Ordering::Relaxed)).unwrap_or(i64::MAX))
        })
    });
    let engine = engine.open().await?;
    engine.create_all(&schema![Station, Reading]).await?;

    import(&engine).await?;
    report(&engine).await?;
    stream(&engine, &produced).await?;
    together(&engine).await?;

    let numbers = engine.statistics();
    println!(
        "5. {} hops to worker threads in all; {} connections were opened; {} calls waited for one, {:?} at most",
        numbers.hops, numbers.opened, numbers.waits, numbers.wait_longest
    );
    assert_eq!((numbers.in_use(), numbers.leaked), (0, 0));
    engine.close().await
}

fn main() -> Result<()> {
    let file = std::env::temp_dir().join(format!("anyorm-advanced-{}.db", std::process::id()));
    let result = smol::block_on(app(&format!("sqlite://{}", file.display())));
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    result
}

#[test]
fn the_story_is_true() {
    main().expect("every step holds");
}
