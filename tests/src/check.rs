//! What must be true after something went wrong.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyorm::prelude::*;
use anyorm::{Error, Statistics};

/// How long a worker may take to clean up after a dropped future.
const SOON: Duration = Duration::from_secs(30);

/// The engine still works, both ways, and afterwards has all its connections back.
///
/// # Errors
/// If it does not work.
pub async fn nothing_lost(engine: &Engine) -> anyorm::Result<()> {
    engine.execute(sql("CREATE TABLE IF NOT EXISTS alive (n INTEGER)")).await?;
    engine.execute(sql("INSERT INTO alive VALUES (1)")).await?;
    assert!(engine.exists(sql("SELECT n FROM alive").returning::<i64>()).await?);
    engine.execute(sql("DROP TABLE alive")).await?;
    full_again(engine);
    Ok(())
}

/// Waits until no connection is out and nobody waits for one.
///
/// # Panics
/// If that does not come soon.
pub fn full_again(engine: &Engine) {
    let start = Instant::now();
    while !is_full(engine.statistics()) {
        assert!(start.elapsed() < SOON, "connections are lost: {:?}", engine.statistics());
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn is_full(statistics: Statistics) -> bool {
    statistics.in_use() == 0 && statistics.readers_waiting == 0 && statistics.writer_waiting == 0
}

/// The text of an error has all these parts.
///
/// # Panics
/// If it has not.
#[track_caller]
pub fn says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// What a closure panics with.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn panic_of<T>(body: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => panic!("it did not panic"),
        Err(panic) => text_of(&*panic),
    }
}

/// The message of a panic.
///
/// # Panics
/// If it has none.
pub fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).expect("panics carry text")
}
