//! The times as a table: how long each work took, and how much more than by hand.

use std::fmt::Write as _;
use std::time::Duration;

pub(super) fn of(times: &[(&'static str, [Duration; 3])]) -> String {
    let by_hand = times[0].1;
    let mut out = format!(
        "{:<30}{:>20}{:>24}{:>26}\n",
        "", "100 reads in a row", "10 tasks, 10 reads each", "100 rows changed, stored"
    );
    for (name, own) in times {
        let _ = write!(out, "{name:<30}");
        for ((own, by_hand), width) in own.iter().zip(by_hand).zip([20, 24, 26]) {
            let ratio = own.as_secs_f64() / by_hand.as_secs_f64();
            let cell = format!("{:.2} ms {ratio:>7.1} x", own.as_secs_f64() * 1_000.0);
            let _ = write!(out, "{cell:>width$}");
        }
        out.push('\n');
    }
    out
}
