//! One file per risk. Futures are driven by a bare `block_on` and by an executor of several threads.

mod bridge;
mod cancel;
mod errors;
mod list;
mod panic;
mod pool;
mod program;
mod support;
mod transaction;
mod url;
