//! What a server may not do before it is known who it is.

use std::fmt;
use std::io;

use crate::postgres::options::{Methods, PostgresOptions};

/// Why a server is refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal(String);

impl Refusal {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(io::ErrorKind::InvalidData, refusal)
    }
}

/// Watches the first messages of a server, until it is ready for the first time.
#[derive(Debug)]
pub(crate) struct Guard {
    methods: Methods,
    iterations_max: u32,
    /// How many bytes have come, or were announced.
    bytes: usize,
    /// Whether the server has asked who we are.
    asked: bool,
}

/// What a server has to say about passwords is short.
const LONGEST_AUTHENTICATION: usize = 2_000;
/// Settings, errors and notices, each and all.
const LONGEST_MESSAGE: usize = 64 * 1024;
const LONGEST_START: usize = 1024 * 1024;

impl Guard {
    pub(crate) fn new(options: &PostgresOptions) -> Self {
        Self {
            methods: options.methods,
            iterations_max: options.scram_iterations_max,
            bytes: 0,
            asked: false,
        }
    }

    /// # Errors
    /// For messages that do not belong here, and those that are too long.
    pub(super) fn begins(&mut self, kind: u8, length: usize) -> Result<(), Refusal> {
        // Authentication, errors, settings, the key to cancel by, ready, notices, the version.
        if !b"RESKZNv".contains(&kind) {
            return Err(Refusal::new(format!(
                "what answers is not PostgreSQL: its message begins with the byte {kind:#04x}; check the host and the port"
            )));
        }
        self.bytes += length;
        let longest = if kind == b'R' { LONGEST_AUTHENTICATION } else { LONGEST_MESSAGE };
        if length > longest || self.bytes > LONGEST_START {
            return Err(Refusal::new(format!(
                "what answers is not a sound PostgreSQL server: before it is ready it sends a message of {length} bytes, \
                 {} in all; check the host and the port",
                self.bytes
            )));
        }
        Ok(())
    }

    /// # Errors
    /// For a way to say who we are that is not allowed, and for work without bounds.
    pub(super) fn authentication(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let Some((code, data)) = body.split_first_chunk() else { return Ok(()) };
        let (name, allowed) = match u32::from_be_bytes(*code) {
            // Done: that is no way of its own if something was asked before.
            0 if self.asked => return Ok(()),
            0 => ("none", self.methods.none),
            3 => ("password", self.methods.password),
            5 => ("md5", self.methods.md5),
            10 => ("scram-sha-256", self.methods.scram),
            11 => return self.iterations(data),
            // tokio-postgres refuses those that it does not know.
            _ => return Ok(()),
        };
        self.asked = true;
        match allowed {
            true => Ok(()),
            false => Err(Refusal::new(format!(
                "the server asks for the authentication method `{name}`, which `require_auth` does not allow: nothing was \
                 sent to it"
            ))),
        }
    }

    /// `r=<nonce>,s=<salt>,i=<iterations>`.
    fn iterations(&self, data: &[u8]) -> Result<(), Refusal> {
        let iterations = data.split(|byte| *byte == b',').find_map(|part| part.strip_prefix(b"i="));
        let Some(iterations) = iterations else { return Ok(()) };
        let number = std::str::from_utf8(iterations).ok().and_then(|number| number.parse::<u32>().ok());
        match number {
            Some(number) if number <= self.iterations_max => Ok(()),
            _ => Err(Refusal::new(format!(
                "the server asks for {} rounds of hashing the password, more than the {} that are allowed: if it is \
                 trusted, add `scram_iterations_max=<number>`",
                String::from_utf8_lossy(&iterations[..iterations.len().min(20)]),
                self.iterations_max
            ))),
        }
    }
}
