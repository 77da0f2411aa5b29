//! What tokio-postgres reads from and writes to. It watches what passes, and keeps what tokio-postgres drops.
//!
//! The bytes are watched as they are handed over, so that by the time an answer is seen, all before it is noted here.

mod copies;
mod frames;
mod guard;
mod own_types;
mod state;

pub(crate) use guard::{Guard, Refusal};
pub(crate) use state::WireState;

use std::future::Ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_lite::io::{AsyncRead as _, AsyncWrite as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use copies::Copies;
use frames::Frames;
use own_types::OwnTypes;
use state::{FromClient, FromServer};

use crate::postgres::stream::Stream;
use crate::postgres::tls;

/// A connection on its way to tokio-postgres.
pub(crate) struct Wire {
    stream: Stream,
    /// What the system gave and tokio-postgres did not ask for yet: it asks for little at a time.
    read: Box<[u8]>,
    start: usize,
    end: usize,
    /// How many bytes behind `end` are there, but not whole.
    held: usize,
    /// How often it was filled without having to wait.
    filled: u32,
    own_types: OwnTypes,
    incoming: Frames,
    from_server: FromServer,
    copies: Copies,
    outgoing: Frames,
    from_client: FromClient,
    /// Once the server is refused, nothing of it is heard.
    refused: Option<Refusal>,
}

const READ_BYTES: usize = 32 * 1024;

/// So often it is filled before the task that reads gives way to others, which share its thread.
const FILLED_IN_A_ROW: u32 = 4;

impl Wire {
    pub(crate) fn new(stream: Stream, guard: Guard) -> Self {
        let state = Arc::new(WireState::default());
        Self {
            stream,
            read: vec![0; READ_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            held: 0,
            filled: 0,
            own_types: OwnTypes::new(),
            incoming: Frames::of_server(),
            from_server: FromServer::new(Arc::clone(&state), guard),
            copies: Copies::new(),
            outgoing: Frames::of_client(),
            from_client: FromClient::new(state),
            refused: None,
        }
    }

    pub(crate) fn state(&self) -> &Arc<WireState> {
        self.from_client.state()
    }
}

impl Wire {
    /// Takes in what the system gives. Nothing between `start` and `end` afterwards is the end of the stream.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.filled >= FILLED_IN_A_ROW {
            self.filled = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            self.read.copy_within(self.end..self.end + self.held, 0);
            (self.start, self.end) = (0, 0);
            let room = &mut self.read[self.held..];
            let Poll::Ready(length) = Pin::new(&mut self.stream).poll_read(context, room)? else {
                self.filled = 0;
                return Poll::Pending;
            };
            self.filled += 1;
            let there = self.held + length;
            // At the end of the stream all goes on as it is.
            self.end = if length == 0 { there } else { self.own_types.pass(&mut self.read[..there]) };
            self.held = there - self.end;
            if self.end > 0 || length == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(refusal) = &this.refused {
            return Poll::Ready(Err(refusal.clone().into()));
        }
        if this.start == this.end {
            ready!(this.fill(context))?;
        }
        let length = buffer.remaining().min(this.end - this.start);
        let bytes = &this.read[this.start..this.start + length];
        if let Err(refusal) = this.incoming.pass(bytes, &mut this.from_server) {
            this.refused = Some(refusal.clone());
            return Poll::Ready(Err(refusal.into()));
        }
        buffer.put_slice(bytes);
        this.start += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // What was not taken is given again by the caller, as its buffer has it.
        let bytes = this.copies.next(bytes);
        let length = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.copies.wrote(length);
        // Ours are whole: there is nothing to refuse.
        let _ = this.outgoing.pass(&bytes[..length], &mut this.from_client);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(context)
    }
}

impl TlsStream for Wire {
    fn channel_binding(&self) -> ChannelBinding {
        let certificate = match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates().and_then(<[_]>::first),
        };
        match certificate.and_then(|certificate| tls::end_point(certificate)) {
            Some(hash) => ChannelBinding::tls_server_end_point(hash),
            None => ChannelBinding::none(),
        }
    }
}

/// Says goodbye if nobody did, so that the server need not find out for itself. As far as it can be said at once.
impl Drop for Wire {
    fn drop(&mut self) {
        const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];
        let state = self.state();
        if state.ready() > 0 && !state.is_ended() && self.outgoing.is_between() {
            let mut context = Context::from_waker(Waker::noop());
            let mut stream = Pin::new(&mut self.stream);
            if stream.as_mut().poll_write(&mut context, &TERMINATE).is_ready() {
                let _ = stream.poll_flush(&mut context);
            }
        }
    }
}

/// How tokio-postgres comes to a stream that has its TLS already: it is given to it as it is.
pub(crate) struct Passed;

impl TlsConnect<Wire> for Passed {
    type Stream = Wire;
    type Error = io::Error;
    type Future = Ready<io::Result<Wire>>;

    fn connect(self, wire: Wire) -> Self::Future {
        std::future::ready(Ok(wire))
    }
}

#[cfg(test)]
mod tests;
