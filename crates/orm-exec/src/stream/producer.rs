//! Rows into chunks, on the worker.

use std::sync::Arc;
use std::task::{Context, Poll};

use orm_core::{ColumnError, Row, Sink, ValueRef};

use super::channel::Channel;

/// Rows in the first chunk: soon there, and enough that waking the task is worth it.
const FIRST: usize = 64;

/// Rows in a chunk at most.
const MOST: usize = 1_024;

/// Bytes of text and blobs in a chunk, as far as they are looked at: a chunk of larger rows has fewer of them.
const MOST_BYTES: usize = 1 << 20;

/// One row of so many is looked at.
const LOOKED_AT: usize = 8;

/// Collects rows until a chunk is full.
pub(super) struct Producer<T> {
    channel: Arc<Channel<T>>,
    decode: super::Decode<T>,
    chunk: Vec<T>,
    /// How many rows make the chunk full.
    rows: usize,
    /// How many bytes its rows have, by those that were looked at.
    bytes: usize,
    /// Whether it may block its thread while there is no room.
    blocks: bool,
    /// A chunk for which there was no room.
    waiting: Option<Vec<T>>,
}

impl<T> Producer<T> {
    pub(super) fn new(channel: Arc<Channel<T>>, decode: super::Decode<T>, blocks: bool) -> Self {
        let chunk = Vec::with_capacity(FIRST);
        Self { channel, decode, chunk, rows: FIRST, bytes: 0, blocks, waiting: None }
    }

    /// Answers whether more rows are wanted.
    fn put(&mut self) -> bool {
        self.rows = MOST.min(2 * self.rows);
        self.bytes = 0;
        let next = Vec::with_capacity(self.chunk.len().max(FIRST));
        let chunk = std::mem::replace(&mut self.chunk, next);
        if self.blocks {
            return self.channel.put(chunk);
        }
        // Asked before the next row whether there is room.
        self.waiting = Some(chunk);
        self.channel.is_wanted()
    }
}

impl<T: Send> Sink for Producer<T> {
    fn row(&mut self, _step: u16, row: &Row<'_>) -> Result<(), ColumnError> {
        if self.chunk.len().is_multiple_of(LOOKED_AT) {
            self.bytes += LOOKED_AT * bytes_of(row);
        }
        self.chunk.push((self.decode)(row)?);
        if (self.chunk.len() == self.rows || self.bytes >= MOST_BYTES) && !self.put() {
            return Err(ColumnError::new(0, "somebody who reads the stream", "nobody".to_owned()));
        }
        Ok(())
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(chunk) = self.waiting.take() else { return Poll::Ready(()) };
        match self.channel.poll_put(chunk, cx.waker()) {
            Ok(()) => Poll::Ready(()),
            Err(chunk) => {
                self.waiting = Some(chunk);
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Producer<T> {
    /// Also of a statement that failed: what was read before comes first.
    fn drop(&mut self) {
        self.waiting.take().into_iter().for_each(|chunk| self.channel.leave(chunk));
        self.channel.leave(std::mem::take(&mut self.chunk));
    }
}

fn bytes_of(row: &Row<'_>) -> usize {
    let values = (0..).map_while(|at| row.value(at).ok());
    values
        .map(|value| match value {
            ValueRef::Text(text) => text.len(),
            ValueRef::Bytes(bytes) | ValueRef::Wire(_, bytes) => bytes.len(),
            _ => 0,
        })
        .sum()
}
