//! All connections share one thread: one that has much to do does not keep the others from theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyorm::Result;
use anyorm::batch;
use anyorm::prelude::*;

use crate::support::{Place, each};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "numbers")]
struct Number {
    #[key]
    id: i64,
}

async fn numbers(place: &Place, count: i64) -> Result<()> {
    place.engine.create_all(&schema![Number]).await?;
    place.engine.insert_many((0..count).map(|id| Number { id })).await?;
    Ok(())
}

/// Does work while another engine reads by key, again and again. Answers how long the work took, and the longest read.
async fn next_to_reads(place: Place, work: impl Future<Output = Result<()>>) -> Result<(Duration, Duration)> {
    let other = place.builder().open().await?;
    other.first(Number::select().filter(Number::ID.eq(0))).await?;
    let done = Arc::<AtomicBool>::default();
    let is_done = Arc::clone(&done);
    let reader = std::thread::spawn(move || {
        futures_lite::future::block_on(async move {
            let mut longest = Duration::ZERO;
            while !is_done.load(Ordering::Relaxed) {
                let start = Instant::now();
                other.first(Number::select().filter(Number::ID.eq(0))).await?;
                longest = longest.max(start.elapsed());
            }
            Ok::<_, anyorm::Error>(longest)
        })
    });
    let start = Instant::now();
    let worked = work.await;
    let took = start.elapsed();
    done.store(true, Ordering::Relaxed);
    let longest = reader.join().expect("the reader does not panic")?;
    worked?;
    Ok((took, longest))
}

#[test]
fn many_statements_do_not_keep_others_waiting() {
    each(|place| async move {
        numbers(&place, 10).await?;
        let engine = place.engine.clone();
        let work = async move {
            let members = (0..20_000).map(|at| batch::first(Number::select().filter(Number::ID.eq(at % 10))));
            let found = engine.batch(members.collect::<Vec<_>>()).await?;
            assert_eq!(found.iter().flatten().count(), 20_000);
            Ok(())
        };
        let (took, longest) = next_to_reads(place, work).await?;
        assert!(longest < took / 4, "a read by key waited for {longest:?} of {took:?}");
        Ok(())
    });
}

#[test]
fn many_rows_do_not_keep_others_waiting() {
    each(|place| async move {
        numbers(&place, 200_000).await?;
        let engine = place.engine.clone();
        let work = async move {
            assert_eq!(engine.all(Number::select()).await?.len(), 200_000);
            Ok(())
        };
        let (took, longest) = next_to_reads(place, work).await?;
        assert!(longest < took / 4, "a read by key waited for {longest:?} of {took:?}");
        Ok(())
    });
}
