//! Bytes as messages: a kind, a length, a body.

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// `^` for the first one of a client, which has no kind.
    pub(crate) kind: char,
    /// All of it.
    pub(crate) bytes: Vec<u8>,
}

impl Frame {
    /// What can be read of it.
    pub(crate) fn text(&self) -> String {
        let body = self.bytes.get(5..).unwrap_or_default();
        let readable = |&byte: &u8| if (32..127).contains(&byte) { char::from(byte) } else { ' ' };
        body.iter().take(400).map(readable).collect::<String>().trim().to_owned()
    }
}

/// Takes messages out of what comes in pieces.
pub(crate) struct Frames {
    left: Vec<u8>,
    is_first: bool,
}

impl Frames {
    pub(crate) fn of_client() -> Self {
        Self { left: Vec::new(), is_first: true }
    }

    pub(crate) fn of_server() -> Self {
        Self { left: Vec::new(), is_first: false }
    }

    /// All messages that are whole by now.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.left.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut start = 0;
        loop {
            let rest = &self.left[start..];
            let head = usize::from(!self.is_first);
            let Some(length) = rest.get(head..head + 4).and_then(|bytes| bytes.try_into().ok()) else {
                break;
            };
            let whole = head + u32::from_be_bytes(length) as usize;
            let Some(message) = rest.get(..whole) else { break };
            let kind = if self.is_first { '^' } else { char::from(message[0]) };
            frames.push(Frame { kind, bytes: message.to_vec() });
            self.is_first = false;
            start += whole;
        }
        self.left.drain(..start);
        frames
    }
}

/// What a server says that ends a connection.
pub(crate) fn fatal(code: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, text) in [('S', "FATAL"), ('V', "FATAL"), ('C', code), ('M', "the end, for a test")] {
        body.push(field as u8);
        body.extend(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut message = vec![b'E'];
    message.extend((body.len() as u32 + 4).to_be_bytes());
    message.extend(body);
    message
}
