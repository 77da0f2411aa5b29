//! How many drops each call has seen.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// In all, at least.
const ENOUGH: u32 = 10_000;

#[derive(Default)]
struct Count {
    /// Dropped before it was ready.
    dropped: u32,
    /// Of these, before the first poll.
    unpolled: u32,
    /// Ready before it could be dropped.
    ready: u32,
}

static TALLY: Mutex<BTreeMap<&'static str, Count>> = Mutex::new(BTreeMap::new());

fn tally() -> MutexGuard<'static, BTreeMap<&'static str, Count>> {
    TALLY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes what became of one call.
pub(crate) fn note(call: &'static str, polled: bool, ready: bool) {
    let mut tally = tally();
    let count = tally.entry(call).or_default();
    count.dropped += u32::from(!ready);
    count.unpolled += u32::from(!ready && !polled);
    count.ready += u32::from(ready);
}

/// Prints a line for each call. Answers whether there were drops enough.
#[expect(clippy::print_stdout, reason = "a test runner speaks to the terminal")]
pub(crate) fn print() -> bool {
    let tally = tally();
    println!("\n{:<34} {:>8} {:>9} {:>10}", "call", "dropped", "unpolled", "not in time");
    for (call, Count { dropped, unpolled, ready }) in &*tally {
        println!("{call:<34} {dropped:>8} {unpolled:>9} {ready:>10}");
    }
    let drops: u32 = tally.values().map(|count| count.dropped).sum();
    println!("\n{drops} drops of {} calls; at least {ENOUGH} are wanted of all together", tally.len());
    drops >= ENOUGH
}
