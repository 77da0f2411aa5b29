//! Numbers about a pool.

/// What the connections of an engine are doing, from [`Engine::statistics`](crate::Engine::statistics).
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
    /// Jobs sent to a worker thread since the engine was opened.
    pub hops: u64,
}

impl Statistics {
    /// Connections that somebody has, or that are being cleaned. 0 when the pool is full again.
    pub fn in_use(&self) -> usize {
        self.readers_in_use + self.writer_in_use
    }
}
