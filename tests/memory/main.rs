//! What streams and cursors hold of many rows. A program of its own: what other tests allocate meanwhile would count too.

#![cfg(target_os = "linux")]

use anyorm::prelude::*;
use futures_lite::future;

/// What a process may grow by while a million rows go through it.
const MOST: u64 = 32 << 20;

const ROWS: i64 = 1_000_000;

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "readings")]
struct Reading {
    #[key]
    id: i64,
    place: String,
    value: f64,
}

/// Memory of this process that is in use now, or was at most since `reset`, in bytes.
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says what a process holds");
    let line = status.lines().find(|line| line.starts_with(field)).expect("it says that too");
    let kibibytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kibibytes.expect("a number") * 1_024
}

/// By how much the process grew at most while `body` ran.
fn growth(body: impl FnOnce()) -> u64 {
    // The high-water mark begins anew.
    std::fs::write("/proc/self/clear_refs", "5").expect("the mark can be reset");
    let before = status("VmRSS");
    body();
    status("VmHWM").saturating_sub(before)
}

#[test]
#[expect(clippy::print_stdout, reason = "for whoever runs it by hand")]
fn a_million_rows_go_through_a_stream_and_a_cursor_in_little_memory() {
    let path = std::env::temp_dir().join(format!("anyorm-memory-{}.db", std::process::id()));
    let engine = future::block_on(async {
        let engine = Engine::open(&format!("sqlite://{}", path.display())).await.unwrap();
        engine.create_all(&schema![Reading]).await.unwrap();
        let rows = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000) \
                    INSERT INTO readings SELECT n, 'the place of reading number ' || n, n / 2.0 FROM c";
        engine.execute(sql(rows)).await.unwrap();
        engine
    });
    // Threads, caches and the connection that reads are there before.
    stream(&engine, 1_000);
    let streamed = growth(|| stream(&engine, ROWS));
    assert!(streamed < MOST, "{streamed} bytes for a stream");
    let walked = growth(|| walk(&engine));
    assert!(walked < MOST, "{walked} bytes for a cursor");
    // What it would have been otherwise: the measure sees it.
    let all = growth(|| drop(future::block_on(engine.all(Reading::select())).unwrap()));
    assert!(all > 2 * MOST, "{all} bytes for all rows at once");
    println!(
        "MiB for a million rows: {} streamed, {} by a cursor, {} at once",
        streamed >> 20,
        walked >> 20,
        all >> 20
    );
    future::block_on(engine.close()).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
}

fn stream(engine: &Engine, rows: i64) {
    future::block_on(async {
        let mut readings = engine.stream(Reading::select().filter(Reading::ID.le(rows)));
        let mut sum = 0;
        while let Some(reading) = readings.next().await.unwrap() {
            sum += reading.id;
        }
        assert_eq!(sum, rows * (rows + 1) / 2);
    });
}

/// A cursor whose body clears the session now and then: the keys are 8 bytes each.
fn walk(engine: &Engine) {
    future::block_on(async {
        let mut session = engine.session();
        let mut readings = session.cursor(Reading::select().order_by(Reading::ID));
        let (mut sum, mut seen) = (0, 0);
        while let Some(reading) = readings.next(&mut session).await.unwrap() {
            sum += session[reading].id;
            seen += 1;
            if seen % 10_000 == 0 {
                session.clear();
            }
        }
        assert_eq!(sum, ROWS * (ROWS + 1) / 2);
    });
}
