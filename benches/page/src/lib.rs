//! What the pages of the benchmarks share: pictures, numbers for people, and the machine.

mod chart;
pub mod format;
pub mod machine;

pub use chart::{Bar, Chart, Spread, Who};
