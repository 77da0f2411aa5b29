//! Where one message ends and the next begins, however the bytes are cut.

use super::Refusal;

/// Looks at messages as they pass.
pub(super) trait Watch {
    /// A message begins. The answer is how many bytes of its body are wanted.
    fn begins(&mut self, kind: u8, length: usize) -> Result<usize, Refusal>;

    /// It has passed. The body is as much of it as was wanted, and there was.
    fn ends(&mut self, kind: u8, body: &[u8]) -> Result<(), Refusal>;
}

/// The place in the stream.
pub(super) struct Frames {
    /// The kind, one byte, and the length, four: as much of them as has come.
    header: [u8; HEADER],
    filled: usize,
    /// How much of the body is still to come, once the header is there.
    left: usize,
    /// How much of it is still wanted.
    wanted: usize,
    /// What was wanted and came in parts.
    body: Vec<u8>,
}

const HEADER: usize = 5;

impl Frames {
    pub(super) fn of_server() -> Self {
        Self { header: [0; HEADER], filled: 0, left: 0, wanted: 0, body: Vec::new() }
    }

    /// The first message of a client has no kind, for it is older than those: 0 stands for it.
    pub(super) fn of_client() -> Self {
        Self { filled: 1, ..Self::of_server() }
    }

    /// Whether no message is under way.
    pub(super) fn is_between(&self) -> bool {
        self.filled == 0
    }

    /// # Errors
    /// For a length that cannot be, and what the watch refuses.
    pub(super) fn pass(&mut self, mut bytes: &[u8], watch: &mut impl Watch) -> Result<(), Refusal> {
        while !bytes.is_empty() {
            let here = self.pass_one(bytes, watch)?;
            bytes = &bytes[here..];
        }
        Ok(())
    }

    /// As much as belongs to the message that is under way, or begins here. Answers how much that is.
    ///
    /// # Errors
    /// As for all of it.
    pub(super) fn pass_one(&mut self, bytes: &[u8], watch: &mut impl Watch) -> Result<usize, Refusal> {
        let mut rest = bytes;
        if self.filled < HEADER {
            let length = (HEADER - self.filled).min(rest.len());
            self.header[self.filled..self.filled + length].copy_from_slice(&rest[..length]);
            self.filled += length;
            rest = &rest[length..];
            if self.filled < HEADER {
                return Ok(bytes.len());
            }
            self.begin(watch)?;
        }
        let here = self.left.min(rest.len());
        let wanted = self.wanted.min(here);
        self.left -= here;
        self.wanted -= wanted;
        if self.left == 0 {
            self.filled = 0;
            if self.body.is_empty() {
                watch.ends(self.header[0], &rest[..wanted])?;
            } else {
                self.body.extend_from_slice(&rest[..wanted]);
                watch.ends(self.header[0], &self.body)?;
                self.body.clear();
            }
        } else {
            self.body.extend_from_slice(&rest[..wanted]);
        }
        Ok(bytes.len() - rest.len() + here)
    }

    fn begin(&mut self, watch: &mut impl Watch) -> Result<(), Refusal> {
        let [kind, length @ ..] = self.header;
        // It counts itself.
        let length = i32::from_be_bytes(length);
        let body = length.checked_sub(4).and_then(|length| usize::try_from(length).ok());
        let Some(body) = body else {
            return Err(Refusal::new(format!(
                "the server sent a message of the impossible length {length}: it is not PostgreSQL, or something between \
                 changes what it sends"
            )));
        };
        self.left = body;
        self.wanted = watch.begins(kind, body)?.min(body);
        Ok(())
    }
}
