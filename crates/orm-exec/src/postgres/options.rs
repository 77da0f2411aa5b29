//! What a URL, the environment and the defaults say about reaching a server.
//!
//! The names are those of libpq, so that a URL and an environment that work with `psql` work here.

mod names;
mod secret;
mod url;
mod values;

pub(crate) use secret::Secret;
pub(crate) use values::{
    Host, HostName, Keepalive, Methods, Negotiation, Roots, Target, TlsMode, TlsOptions,
};

use std::path::PathBuf;
use std::time::Duration;

use orm_core::Result;
use tokio_postgres::config::ChannelBinding;

/// All that is to be known before a server is asked.
///
/// Its `Debug` output has no password.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PostgresOptions {
    /// One at least, in the order in which they are tried.
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    /// Of the URL or the environment: it goes before that of the file.
    pub(crate) password: Option<Secret>,
    /// `.pgpass`, or what is to be read in its place.
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) database: String,
    pub(crate) application_name: Option<String>,
    /// Settings for the server's session: `-c statement_timeout=5s`.
    pub(crate) options: Option<String>,
    pub(crate) tls: TlsOptions,
    /// For one address of one host, up to the moment where statements can be sent.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) target: Target,
    /// Whether hosts and addresses are tried in an order that is random.
    pub(crate) shuffled: bool,
    pub(crate) keepalive: Option<Keepalive>,
    /// How long the system waits for the server to acknowledge what was sent.
    pub(crate) tcp_user_timeout: Option<Duration>,
    pub(crate) channel_binding: ChannelBinding,
    /// How the server may ask who we are.
    pub(crate) methods: Methods,
    /// A server that wants more rounds of hashing for a password is refused.
    pub(crate) scram_iterations_max: u32,
    /// How many prepared statements a connection keeps. 0: none, as for pgbouncer, which gives each transaction another
    /// connection.
    pub(crate) statement_cache: usize,
}

impl PostgresOptions {
    /// Reads a URL. What it leaves open comes from the environment, then from the defaults.
    ///
    /// Options that are not known here are handed back. Their values are not to be shown: they may be anything.
    ///
    /// # Errors
    /// [`Error::Configuration`](orm_core::Error::Configuration) that says what is expected, without any of the URL that
    /// could be part of a password.
    pub(crate) fn parse(
        url: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, Vec<(String, String)>)> {
        let url = url::split(url)?;
        let (settings, rest) = names::Settings::of(&url, environment);
        let hosts = values::hosts(&url.hosts, &settings)?;
        let user = settings.user()?;
        let options = Self {
            database: settings.text("dbname").unwrap_or_else(|| user.clone()),
            hosts,
            user,
            password: settings.text("password").map(Secret::new),
            password_file: settings.password_file(),
            application_name: settings.text("application_name"),
            options: settings.text("options"),
            tls: TlsOptions::of(&settings)?,
            connect_timeout: values::connect_timeout(&settings)?,
            target: Target::of(&settings)?,
            shuffled: settings.one_of(
                "load_balance_hosts",
                &[("disable", false), ("random", true)],
                false,
            )?,
            keepalive: Keepalive::of(&settings)?,
            tcp_user_timeout: values::tcp_user_timeout(&settings)?,
            channel_binding: settings.one_of(
                "channel_binding",
                &[
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ],
                ChannelBinding::Prefer,
            )?,
            methods: Methods::of(&settings)?,
            scram_iterations_max: settings.number("scram_iterations_max", DEFAULT_ITERATIONS_MAX)?,
            statement_cache: settings.number("statement_cache", DEFAULT_STATEMENT_CACHE)?,
        };
        options.check()?;
        Ok((options, rest))
    }

    /// Where this is: the hosts and the database, for messages.
    pub(crate) fn place(&self) -> String {
        place(&self.hosts, &self.database)
    }

    /// The same of one of the hosts.
    pub(crate) fn place_of(&self, host: &Host) -> String {
        place(std::slice::from_ref(host), &self.database)
    }
}

/// PostgreSQL asks for 4,096 unless its administrator wants more. This many take about half a second.
const DEFAULT_ITERATIONS_MAX: u32 = 1_000_000;
const DEFAULT_STATEMENT_CACHE: usize = 256;

/// The options of a URL, for the message about one that is not known.
pub(crate) const KNOWN_OPTIONS: &str = "host, hostaddr, port, dbname, user, password, passfile, \
     sslmode=disable|prefer|require|verify-ca|verify-full, sslrootcert=<file>|system, sslcert=<file>, sslkey=<file>, \
     sslnegotiation=postgres|direct, channel_binding=disable|prefer|require, \
     require_auth=password|md5|scram-sha-256|none, scram_iterations_max=<number>, connect_timeout=<seconds>, \
     application_name, options, target_session_attrs=any|read-write|read-only|primary|standby|prefer-standby, \
     load_balance_hosts=disable|random, keepalives=0|1, keepalives_idle=<seconds>, keepalives_interval=<seconds>, \
     keepalives_count=<number>, tcp_user_timeout=<milliseconds>, statement_cache=<number>";

fn place(hosts: &[Host], database: &str) -> String {
    let host = |host: &Host| match &host.name {
        HostName::Tcp(_) => host.to_string(),
        HostName::Unix(directory) => format!("{}:{}", url::encoded(&directory.to_string_lossy()), host.port),
    };
    let hosts: Vec<_> = hosts.iter().map(host).collect();
    format!("postgres://{}/{}", hosts.join(","), url::encoded(database))
}

#[cfg(test)]
mod tests;
