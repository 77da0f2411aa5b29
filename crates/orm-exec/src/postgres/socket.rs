//! Names to addresses, and addresses to sockets that never block the thread that polls them.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_lite::io::{AsyncRead, AsyncWrite};
use socket2::{SockRef, TcpKeepalive};

use crate::postgres::options::{Host, HostName, PostgresOptions};

/// Where a socket goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    /// The path of the socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// The addresses of a host. A name is looked up off the threads that poll.
///
/// # Errors
/// Where the name is not known, or nobody can be asked.
pub(crate) async fn addresses(host: &Host) -> io::Result<Vec<Address>> {
    let port = host.port;
    let name = match &host.name {
        HostName::Unix(directory) => {
            return Ok(vec![Address::Unix(directory.join(format!(".s.PGSQL.{port}")))]);
        }
        HostName::Tcp(name) => name,
    };
    let address: Option<IpAddr> = host.address.or_else(|| name.parse().ok());
    if let Some(address) = address {
        return Ok(vec![Address::Tcp(SocketAddr::new(address, port))]);
    }
    let name = name.clone();
    let found = blocking::unblock(move || (name.as_str(), port).to_socket_addrs()).await?;
    Ok(found.map(Address::Tcp).collect())
}

/// An open socket.
#[derive(Debug)]
pub(crate) struct Socket {
    kind: Kind,
    /// Whether the last read left nothing: then the system is first asked to say when there is more, not for more. That
    /// saves a call for each answer.
    drained: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp(Async<TcpStream>),
    #[cfg(unix)]
    Unix(Async<UnixStream>),
}

impl Socket {
    /// # Errors
    /// Where nobody answers there.
    pub(crate) async fn open(address: &Address, options: &PostgresOptions) -> io::Result<Self> {
        let kind = match address {
            Address::Tcp(address) => {
                let socket = Async::<TcpStream>::connect(*address).await?;
                set_up(socket.get_ref(), options)?;
                Kind::Tcp(socket)
            }
            #[cfg(unix)]
            Address::Unix(path) => Kind::Unix(Async::<UnixStream>::connect(path).await?),
            #[cfg(not(unix))]
            Address::Unix(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "there are no sockets of Unix on this system",
                ));
            }
        };
        Ok(Self { kind, drained: false })
    }

    /// Whether something has come that nobody has read.
    pub(crate) fn has_unread(&self) -> bool {
        match &self.kind {
            Kind::Tcp(socket) => matches!(socket.get_ref().peek(&mut [0]), Ok(1..)),
            #[cfg(unix)]
            Kind::Unix(_) => false,
        }
    }
}

fn set_up(socket: &TcpStream, options: &PostgresOptions) -> io::Result<()> {
    // Each message is written as a whole: the system is not to wait for more.
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    if let Some(keepalive) = &options.keepalive {
        let mut settings = TcpKeepalive::new();
        if let Some(idle) = keepalive.idle {
            settings = settings.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            settings = settings.with_interval(interval);
        }
        if let Some(count) = keepalive.count {
            settings = settings.with_retries(count);
        }
        socket.set_keepalive(true)?;
        socket.set_tcp_keepalive(&settings)?;
    }
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    if options.tcp_user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.tcp_user_timeout)?;
    }
    Ok(())
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // Once: whoever is woken then reads, for what `poll_readable` says is sometimes late.
        if std::mem::take(&mut this.drained) {
            ready!(this.kind.poll_readable(context))?;
        }
        let length = buffer.len();
        let read = ready!(match &mut this.kind {
            Kind::Tcp(socket) => Pin::new(socket).poll_read(context, buffer),
            #[cfg(unix)]
            Kind::Unix(socket) => Pin::new(socket).poll_read(context, buffer),
        })?;
        // Nothing at all is the end, and stays it.
        this.drained = (1..length).contains(&read);
        Poll::Ready(Ok(read))
    }
}

impl Kind {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_readable(context),
            #[cfg(unix)]
            Self::Unix(socket) => socket.poll_readable(context),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(socket) => Pin::new(socket).poll_write(context, bytes),
            #[cfg(unix)]
            Kind::Unix(socket) => Pin::new(socket).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(socket) => Pin::new(socket).poll_flush(context),
            #[cfg(unix)]
            Kind::Unix(socket) => Pin::new(socket).poll_flush(context),
        }
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(socket) => Pin::new(socket).poll_close(context),
            #[cfg(unix)]
            Kind::Unix(socket) => Pin::new(socket).poll_close(context),
        }
    }
}
