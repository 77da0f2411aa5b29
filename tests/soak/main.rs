//! Many tasks on few connections, for as long as one likes: some of their calls are dropped half way, some connections
//! are kept too long, some futures are forgotten in line. Afterwards nothing is lost.
//!
//! `ANYORM_SOAK_SECONDS=180 ANYORM_SOAK_SEED=7 cargo test --release -p anyorm-tests --test soak -- --nocapture` runs
//! longer, or others, and says what happened.

mod act;
mod bank;
mod leaks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm_tests::check::full_again;
use anyorm_tests::random::Random;
use orm_testkit::Executor;

use act::{Act, Counts};
use bank::Bank;
use leaks::{Leaks, Stash};

const TASKS: u64 = 512;
/// The one that writes, and these.
const READERS: usize = 7;
const LEAK_THRESHOLD: Duration = Duration::from_millis(100);

#[test]
fn five_hundred_tasks_on_eight_connections_lose_nothing() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = setting("ANYORM_SOAK_SEED").unwrap_or(1);
    let until = Instant::now() + Duration::from_secs(setting("ANYORM_SOAK_SECONDS").unwrap_or(3));

    let leaks = Arc::new(Leaks::default());
    let bank = Bank::new();
    let engine = futures_lite::future::block_on(bank.open(&leaks));
    let (stash, counts) = (Arc::new(Stash::default()), Arc::new(Counts::default()));
    let tasks = (0..TASKS).map(|task| {
        let (engine, stash, counts) = (engine.clone(), Arc::clone(&stash), Arc::clone(&counts));
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(task));
        async move {
            while Instant::now() < until {
                Act::random(&mut random).run(&engine, &mut random, &stash, &counts).await?;
            }
            Ok::<_, anyorm::Error>(())
        }
    });
    let ended = Arc::new(AtomicBool::new(false));
    let keeper = {
        let (stash, leaks, ended) = (Arc::clone(&stash), Arc::clone(&leaks), Arc::clone(&ended));
        std::thread::spawn(move || stash.keep(&leaks, &ended))
    };
    for result in Executor::TokioMultiThread.block_on_all(tasks.collect()) {
        result.expect("no call fails");
    }
    ended.store(true, Ordering::SeqCst);
    keeper.join().expect("every leak is told");
    full_again(&engine);
    report(&engine, &counts, &leaks, &stash);

    assert_eq!(
        leaks.told(&stash.stashed()),
        stash.stashed(),
        "each guard in the stash is told once, by its file and line"
    );
    let statistics = engine.statistics();
    assert_eq!((statistics.leaked, statistics.wait_timeouts), (0, 0), "{statistics:?}");
    let idle = (statistics.readers_idle + statistics.writer_idle) as u64;
    assert_eq!(statistics.open(), idle, "{statistics:?}");
    assert!(
        statistics.cancelled_waits > 0 && statistics.waits > statistics.cancelled_waits,
        "{statistics:?}"
    );
    assert_eq!((statistics.closed.broken, statistics.connect_failures), (0, 0), "{statistics:?}");
    assert!(engine.holders().is_empty());
    counts.each_happened();
    futures_lite::future::block_on(async {
        bank.is_whole(&engine).await.expect("the database is whole");
        engine.close_within(Duration::from_secs(30)).await.expect("nothing is out");
    });
    assert_eq!(engine.statistics().open(), 0);
}

#[expect(clippy::print_stdout, reason = "for whoever runs it by hand")]
fn report(engine: &Engine, counts: &Counts, leaks: &Leaks, stash: &Stash) {
    println!("{counts:?}");
    println!("{:#?}", engine.statistics());
    let stashed = stash.stashed();
    println!("in the stash: {stashed:?}, told of: {:?}, of all: {}", leaks.told(&stashed), leaks.all());
}
