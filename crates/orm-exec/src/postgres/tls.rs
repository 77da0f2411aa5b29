//! TLS: the server is asked whether it has it, and shown to be who it should be, as far as `sslmode` says.

mod der;
mod end_point;
mod files;
mod verifier;

pub(crate) use end_point::end_point;
pub(crate) use files::Remembered;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use futures_lite::io::{AsyncReadExt as _, AsyncWriteExt as _};
use futures_rustls::TlsConnector;
use futures_rustls::pki_types::ServerName;
use futures_rustls::rustls::ClientConfig;

use crate::postgres::failure::Failure;
use crate::postgres::options::{Host, HostName, Negotiation, PostgresOptions, Roots, TlsMode};
use crate::postgres::socket::{Address, Socket};
use crate::postgres::stream::Stream;

/// The name of the protocol that is spoken inside.
const PROTOCOL: &[u8] = b"postgresql";

/// How one server is spoken to through TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    configuration: Arc<ClientConfig>,
    name: ServerName<'static>,
    mode: TlsMode,
    negotiation: Negotiation,
    /// For messages.
    roots: Option<Roots>,
}

impl Tls {
    /// `None` for a server that is spoken to without it: as it is asked for, or over a socket of Unix, which nobody listens
    /// in on.
    ///
    /// # Errors
    /// For files that cannot be read, or have nothing of use in them.
    pub(crate) async fn of(
        options: &PostgresOptions,
        host: &Host,
        address: &Address,
    ) -> Result<Option<Self>, Failure> {
        let mode = options.tls.mode;
        let (HostName::Tcp(name), Address::Tcp(address)) = (&host.name, address) else { return Ok(None) };
        if mode == TlsMode::Disable {
            return Ok(None);
        }
        let name = match ServerName::try_from(name.clone()) {
            Ok(name) => name,
            Err(_) if mode == TlsMode::VerifyFull => {
                return Err(Failure::lasting(format!("`{name}` is no name that a certificate could have")));
            }
            Err(_) => ServerName::IpAddress(IpAddr::into(address.ip())),
        };
        let configuration = options.tls.remembered.configuration(&options.tls).await?;
        let roots = options.tls.roots.clone();
        Ok(Some(Self { configuration, name, mode, negotiation: options.tls.negotiation, roots }))
    }

    /// Asks for TLS, and begins it. Without it, if the server has none and it is not required.
    ///
    /// # Errors
    /// For a server that has none, or is not believed.
    pub(crate) async fn begin(&self, mut socket: Socket) -> Result<Stream, Failure> {
        if self.negotiation == Negotiation::Postgres && !self.ask(&mut socket).await? {
            return Ok(Stream::Plain(socket));
        }
        let connector = TlsConnector::from(Arc::clone(&self.configuration));
        let stream = connector.connect(self.name.clone(), socket).await;
        let stream = stream.map_err(|error| Failure::of_handshake(&error, self.roots.as_ref()))?;
        if self.negotiation == Negotiation::Direct && stream.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
            return Err(Failure::lasting("it has TLS, but does not say that it speaks PostgreSQL inside")
                .advise("leave `sslnegotiation=direct` out for servers before version 17"));
        }
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Whether it has TLS.
    async fn ask(&self, socket: &mut Socket) -> Result<bool, Failure> {
        // Its length, and what stands in place of the version of the protocol.
        const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];
        let lost = |error| Failure::of_io(&error);
        socket.write_all(&REQUEST).await.map_err(lost)?;
        socket.flush().await.map_err(lost)?;
        // One byte and no more: what follows, before TLS has begun, would otherwise pass for something said inside of it.
        let mut answer = [0];
        socket.read_exact(&mut answer).await.map_err(lost)?;
        let [answer] = answer;
        if matches!(answer, b'S' | b'N') && socket.has_unread() {
            return Err(Failure::lasting(
                "it said more than whether it has TLS, before TLS had begun: somebody may sit between, so it is refused",
            ));
        }
        match answer {
            b'S' => Ok(true),
            b'N' if self.mode == TlsMode::Prefer => Ok(false),
            b'N' => Err(Failure::lasting("it has no TLS, which `sslmode` asks for").advise(
                "switch it on in the server (`ssl = on`), or use `sslmode=prefer` where nobody can listen in",
            )),
            // It is in no state to speak of TLS: what it would say is not believed before TLS.
            b'E' => Err(Failure::passing("it answers the request for TLS with an error")
                .advise("look into its log")
                .of_tls()),
            other => Err(Failure::not_postgres(other)),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).field("mode", &self.mode).finish_non_exhaustive()
    }
}
