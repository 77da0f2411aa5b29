//! Guards that are kept on purpose, and who was told of them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyorm::HeldConnection;
use anyorm::observe::Observer;

/// The file and line of a call.
pub(crate) type Place = (&'static str, u32);

/// What the engine told.
#[derive(Default)]
pub(crate) struct Leaks(Mutex<BTreeMap<Place, u64>>);

impl Observer for Leaks {
    fn leaked(&self, held: &HeldConnection) {
        let place = (held.location.file(), held.location.line());
        *self.0.lock().unwrap().entry(place).or_default() += 1;
    }
}

impl Leaks {
    /// How many were told of the places of the stash.
    pub(crate) fn told(&self, stashed: &BTreeMap<Place, u64>) -> BTreeMap<Place, u64> {
        let told = self.0.lock().unwrap();
        told.iter().filter(|(place, _)| stashed.contains_key(*place)).map(|(place, n)| (*place, *n)).collect()
    }

    /// Of all places: also of a call whose task was not polled for so long, because the machine is busy.
    pub(crate) fn all(&self) -> u64 {
        self.0.lock().unwrap().values().sum()
    }
}

/// Guards, kept until it was told that they are leaked.
#[derive(Default)]
pub(crate) struct Stash(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    guards: Vec<Box<dyn Any + Send>>,
    stashed: BTreeMap<Place, u64>,
}

impl Stash {
    pub(crate) fn put(&self, place: Place, guard: impl Any + Send) {
        let mut kept = self.0.lock().unwrap();
        kept.guards.push(Box::new(guard));
        *kept.stashed.entry(place).or_default() += 1;
    }

    /// How many were kept, by the call that took them.
    pub(crate) fn stashed(&self) -> BTreeMap<Place, u64> {
        self.0.lock().unwrap().stashed.clone()
    }

    /// Lets guards go whenever all of them were told, until the tasks have ended, which may wait for what is in here.
    pub(crate) fn keep(&self, leaks: &Leaks, tasks_ended: &AtomicBool) {
        let mut empty = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(5));
            // Before the look into the stash: then nobody puts anything in there after it.
            let ended = tasks_ended.load(Ordering::SeqCst);
            let mut kept = self.0.lock().unwrap();
            if kept.guards.is_empty() {
                empty = Instant::now();
                if ended {
                    return;
                }
                continue;
            }
            let told = leaks.told(&kept.stashed);
            let waited = empty.elapsed();
            assert!(waited < Duration::from_secs(60), "{:?} were kept, and {told:?} told", kept.stashed);
            if kept.stashed == told {
                let guards = std::mem::take(&mut kept.guards);
                drop(kept);
                drop(guards);
            }
        }
    }
}
