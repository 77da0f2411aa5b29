//! The chunk between the worker that reads rows and the task that wants them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use crate::bridge::Event;
use crate::pool::Stop;
use crate::sync::lock;

/// Holds one chunk. The worker waits while it is full; the task is woken when something arrives.
pub(super) struct Channel<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    /// One chunk, and behind it what was left over when the statement failed.
    chunks: VecDeque<Vec<T>>,
    /// The task that waits for a chunk.
    waker: Option<Waker>,
    ended: Option<Ended>,
    /// What waits for it that there is room, or that nobody wants the rest.
    room: Option<Room>,
}

/// Who waits for room.
enum Room {
    /// A worker thread.
    Thread(Arc<Event>),
    /// A job among others on its thread.
    Task(Waker),
}

impl Room {
    fn tell(self) {
        match self {
            Self::Thread(event) => event.set(),
            Self::Task(waker) => waker.wake(),
        }
    }
}

/// Why no more chunks are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The stream was dropped.
    Dropped,
    /// The engine was closed.
    Stopped,
}

impl<T> Channel<T> {
    pub(super) fn new() -> Self {
        let state = State { chunks: VecDeque::with_capacity(2), waker: None, ended: None, room: None };
        Self { state: Mutex::new(state) }
    }

    /// On the worker: waits for room and puts a chunk in. Answers whether more are wanted.
    pub(super) fn put(&self, chunk: Vec<T>) -> bool {
        let mut state = lock(&self.state);
        while !state.chunks.is_empty() && state.ended.is_none() {
            let room = Arc::<Event>::default();
            state.room = Some(Room::Thread(Arc::clone(&room)));
            drop(state);
            room.wait();
            state = lock(&self.state);
        }
        let wanted = state.ended.is_none();
        let unwanted = state.push(chunk);
        let waker = state.waker.take();
        drop(state);
        drop(unwanted);
        waker.into_iter().for_each(Waker::wake);
        wanted
    }

    /// Puts a chunk in if there is room, or nobody wants it.
    ///
    /// # Errors
    /// The chunk. `waker` is woken when there is room.
    pub(super) fn poll_put(&self, chunk: Vec<T>, waker: &Waker) -> Result<(), Vec<T>> {
        let mut state = lock(&self.state);
        if !state.chunks.is_empty() && state.ended.is_none() {
            let before = state.room.replace(Room::Task(waker.clone()));
            drop(state);
            drop(before);
            return Err(chunk);
        }
        let unwanted = state.push(chunk);
        let waker = state.waker.take();
        drop(state);
        drop(unwanted);
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Whether anybody wants more rows.
    pub(super) fn is_wanted(&self) -> bool {
        lock(&self.state).ended.is_none()
    }

    /// On the worker: puts the last rows in without waiting. The end of the job wakes the task.
    pub(super) fn leave(&self, chunk: Vec<T>) {
        let unwanted = lock(&self.state).push(chunk);
        drop(unwanted);
    }

    /// The next chunk. Where there is none, `waker` is woken when it arrives.
    pub(super) fn take(&self, waker: &Waker) -> Option<Vec<T>> {
        let mut state = lock(&self.state);
        let chunk = state.chunks.pop_front();
        match &mut state.waker {
            _ if chunk.is_some() => {}
            Some(seen) => seen.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        let room = state.room.take_if(|_| chunk.is_some());
        drop(state);
        room.into_iter().for_each(Room::tell);
        chunk
    }

    /// Whether a chunk waits to be taken.
    pub(super) fn is_full(&self) -> bool {
        !lock(&self.state).chunks.is_empty()
    }

    /// All that is left.
    pub(super) fn drain(&self) -> VecDeque<Vec<T>> {
        std::mem::take(&mut lock(&self.state).chunks)
    }

    /// The task wants no more.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.ended = Some(Ended::Dropped);
        let left = (std::mem::take(&mut state.chunks), state.waker.take());
        let room = state.room.take();
        drop(state);
        room.into_iter().for_each(Room::tell);
        drop(left);
    }

    /// Whether the engine was closed under it.
    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.state).ended == Some(Ended::Stopped)
    }
}

impl<T> State<T> {
    /// Answers the chunk again if nobody wants it: rows are dropped outside of the lock.
    fn push(&mut self, chunk: Vec<T>) -> Option<Vec<T>> {
        if self.ended == Some(Ended::Dropped) || chunk.is_empty() {
            return Some(chunk);
        }
        self.chunks.push_back(chunk);
        None
    }
}

impl<T: Send> Stop for Channel<T> {
    fn stop(&self) {
        let mut state = lock(&self.state);
        state.ended.get_or_insert(Ended::Stopped);
        let room = state.room.take();
        drop(state);
        room.into_iter().for_each(Room::tell);
    }
}
