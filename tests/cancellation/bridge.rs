//! The bridge on its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyorm::Result;
use anyorm::bridge::{Limiter, OnDrop, RunSync, run_sync};
use orm_testkit::{Backend, Behaviour, Database, behaviours};

use crate::moments::drop_each;

pub(crate) const CASES: &[Behaviour] = &behaviours![closures_run_wholly_or_not_at_all];

/// Counts its starts and its ends.
#[derive(Clone, Default)]
struct Runs(Arc<(AtomicUsize, AtomicUsize)>);

impl Runs {
    fn run(&self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        std::thread::yield_now();
        self.0.1.fetch_add(1, Ordering::SeqCst);
    }

    fn starts_and_ends(&self) -> (usize, usize) {
        (self.0.0.load(Ordering::SeqCst), self.0.1.load(Ordering::SeqCst))
    }
}

async fn closures_run_wholly_or_not_at_all(db: Database) -> Result<()> {
    if db.backend == Backend::Memory {
        // It has nothing to do with a database.
        return Ok(());
    }
    let (limiter, long) = (Limiter::new(1), Duration::from_secs(30));
    // Of a limiter of our own, so that we know when a closure that was left behind has ended.
    let start = |runs: &Runs| {
        let runs = runs.clone();
        limiter.run_sync(move || runs.run())
    };
    drop_each!(
        runs = Runs::default();
        [
            "Limiter::run_sync" => done(start(&runs)),
            "RunSync::timeout" => start(&runs).timeout(long),
            "RunSync::deadline" => start(&runs).deadline(Instant::now() + long),
        ];
        dropped => {
            limiter.run_sync(|| ()).await; // the token is free again
            let (starts, ends) = runs.starts_and_ends();
            assert_eq!(starts, ends, "{dropped:?}");
            assert!(if dropped.ready { starts == 1 } else { starts <= usize::from(dropped.polled) });
        }
    );
    // A drop that waits has waited.
    drop_each!(
        runs = Runs::default();
        [
            "RunSync::on_drop" => done(start(&runs).on_drop(OnDrop::Wait)),
            "RunSync::timeout" => start(&runs).on_drop(OnDrop::Wait).timeout(long),
        ];
        dropped => {
            let (starts, ends) = runs.starts_and_ends();
            assert_eq!(starts, ends, "{dropped:?}");
            assert!(if dropped.ready { starts == 1 } else { starts <= usize::from(dropped.polled) });
        }
    );
    drop_each!(
        runs = Runs::default();
        [
            "bridge::run_sync" => {
                let runs = runs.clone();
                done(run_sync(move || runs.run()))
            },
        ];
        dropped => {
            let (starts, _) = runs.starts_and_ends();
            assert!(if dropped.ready { starts == 1 } else { starts <= usize::from(dropped.polled) });
        }
    );
    Ok(())
}

/// A call without errors as one with.
async fn done(call: RunSync<()>) -> Result<()> {
    call.await;
    Ok(())
}
