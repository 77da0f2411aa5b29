//! Numbers about a pool.

use std::time::Duration;

/// What the connections of an engine are doing, and what they did so far: from
/// [`Engine::statistics`](crate::Engine::statistics).
///
/// *Gauges* say how it is now, and rise and fall. *Counters* only grow from the day the engine was opened, so that a
/// metrics exporter can read them at any time and take differences. All are taken at one moment, and cost a lock.
///
/// | kind | fields |
/// |---|---|
/// | gauge | `readers_size`, `.._idle`, `.._in_use`, `.._waiting`, `leaked` |
/// | counter | `hops`, `opened`, `closed`, `connect_failures`, `acquired`, `waits`, `wait_total`, `wait_timeouts`, `cancelled_waits`, `leaks` |
/// | maximum | `wait_longest` |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// How many connections that only read there may be. 0 where one connection does everything.
    pub readers_size: usize,
    /// Readers that are open and free.
    pub readers_idle: usize,
    /// Readers that somebody has.
    pub readers_in_use: usize,
    /// Tasks that wait for a reader.
    pub readers_waiting: usize,
    /// 1 if the writer is open and free.
    pub writer_idle: usize,
    /// 1 if somebody has the writer.
    pub writer_in_use: usize,
    /// Tasks that wait for the writer.
    pub writer_waiting: usize,
    /// Connections that are out, and were unused for longer than the
    /// [leak threshold](crate::EngineBuilder::leak_threshold).
    pub leaked: usize,
    /// Jobs sent to a worker thread since the engine was opened.
    pub hops: u64,
    /// Connections that were opened.
    pub opened: u64,
    /// Connections that were closed.
    pub closed: Closed,
    /// Connections that could not be opened.
    pub connect_failures: u64,
    /// How often a connection was given to somebody.
    pub acquired: u64,
    /// How often somebody had to wait in line for that.
    pub waits: u64,
    /// The time that those waits took together which ended with a connection.
    pub wait_total: Duration,
    /// The longest of those.
    pub wait_longest: Duration,
    /// Waits that took longer than the acquire timeout.
    pub wait_timeouts: u64,
    /// Waits whose future was dropped.
    pub cancelled_waits: u64,
    /// How often a connection was found to be unused for longer than the leak threshold: once for each holder.
    pub leaks: u64,
}

/// Why connections were closed, as counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// They were idle for longer than [`idle_timeout`](crate::EngineBuilder::idle_timeout).
    pub idle: u64,
    /// They were open for longer than [`max_lifetime`](crate::EngineBuilder::max_lifetime).
    pub lifetime: u64,
    /// The program [discarded](crate::Connection::discard) them.
    pub discarded: u64,
    /// They could not be rolled back, or their file was gone or bad.
    pub broken: u64,
    /// The engine was closed.
    pub shut: u64,
}

impl Statistics {
    /// Connections that somebody has, or that are being cleaned. 0 when the pool is full again.
    pub fn in_use(&self) -> usize {
        self.readers_in_use + self.writer_in_use
    }

    /// Connections that are open or about to be: those opened less those closed.
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.closed.total())
    }
}

impl Closed {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.idle + self.lifetime + self.discarded + self.broken + self.shut
    }
}
