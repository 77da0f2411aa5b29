//! What is noted of the messages.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::frames::Watch;
use super::guard::{Guard, Refusal};

/// What is known of a connection from what passed. The driver asks it from any thread.
///
/// By the time that tokio-postgres has an answer, all that came before the end of that answer is noted. What came after it
/// may be as well, or not yet: an error is answered before the server is ready again, so that whoever wants to know the
/// status after it waits for the answer to something that was sent behind.
#[derive(Default)]
pub(crate) struct WireState {
    status: AtomicU8,
    ready: AtomicU64,
    copy_refused: AtomicBool,
    conforming: AtomicBool,
    tag: Mutex<Tag>,
    asked: AtomicU64,
    ended: AtomicBool,
    process: AtomicI32,
    secret: AtomicI32,
}

impl WireState {
    /// Where the server said it is when it was last ready: `I` idle, `T` in a transaction, `E` in one that failed.
    /// 0 before the first time.
    pub(crate) fn status(&self) -> u8 {
        self.status.load(Ordering::Acquire)
    }

    /// How often the server said that it is ready.
    pub(crate) fn ready(&self) -> u64 {
        self.ready.load(Ordering::Acquire)
    }

    /// What the last command said when it was complete.
    pub(crate) fn last_tag(&self) -> Tag {
        *self.tag.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server has said that a backslash in `''` is a character like any other, and not since that it is not:
    /// `standard_conforming_strings`.
    pub(crate) fn has_conforming_strings(&self) -> bool {
        self.conforming.load(Ordering::Acquire)
    }

    /// Whether the server has refused what is copied to it, since it last asked for some: it takes in no more of it.
    pub(crate) fn copy_refused(&self) -> bool {
        self.copy_refused.load(Ordering::Acquire)
    }

    /// How many messages were sent after which the server says that it is ready again: one for each statement.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// Whether the server was told that this is the end.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The process of the server, and what it takes to cancel what it does. 0 where it did not say.
    pub(in crate::postgres) fn key(&self) -> (i32, i32) {
        (self.process.load(Ordering::Acquire), self.secret.load(Ordering::Acquire))
    }
}

/// Without the key.
impl fmt::Debug for WireState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireState")
            .field("status", &char::from(self.status()))
            .field("ready", &self.ready())
            .field("last_tag", &self.last_tag().as_str())
            .field("process", &self.key().0)
            .finish_non_exhaustive()
    }
}

/// Of the side that writes, which is alone.
fn add(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Release);
}

/// `COMMIT`, `INSERT 0 5`. The longest that there are have some 40 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Tag {
    bytes: [u8; Tag::LENGTH],
    length: u8,
}

impl Tag {
    const LENGTH: usize = 63;

    fn new(body: &[u8]) -> Self {
        let text = body.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = &text[..text.len().min(Self::LENGTH)];
        let mut tag = Self::default();
        tag.bytes[..text.len()].copy_from_slice(text);
        tag.length = text.len() as u8;
        tag
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl Default for Tag {
    fn default() -> Self {
        Self { bytes: [0; Self::LENGTH], length: 0 }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The setting that is looked at, up to its value.
const CONFORMING: &[u8] = b"standard_conforming_strings\0";

/// Notes what the server says.
pub(super) struct FromServer {
    state: Arc<WireState>,
    /// Until the server is ready for the first time.
    guard: Option<Guard>,
}

impl FromServer {
    pub(super) fn new(state: Arc<WireState>, guard: Guard) -> Self {
        Self { state, guard: Some(guard) }
    }
}

impl Watch for FromServer {
    fn begins(&mut self, kind: u8, length: usize) -> Result<usize, Refusal> {
        if let Some(guard) = &mut self.guard {
            guard.begins(kind, length)?;
        }
        Ok(match kind {
            b'Z' => 1,
            b'C' => Tag::LENGTH,
            b'S' => CONFORMING.len() + 2,
            b'R' if self.guard.is_some() => length,
            b'K' if self.guard.is_some() => 8,
            _ => 0,
        })
    }

    fn ends(&mut self, kind: u8, body: &[u8]) -> Result<(), Refusal> {
        let state = &self.state;
        match kind {
            b'Z' => {
                self.guard = None;
                state.status.store(body.first().copied().unwrap_or_default(), Ordering::Release);
                add(&state.ready);
            }
            b'C' => {
                let tag = Tag::new(body);
                *state.tag.lock().unwrap_or_else(PoisonError::into_inner) = tag;
            }
            b'S' => {
                if let Some(value) = body.strip_prefix(CONFORMING) {
                    state.conforming.store(value == b"on", Ordering::Release);
                }
            }
            b'G' => state.copy_refused.store(false, Ordering::Release),
            b'E' => state.copy_refused.store(true, Ordering::Release),
            b'R' => {
                if let Some(guard) = &mut self.guard {
                    guard.authentication(body)?;
                }
            }
            b'K' if self.guard.is_some() => {
                if let Some((process, secret)) = body.split_first_chunk() {
                    let secret = secret.first_chunk().copied().unwrap_or_default();
                    state.process.store(i32::from_be_bytes(*process), Ordering::Release);
                    state.secret.store(i32::from_be_bytes(secret), Ordering::Release);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Notes what we say.
pub(super) struct FromClient {
    state: Arc<WireState>,
}

impl FromClient {
    pub(super) fn new(state: Arc<WireState>) -> Self {
        Self { state }
    }

    pub(super) fn state(&self) -> &Arc<WireState> {
        &self.state
    }
}

impl Watch for FromClient {
    fn begins(&mut self, kind: u8, _: usize) -> Result<usize, Refusal> {
        match kind {
            // A query in one message, and the end of one in several.
            b'Q' | b'S' => add(&self.state.asked),
            b'X' => self.state.ended.store(true, Ordering::Release),
            _ => {}
        }
        Ok(0)
    }

    fn ends(&mut self, _: u8, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }
}
