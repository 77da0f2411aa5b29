//! A COPY to the server is to be answered once.
//!
//! tokio-postgres begins one with Bind, Execute and Sync, and ends it with CopyDone and another Sync. A server that takes the
//! data passes over the first Sync. One that refuses the COPY answers both, so that whatever was sent behind it would be given
//! the answer of the statement before. So the first Sync becomes a Flush on its way out: a server that refuses passes over all
//! until the Sync at the end, and one that takes the data passes over a Flush.
//!
//! Both messages are five bytes that differ in the first.

use std::collections::HashSet;

use super::Refusal;
use super::frames::{Frames, Watch};

/// What stands in for a Sync.
const FLUSH: u8 = b'H';

/// Finds the byte that is to be another one.
pub(super) struct Copies {
    frames: Frames,
    named: Named,
    /// How many bytes at the beginning of what is written next were looked at before: they were not taken by the socket then.
    seen: usize,
    /// Where among them the Sync is.
    sync: Option<usize>,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self { frames: Frames::of_client(), named: Named::default(), seen: 0, sync: None }
    }

    /// What to write of these bytes next: it is not empty where they are not. How much of it was written is to be told to
    /// [`wrote`](Self::wrote), and the rest given again, with or without more behind it.
    pub(super) fn next<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        while self.sync.is_none() && self.seen < bytes.len() {
            let rest = &bytes[self.seen..];
            if self.named.begins_copy && self.frames.is_between() && rest[0] == b'S' {
                self.named.begins_copy = false;
                self.sync = Some(self.seen);
            }
            // Ours are whole: there is nothing to refuse.
            self.seen += self.frames.pass_one(rest, &mut self.named).unwrap_or(rest.len());
        }
        match self.sync {
            Some(0) => &[FLUSH],
            Some(at) => &bytes[..at],
            None => bytes,
        }
    }

    pub(super) fn wrote(&mut self, length: usize) {
        self.seen = self.seen.saturating_sub(length);
        self.sync = self.sync.and_then(|at| at.checked_sub(length));
    }
}

/// The statements that are a COPY to the server, by their names, which are not used twice.
#[derive(Default)]
struct Named {
    names: HashSet<Vec<u8>>,
    /// One of them was bound: its Sync comes next.
    begins_copy: bool,
}

/// The portal and the name of a statement are at the beginning of a Bind, and short.
const NAMES: usize = 64;

impl Watch for Named {
    fn begins(&mut self, kind: u8, length: usize) -> Result<usize, Refusal> {
        // The data, or its end: whatever Sync follows is none in front of it.
        self.begins_copy &= !matches!(kind, b'd' | b'c' | b'f');
        Ok(match kind {
            b'P' => length,
            b'B' | b'C' => NAMES,
            _ => 0,
        })
    }

    fn ends(&mut self, kind: u8, body: &[u8]) -> Result<(), Refusal> {
        let mut texts = body.split(|byte| *byte == 0);
        let (Some(first), Some(second)) = (texts.next(), texts.next()) else { return Ok(()) };
        match kind {
            // Its name, and its text as `Outline::copy_in` writes it.
            b'P' if !first.is_empty()
                && second.starts_with(b"COPY \"")
                && second.ends_with(b") FROM STDIN") =>
            {
                self.names.insert(first.to_vec());
            }
            // The portal, and the name.
            b'B' => self.begins_copy = self.names.contains(second),
            b'C' => {
                if let Some((b'S', name)) = first.split_first() {
                    self.names.remove(name);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
