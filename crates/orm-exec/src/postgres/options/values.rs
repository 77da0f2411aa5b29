//! What the settings mean.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use orm_core::{Error, Result};
use tokio_postgres::config::ChannelBinding;

use super::PostgresOptions;
use super::names::Settings;
use crate::postgres::tls::Remembered;

/// One server that may answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Host {
    pub(crate) name: HostName,
    /// Where its address is known: its name is then for the certificate alone.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.name {
            HostName::Tcp(name) if name.contains(':') => write!(f, "[{name}]:{port}"),
            HostName::Tcp(name) => write!(f, "{name}:{port}"),
            HostName::Unix(directory) => write!(f, "{}:{port}", directory.display()),
        }
    }
}

/// How a server is found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HostName {
    /// A name, or an address, of the network.
    Tcp(String),
    /// The directory that its socket is in.
    Unix(PathBuf),
}

/// How far a server is to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS if the server has it: of use against those who only listen.
    Prefer,
    /// TLS, with any certificate, unless there is a file of roots.
    Require,
    /// TLS, with a certificate that a known authority signed, whatever its name.
    VerifyAuthority,
    /// The same, with the name of the host.
    VerifyFull,
}

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negotiation {
    /// The server is asked whether it has TLS.
    Postgres,
    /// At once, as servers from version 17 on allow.
    Direct,
}

/// Whom to believe about certificates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Roots {
    /// Those that the system knows.
    System,
    /// Those of a file.
    File(PathBuf),
}

/// All about TLS.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TlsOptions {
    pub(crate) mode: TlsMode,
    pub(crate) negotiation: Negotiation,
    pub(crate) roots: Option<Roots>,
    /// The file with our own certificate, and that with its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// What was in these files.
    pub(crate) remembered: Remembered,
}

/// What a server must be for its connection to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// When the system asks a silent server whether it is still there. What is `None` is left to the system.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keepalive {
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) count: Option<u32>,
}

/// The ways to say who we are that the server may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Methods {
    pub(crate) password: bool,
    pub(crate) md5: bool,
    pub(crate) scram: bool,
    /// The server asks for nothing.
    pub(crate) none: bool,
}

impl PostgresOptions {
    /// # Errors
    /// For options that contradict each other.
    pub(super) fn check(&self) -> Result<()> {
        let contradiction = |text: &str| Err(Error::configuration(text));
        if self.channel_binding == ChannelBinding::Require {
            if self.tls.mode == TlsMode::Disable {
                return contradiction(
                    "`channel_binding=require` needs TLS: leave `sslmode=disable` out, or the channel binding",
                );
            }
            if self.hosts.iter().any(|host| matches!(host.name, HostName::Unix(_))) {
                return contradiction(
                    "`channel_binding=require` needs TLS, which a socket of Unix has not: leave it out",
                );
            }
        }
        if self.scram_iterations_max == 0 {
            return contradiction("the option `scram_iterations_max` is a number from 1 on");
        }
        Ok(())
    }
}

impl TlsOptions {
    pub(super) fn of(settings: &Settings<'_>) -> Result<Self> {
        let roots = settings.text("sslrootcert").map(|file| match file.as_str() {
            "system" => Roots::System,
            _ => Roots::File(file.into()),
        });
        // Whoever names the authorities of the system, which sign for anybody, means the name as well.
        let default = if roots == Some(Roots::System) { TlsMode::VerifyFull } else { TlsMode::Prefer };
        let mode = settings.one_of(
            "sslmode",
            &[
                ("disable", TlsMode::Disable),
                ("prefer", TlsMode::Prefer),
                ("require", TlsMode::Require),
                ("verify-ca", TlsMode::VerifyAuthority),
                ("verify-full", TlsMode::VerifyFull),
            ],
            default,
        )?;
        if roots == Some(Roots::System) && mode != TlsMode::VerifyFull {
            return Err(Error::configuration(
                "`sslrootcert=system` believes all authorities that the system knows, which sign for anybody: only \
                 `sslmode=verify-full` is of use with it",
            ));
        }
        let negotiation = settings.one_of(
            "sslnegotiation",
            &[("postgres", Negotiation::Postgres), ("direct", Negotiation::Direct)],
            Negotiation::Postgres,
        )?;
        if negotiation == Negotiation::Direct && matches!(mode, TlsMode::Disable | TlsMode::Prefer) {
            return Err(Error::configuration(
                "`sslnegotiation=direct` cannot do without TLS: add `sslmode=require`, `verify-ca` or `verify-full`",
            ));
        }
        let file = |name| settings.text(name).map(PathBuf::from);
        let certificate = match (file("sslcert"), file("sslkey")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(Error::configuration("`sslcert` needs the key: add `sslkey=<file>`"));
            }
            (None, Some(_)) => {
                return Err(Error::configuration(
                    "`sslkey` is the key of a certificate: add `sslcert=<file>`",
                ));
            }
        };
        Ok(Self { mode, negotiation, roots, certificate, remembered: Remembered::default() })
    }
}

impl Target {
    pub(super) fn of(settings: &Settings<'_>) -> Result<Self> {
        settings.one_of(
            "target_session_attrs",
            &[
                ("any", Self::Any),
                ("read-write", Self::ReadWrite),
                ("read-only", Self::ReadOnly),
                ("primary", Self::Primary),
                ("standby", Self::Standby),
                ("prefer-standby", Self::PreferStandby),
            ],
            Self::Any,
        )
    }
}

impl Keepalive {
    pub(super) fn of(settings: &Settings<'_>) -> Result<Option<Self>> {
        let seconds = |name| -> Result<_> { Ok(some(settings.number(name, 0)?).map(Duration::from_secs)) };
        let keepalive = Self {
            idle: seconds("keepalives_idle")?,
            interval: seconds("keepalives_interval")?,
            count: some(settings.number("keepalives_count", 0)?),
        };
        let is_on = settings.one_of("keepalives", &[("0", false), ("1", true)], true)?;
        Ok(is_on.then_some(keepalive))
    }
}

impl Methods {
    const ALL: Self = Self { password: true, md5: true, scram: true, none: true };
    const NONE: Self = Self { password: false, md5: false, scram: false, none: false };

    pub(super) fn of(settings: &Settings<'_>) -> Result<Self> {
        let Some(text) = settings.text("require_auth") else { return Ok(Self::ALL) };
        let wrong = || {
            settings.wrong(
                "require_auth",
                "a list of password, md5, scram-sha-256 and none, or the same with `!` before each",
            )
        };
        let refused = text.starts_with('!');
        let mut methods = if refused { Self::ALL } else { Self::NONE };
        for word in text.split(',') {
            let word = word.trim();
            let word = match word.strip_prefix('!') {
                Some(word) if refused => word,
                None if !refused => word,
                _ => return Err(wrong()),
            };
            let method = match word {
                "password" => &mut methods.password,
                "md5" => &mut methods.md5,
                "scram-sha-256" => &mut methods.scram,
                "none" => &mut methods.none,
                _ => return Err(wrong()),
            };
            *method = !refused;
        }
        Ok(methods)
    }
}

const DEFAULT_HOST: &str = "localhost";
const DEFAULT_PORT: u16 = 5432;

/// Which servers there are. `of_url` is what stands where URLs have their hosts.
pub(super) fn hosts(of_url: &[(String, String)], settings: &Settings<'_>) -> Result<Vec<Host>> {
    let list = |text: String| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>();
    let some = |list: Vec<String>| Some(list).filter(|list| list.iter().any(|part| !part.is_empty()));
    let (names, ports) = of_url.iter().cloned().unzip();
    let of_option = |name| settings.text_of_url(name).map(list);
    let any = |name| settings.text(name).map(list);

    let names = of_option("host").or(some(names)).or_else(|| any("host"));
    let addresses = any("hostaddr");
    let ports =
        of_option("port").or(some(ports)).or_else(|| any("port")).unwrap_or_else(|| vec![String::new()]);
    let names = match (names, &addresses) {
        (Some(names), _) => names,
        // The address is the name.
        (None, Some(addresses)) => vec![String::new(); addresses.len()],
        (None, None) => vec![String::new()],
    };
    if addresses.as_ref().is_some_and(|addresses| addresses.len() != names.len()) {
        return Err(Error::configuration("`hostaddr` has another number of entries than there are hosts"));
    }
    if ports.len() != 1 && ports.len() != names.len() {
        return Err(Error::configuration(
            "there is another number of ports than hosts: one for all, or one for each",
        ));
    }
    let mut hosts = Vec::with_capacity(names.len());
    for (index, name) in names.into_iter().enumerate() {
        let address: Option<IpAddr> = match addresses.as_ref().map(|addresses| addresses[index].as_str()) {
            None | Some("") => None,
            Some(address) => Some(
                address.parse().map_err(|_| settings.wrong("hostaddr", "an address, or a list of them"))?,
            ),
        };
        let name = match (name.as_str(), address) {
            ("", None) => HostName::Tcp(DEFAULT_HOST.into()),
            ("", Some(address)) => HostName::Tcp(address.to_string()),
            (path, None) if path.starts_with('/') => HostName::Unix(path.into()),
            _ => HostName::Tcp(name),
        };
        hosts.push(Host { name, address, port: port(ports.get(index).unwrap_or(&ports[0]))? });
    }
    Ok(hosts)
}

fn port(text: &str) -> Result<u16> {
    match text {
        "" => Ok(DEFAULT_PORT),
        // Not quoted: what stands after a `:` of a URL may be part of a password.
        text => text.parse().ok().filter(|&port| port != 0).ok_or_else(|| {
            Error::configuration(
                "a port is not a number from 1 to 65535: if what follows the `:` is a password, its `@`, `/`, `?` and `%` \
                 are to be percent-encoded (`%40`, `%2F`, `%3F`, `%25`)",
            )
        }),
    }
}

const DEFAULT_CONNECT_TIMEOUT: u64 = 10;

pub(super) fn connect_timeout(settings: &Settings<'_>) -> Result<Option<Duration>> {
    // A century: far beyond any use, and no sum of an instant and this overflows.
    const LONGEST: u64 = 100 * 365 * 24 * 60 * 60;
    let seconds: u64 = settings.number("connect_timeout", DEFAULT_CONNECT_TIMEOUT)?;
    Ok(some(seconds.min(LONGEST)).map(Duration::from_secs))
}

pub(super) fn tcp_user_timeout(settings: &Settings<'_>) -> Result<Option<Duration>> {
    Ok(some(settings.number("tcp_user_timeout", 0)?).map(Duration::from_millis))
}

/// 0 is how libpq says "none", or "as the system has it".
fn some<T: Default + PartialEq>(number: T) -> Option<T> {
    Some(number).filter(|number| *number != T::default())
}
