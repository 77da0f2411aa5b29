//! The processor time of the processes that this one has waited for.

use std::time::Duration;

/// Of all of them so far, with theirs. `None` where there is no `/proc`.
pub(crate) fn of_children() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: the 14th and 15th are the user and system time of children, in hundredths
    // of a second.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(13)? + ticks(14)?)))
}
