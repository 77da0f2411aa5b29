//! Host by host, address by address, until one of them lets us in.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::FutureExt as _;
use orm_core::Result;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::{Client, Config, Connection};

use crate::postgres::canceller::Canceller;
use crate::postgres::failure::{Failure, Failures};
use crate::postgres::options::{Host, PostgresOptions, Secret, Target, TlsMode};
use crate::postgres::password_file::PasswordFile;
use crate::postgres::socket::{self, Address, Socket};
use crate::postgres::stream::Stream;
use crate::postgres::target;
use crate::postgres::tls::Tls;
use crate::postgres::wire::{Guard, Passed, Wire, WireState};

/// A connection that is open, and through which statements can be sent.
pub(crate) struct Connected {
    pub(crate) client: Client,
    /// Nothing happens on the wire unless this is polled.
    pub(crate) connection: Connection<Wire, Wire>,
    pub(crate) wire: Arc<WireState>,
    pub(crate) canceller: Canceller,
    /// The host that answered, for messages.
    pub(crate) place: String,
}

/// Connects to the first server that answers and is what it should be.
///
/// Dropped: what was open is closed.
///
/// # Errors
/// - [`Configuration`](orm_core::Error::Configuration) where another try would answer the same: a password that is wrong, a
///   database that is not there, a certificate that is not believed.
/// - [`Database`](orm_core::Error::Database) of the kind
///   [`CannotConnect`](orm_core::error::DatabaseErrorKind::CannotConnect) where it may pass.
pub(crate) async fn connect(options: &PostgresOptions) -> Result<Connected> {
    let mut failures = Failures::default();
    let passwords = match options.password {
        Some(_) => PasswordFile::Missing,
        None => PasswordFile::read(options.password_file.as_deref()).await,
    };
    let targets: &[Target] = match options.target {
        Target::PreferStandby => &[Target::Standby, Target::Any],
        ref target => std::slice::from_ref(target),
    };
    for target in targets {
        for host in in_order(&options.hosts, options.shuffled) {
            let password = match &options.password {
                Some(password) => Some(password.clone()),
                None => passwords.find(host, &options.database, &options.user),
            };
            let addresses = match within(options.connect_timeout, "its name", addresses(host)).await {
                Ok(addresses) => addresses,
                Err(failure) => {
                    failures.add(host, None, failure);
                    continue;
                }
            };
            for address in in_order(&addresses, options.shuffled) {
                let attempt =
                    Attempt { options, host, address, password: password.as_ref(), target: *target };
                match within(options.connect_timeout, "the server", attempt.run()).await {
                    Ok(connected) => return Ok(connected),
                    Err(failure) => {
                        let failure = failure.about_passwords(&passwords);
                        let is_final = failure.is_final;
                        failures.add(host, Some(address), failure);
                        if is_final {
                            return Err(failures.into_error(options));
                        }
                    }
                }
            }
        }
    }
    Err(failures.into_error(options))
}

async fn addresses(host: &Host) -> Result<Vec<Address>, Failure> {
    match socket::addresses(host).await {
        Ok(addresses) if addresses.is_empty() => Err(Failure::passing("its name has no address")),
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(Failure::of_lookup(&error)),
    }
}

fn in_order<T>(list: &[T], shuffled: bool) -> Vec<&T> {
    let mut list: Vec<_> = list.iter().collect();
    if shuffled {
        shuffle(&mut list);
    }
    list
}

/// Each order is as likely as any other.
fn shuffle<T>(list: &mut [T]) {
    use std::hash::{BuildHasher as _, RandomState};
    for last in (1..list.len()).rev() {
        // Each state has another key.
        let random = RandomState::new().hash_one(last) % (last as u64 + 1);
        list.swap(last, random as usize);
    }
}

/// Gives up after a time.
async fn within<T>(
    limit: Option<Duration>,
    what: &str,
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(limit) = limit else { return future.await };
    let late = async {
        crate::sleep(limit).await;
        Err(Failure::late(what, limit))
    };
    future.or(late).await
}

/// One try at one address.
struct Attempt<'a> {
    options: &'a PostgresOptions,
    host: &'a Host,
    address: &'a Address,
    password: Option<&'a Secret>,
    target: Target,
}

impl Attempt<'_> {
    async fn run(&self) -> Result<Connected, Failure> {
        let tls = Tls::of(self.options, self.host, self.address).await?;
        let first = self.through(tls.as_ref()).await;
        match first {
            Err(first) if self.options.tls.mode == TlsMode::Prefer && first.may_do_without_tls() => {
                self.through(None).await.map_err(|second| second.after(&first))
            }
            first => first,
        }
    }

    async fn through(&self, tls: Option<&Tls>) -> Result<Connected, Failure> {
        let socket =
            Socket::open(self.address, self.options).await.map_err(|error| Failure::of_io(&error))?;
        let stream = match tls {
            Some(tls) => tls.begin(socket).await?,
            None => Stream::Plain(socket),
        };
        // To cancel is done as it was begun.
        let tls = tls.filter(|_| stream.has_tls());
        let wire = Wire::new(stream, Guard::new(self.options));
        let state = Arc::clone(wire.state());
        let opened = self.config().connect_raw(wire, Passed).await;
        let (client, connection) = opened.map_err(|error| {
            let failure = Failure::of_start(&error);
            if tls.is_some() { failure.under_tls() } else { failure }
        })?;
        let canceller = Canceller::new(self.address.clone(), tls.cloned(), state.key(), self.options);
        let place = self.options.place_of(self.host);
        let mut connected = Connected { client, connection, wire: state, canceller, place };
        target::check(&mut connected, self.target).await?;
        Ok(connected)
    }

    fn config(&self) -> Config {
        let options = self.options;
        let mut config = Config::new();
        config
            .user(options.user.as_str())
            .dbname(options.database.as_str())
            .channel_binding(options.channel_binding)
            // The stream has its TLS, or has none, by now: it is passed on as it is.
            .ssl_mode(SslMode::Require)
            .ssl_negotiation(SslNegotiation::Direct);
        if let Some(password) = self.password {
            config.password(password.reveal());
        }
        if let Some(name) = &options.application_name {
            config.application_name(name.as_str());
        }
        if let Some(settings) = &options.options {
            config.options(settings.as_str());
        }
        config
    }
}

#[cfg(test)]
pub(super) mod tests;
