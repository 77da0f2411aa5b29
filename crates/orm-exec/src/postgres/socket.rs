//! Names to addresses, and addresses to sockets that never block the thread that polls them.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_lite::io::{AsyncRead, AsyncWrite};
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use socket2::{SockRef, TcpKeepalive};

use crate::postgres::options::{Host, HostName, PostgresOptions};
use crate::sockets::{Left, Watched};

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
pub(crate) enum Socket {
    Tcp(Watched<TcpStream>),
    #[cfg(unix)]
    Unix(Watched<UnixStream>),
}

impl Socket {
    /// # Errors
    /// Where nobody answers there.
    pub(crate) async fn open(address: &Address, options: &PostgresOptions) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let mut socket = Watched::new(TcpStream::connect(*address)?)?;
                is_open(&mut socket, TcpStream::take_error, |socket| socket.peer_addr().map(drop)).await?;
                set_up(socket.get(), options)?;
                Ok(Self::Tcp(socket))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let mut socket = Watched::new(UnixStream::connect(path)?)?;
                is_open(&mut socket, UnixStream::take_error, |socket| socket.peer_addr().map(drop)).await?;
                Ok(Self::Unix(socket))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "there are no sockets of Unix on this system"))
            }
        }
    }

    /// Whether something has come that nobody has read.
    pub(crate) fn has_unread(&self) -> bool {
        match self {
            Self::Tcp(socket) => matches!(socket.get().peek(&mut [0]), Ok(1..)),
            #[cfg(unix)]
            Self::Unix(_) => false,
        }
    }
}

/// Waits until a socket is connected. One that can be written to may have failed, or not be there yet.
async fn is_open<S: mio::event::Source>(
    socket: &mut Watched<S>,
    error: fn(&S) -> io::Result<Option<io::Error>>,
    other_side: fn(&S) -> io::Result<()>,
) -> io::Result<()> {
    poll_fn(|cx| {
        socket.poll_write(cx, |socket| {
            if let Some(error) = error(socket)? {
                return Err(error);
            }
            match other_side(socket) {
                Err(error) if is_under_way(&error) => Err(io::ErrorKind::WouldBlock.into()),
                other => other.map(|()| ((), Left::Perhaps)),
            }
        })
    })
    .await
}

/// Whether the other side of a socket is not known because it has not answered yet: systems say so in two ways.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotConnected || error.raw_os_error() == IN_PROGRESS
}

/// `EINPROGRESS`.
const IN_PROGRESS: Option<i32> = match () {
    () if cfg!(any(target_os = "linux", target_os = "android")) => Some(115),
    () if cfg!(unix) => Some(36),
    () => None,
};

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
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => socket.poll_read(cx, |socket| read(socket, buffer)),
            #[cfg(unix)]
            Self::Unix(socket) => socket.poll_read(cx, |socket| read(socket, buffer)),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => socket.poll_write(cx, |socket| write(socket, bytes)),
            #[cfg(unix)]
            Self::Unix(socket) => socket.poll_write(cx, |socket| write(socket, bytes)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.get_mut() {
            Self::Tcp(socket) => socket.get().shutdown(Shutdown::Write),
            #[cfg(unix)]
            Self::Unix(socket) => socket.get().shutdown(Shutdown::Write),
        })
    }
}

fn read(mut socket: impl Read, buffer: &mut [u8]) -> io::Result<(usize, Left)> {
    let length = socket.read(buffer)?;
    // Less than asked for is all there is. Nothing at all is the end, and stays it.
    let left = if (1..buffer.len()).contains(&length) { Left::IN_PART } else { Left::Perhaps };
    Ok((length, left))
}

fn write(mut socket: impl Write, bytes: &[u8]) -> io::Result<(usize, Left)> {
    let length = socket.write(bytes)?;
    Ok((length, if length < bytes.len() { Left::IN_PART } else { Left::Perhaps }))
}
