//! Streams: how far the worker reads ahead, and panics of decoders.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_lite::{FutureExt, future};
use orm_core::{ColumnError, FromRow, Row, Trusted, sql};
use orm_exec::{Engine, RowStream};

use crate::support::{Folder, eventually, file, full_again, insert, memory, numbers};

const NUMBERS: &str =
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c";

/// A number, counted when it is decoded.
struct Counted;

static DECODED: AtomicUsize = AtomicUsize::new(0);

impl FromRow for Counted {
    fn from_row(_row: &Row<'_>) -> Result<Self, ColumnError> {
        DECODED.fetch_add(1, Ordering::SeqCst);
        Ok(Self)
    }
}

/// Waits until the worker reads no further.
fn settled() -> usize {
    let mut before = usize::MAX;
    eventually("the worker waits", || {
        let now = DECODED.load(Ordering::SeqCst);
        let settled = now == before;
        before = now;
        thread::sleep(Duration::from_millis(20));
        settled
    });
    before
}

async fn take(stream: &mut RowStream<'_, Counted>, rows: usize) {
    for _ in 0..rows {
        assert!(stream.next().await.unwrap().is_some());
    }
}

#[test]
fn the_worker_is_two_chunks_ahead_at_most() {
    future::block_on(async {
        let engine = memory().await;
        let mut stream = engine.stream(sql(NUMBERS).returning::<Counted>());
        thread::sleep(Duration::from_millis(20));
        assert_eq!(DECODED.load(Ordering::SeqCst), 0, "nothing happens until it is polled");
        take(&mut stream, 1).await;
        // The chunk that is being gone through, the one that waits, and the one that the worker cannot put down.
        assert_eq!(settled(), 64 + 128 + 256);
        take(&mut stream, 63).await;
        assert_eq!(
            settled(),
            64 + 128 + 256,
            "the first chunk is not all taken before the next is asked for"
        );
        take(&mut stream, 1).await;
        assert_eq!(settled(), 64 + 128 + 256 + 512);
        let sizes = [64, 128, 256, 512];
        take(&mut stream, sizes.iter().sum::<usize>() - 65).await;
        take(&mut stream, 1).await;
        assert_eq!(settled(), 960 + 3 * 1_024);
        drop(stream);
        full_again(&engine);
        assert_eq!(settled(), 960 + 3 * 1_024, "and no further");
    });
}

/// How many rows of the given size are decoded ahead of a task that takes one.
fn read_ahead(bytes: usize) -> usize {
    static READ: AtomicUsize = AtomicUsize::new(0);
    struct Large;
    impl FromRow for Large {
        fn from_row(row: &Row<'_>) -> Result<Self, ColumnError> {
            READ.fetch_add(1, Ordering::SeqCst);
            row.get::<Vec<u8>>(0).map(|_| Self)
        }
    }
    READ.store(0, Ordering::SeqCst);
    future::block_on(async {
        let engine = memory().await;
        let query = format!("SELECT zeroblob({bytes}) FROM ({NUMBERS})");
        let mut stream = engine.stream(sql(Trusted(query)).returning::<Large>());
        assert!(stream.next().await.unwrap().is_some());
        thread::sleep(Duration::from_millis(300));
        READ.load(Ordering::SeqCst)
    })
}

#[test]
fn chunks_of_large_rows_have_fewer_of_them() {
    assert_eq!(read_ahead(8 << 20), 3, "each chunk is one row");
    assert!(read_ahead(40_000) <= 3 * 32);
}

struct Fragile(i64);

impl FromRow for Fragile {
    fn from_row(row: &Row<'_>) -> Result<Self, ColumnError> {
        match row.get::<i64>(0)? {
            100 => panic!("in the decoder"),
            n => Ok(Self(n)),
        }
    }
}

#[test]
fn a_panic_of_a_decoder_resumes_in_the_stream_after_the_rows_before_it() {
    future::block_on(async {
        let engine = memory().await;
        let mut stream = engine.stream(sql(NUMBERS).returning::<Fragile>());
        for n in 1..100 {
            assert_eq!(stream.next().await.unwrap().map(|row| row.0), Some(n));
        }
        let caught = AssertUnwindSafe(stream.next()).catch_unwind().await;
        let panic = caught.map(drop).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"in the decoder"));
        assert!(stream.next().await.unwrap().is_none());
        full_again(&engine);
        insert(&engine, 2).await.unwrap();
        assert_eq!(numbers(&engine).await, [2], "the database in memory is still there");
    });
}

#[test]
fn a_panic_of_a_decoder_after_the_stream_was_dropped_ends_the_transaction_only() {
    future::block_on(async {
        let engine = memory().await;
        let mut transaction = engine.begin().await.unwrap();
        let mut stream = transaction.stream(sql(NUMBERS).returning::<Fragile>());
        // The worker comes to the panic in its second chunk.
        assert!(stream.next().await.unwrap().is_some());
        thread::sleep(Duration::from_millis(50));
        drop(stream);
        let error = transaction.count(sql("SELECT 1").returning::<i64>()).await.unwrap_err();
        assert!(matches!(error, orm_core::Error::Ended(_)), "{error}");
        drop(transaction);
        full_again(&engine);
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
    });
}

#[test]
fn a_stream_moves_between_threads_and_outlives_the_engine_that_made_it() {
    let folder = Folder::new();
    let engine: Engine = future::block_on(file(&folder, ""));
    let mut stream = engine.stream(sql(NUMBERS).returning::<i64>());
    assert_eq!(future::block_on(stream.next()).unwrap(), Some(1));
    drop(engine);
    let rest = thread::spawn(move || {
        future::block_on(async {
            let mut rows = 0;
            while stream.next().await.unwrap().is_some() {
                rows += 1;
            }
            rows
        })
    });
    assert_eq!(rest.join().unwrap(), 99_999);
}
