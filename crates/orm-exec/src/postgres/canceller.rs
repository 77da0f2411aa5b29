//! Stops what a connection has the server do. It takes another connection, to the same server.

use std::fmt;
use std::io;

use futures_lite::FutureExt as _;
use futures_lite::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::postgres::options::PostgresOptions;
use crate::postgres::socket::{Address, Socket};
use crate::postgres::stream::Stream;
use crate::postgres::tls::Tls;

/// Cancels the statement of one connection. It outlives the connection; then it does nothing.
#[derive(Clone)]
pub(crate) struct Canceller {
    address: Address,
    tls: Option<Tls>,
    process: i32,
    secret: i32,
    options: PostgresOptions,
}

impl Canceller {
    pub(crate) fn new(
        address: Address,
        tls: Option<Tls>,
        (process, secret): (i32, i32),
        options: &PostgresOptions,
    ) -> Self {
        Self { address, tls, process, secret, options: options.clone() }
    }

    /// Asks the server to stop, and waits until it has taken that in: it then has sent the signal to its process, which acts
    /// on it soon, on whatever statement it is at by then.
    ///
    /// Dropped: it may have been asked or not.
    ///
    /// # Errors
    /// Where the server cannot be asked, with the reason.
    pub(crate) async fn cancel(&self) -> Result<(), String> {
        if self.process == 0 {
            return Err(format!("{} did not say how its statements are cancelled", self.address));
        }
        let Some(limit) = self.options.connect_timeout else { return self.ask().await };
        let late = async {
            crate::sleep(limit).await;
            Err(format!("{} did not take the request to cancel within {limit:?}", self.address))
        };
        self.ask().or(late).await
    }

    async fn ask(&self) -> Result<(), String> {
        let told =
            |reason: &dyn fmt::Display| format!("{} cannot be asked to cancel: {reason}", self.address);
        let lost = |error: io::Error| told(&error);
        let socket = Socket::open(&self.address, &self.options).await.map_err(lost)?;
        let mut stream = match &self.tls {
            None => Stream::Plain(socket),
            Some(tls) => tls.begin(socket).await.map_err(|failure| told(&failure.reason()))?,
        };
        if self.tls.is_some() && !stream.has_tls() {
            return Err(told(&"it has no TLS any more"));
        }
        stream.write_all(&self.request()).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        // Nothing is answered: the connection is closed, one way or another, once the signal is sent.
        let _ = stream.read(&mut [0]).await;
        Ok(())
    }

    fn request(&self) -> [u8; 16] {
        // In place of the version of the protocol.
        const CODE: u32 = 80_877_102;
        let mut request = [0; 16];
        let (numbers, _) = request.as_chunks_mut::<4>();
        numbers[0] = 16_u32.to_be_bytes();
        numbers[1] = CODE.to_be_bytes();
        numbers[2] = self.process.to_be_bytes();
        numbers[3] = self.secret.to_be_bytes();
        request
    }
}

/// Without the key.
impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller")
            .field("address", &self.address)
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}
