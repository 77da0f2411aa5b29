//! tokio-rusqlite: each connection has a thread, and each piece of work is one closure.

use sqlite_bench_common::Fault;

#[path = "../../common/by_hand.rs"]
mod by_hand;
#[path = "../../common/closures.rs"]
mod closures;
#[path = "../../common/on_tokio.rs"]
mod on_tokio;
mod pool;

fn main() -> Result<(), Fault> {
    closures::main()
}
