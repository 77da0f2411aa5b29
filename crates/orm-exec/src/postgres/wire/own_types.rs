//! Types that a database defines for itself are told to tokio-postgres as `unknown`.
//!
//! It would ask the server what they are: two trips and more on each connection, in the middle of whatever transaction is
//! open, and for a long answer it would wait forever, for what it asks is answered behind rows that it does not take in.
//! Nothing of what it learns is needed: parameters of such types are sent as text, and their values are told by their bytes.

/// The number of `unknown`.
const UNKNOWN: [u8; 4] = 705_u32.to_be_bytes();

/// The first number that a database gives to a type of its own.
const FIRST_OWN: u32 = 16_384;

/// The place in what the server sends.
pub(super) struct OwnTypes {
    /// The kind, one byte, and the length, four: as much of them as has come.
    header: [u8; 5],
    filled: usize,
    /// How much of the body is still to come, once the header is there.
    left: usize,
    at: At,
}

/// The place in a message that names types: `T`, the columns of an answer, or `t`, the parameters of a statement.
#[derive(Clone, Copy)]
enum At {
    /// In a message that names none, or behind what it names.
    Elsewhere,
    /// So many bytes before what follows.
    Before(usize, Then),
    /// In a column's name, which ends in a zero.
    Name,
    Type,
}

#[derive(Clone, Copy)]
enum Then {
    Name,
    Type,
}

impl OwnTypes {
    pub(super) fn new() -> Self {
        Self { header: [0; 5], filled: 0, left: 0, at: At::Elsewhere }
    }

    /// Replaces the numbers in the next bytes, and answers how many of these are done. The others are the beginning of a
    /// number: they are to be given again, with what follows them.
    pub(super) fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if self.filled < self.header.len() {
                self.header[self.filled] = bytes[at];
                self.filled += 1;
                at += 1;
                if self.filled == self.header.len() {
                    self.begin();
                }
                continue;
            }
            let here = self.left.min(bytes.len() - at);
            let Some(done) = self.inside(&mut bytes[at..at + here]) else { return at };
            at += done;
            self.left -= done;
            if self.left == 0 {
                self.filled = 0;
            }
        }
        at
    }

    fn begin(&mut self) {
        let [kind, length @ ..] = self.header;
        // It counts itself. One that cannot be is refused elsewhere.
        self.left = (u32::from_be_bytes(length) as usize).saturating_sub(4);
        // First comes how many types there are.
        self.at = match kind {
            b'T' => At::Before(2, Then::Name),
            b't' => At::Before(2, Then::Type),
            _ => At::Elsewhere,
        };
        if self.left == 0 {
            self.filled = 0;
        }
    }

    /// One part of a message. `None` where it is a number that is not all there.
    fn inside(&mut self, bytes: &mut [u8]) -> Option<usize> {
        match self.at {
            At::Elsewhere => Some(bytes.len()),
            At::Before(more, then) => {
                let done = more.min(bytes.len());
                self.at = match (more - done, then) {
                    (0, Then::Name) => At::Name,
                    (0, Then::Type) => At::Type,
                    (more, then) => At::Before(more, then),
                };
                Some(done)
            }
            At::Name => match bytes.iter().position(|byte| *byte == 0) {
                // Table and column come before the type.
                Some(end) => {
                    self.at = At::Before(6, Then::Type);
                    Some(end + 1)
                }
                None => Some(bytes.len()),
            },
            At::Type => {
                let here = bytes.len();
                let Some(number) = bytes.first_chunk_mut::<4>() else {
                    // Where the message ends too soon, tokio-postgres says so.
                    return (self.left <= here).then_some(here);
                };
                if u32::from_be_bytes(*number) >= FIRST_OWN {
                    *number = UNKNOWN;
                }
                // Length, modifier and format of a column follow.
                self.at = if self.header[0] == b'T' { At::Before(8, Then::Name) } else { At::Type };
                Some(number.len())
            }
        }
    }
}
