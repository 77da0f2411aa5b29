//! What went wrong on the way in, whether it may pass, and what to do.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_rustls::rustls;
use orm_core::Error;
use orm_core::error::{DatabaseError, DatabaseErrorKind};

use crate::postgres::options::{Host, PostgresOptions, Roots};
use crate::postgres::password_file::PasswordFile;
use crate::postgres::socket::Address;
use crate::postgres::wire::Refusal;

/// Why one address did not do.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    reason: String,
    /// The server's own code, where it gave one.
    code: Option<String>,
    /// Whether another try may answer differently.
    may_pass: bool,
    /// Whether the other hosts would answer the same: they are one cluster.
    pub(crate) is_final: bool,
    /// Whether it is about the password.
    of_password: bool,
    /// Where it was met, as far as that matters for a try without TLS.
    stage: Stage,
    advice: Option<String>,
}

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// TLS did not come about.
    Tls,
    /// There was TLS.
    UnderTls,
    Other,
}

impl Failure {
    /// What may be over by the next try.
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            reason,
            code: None,
            may_pass: true,
            is_final: false,
            of_password: false,
            stage: Stage::Other,
            advice: None,
        }
    }

    /// What stays until somebody changes something.
    pub(crate) fn lasting(reason: impl Into<String>) -> Self {
        Self { may_pass: false, ..Self::passing(reason) }
    }

    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// TLS did not come about.
    pub(crate) fn of_tls(self) -> Self {
        Self { stage: Stage::Tls, ..self }
    }

    /// TLS did, and then the server would not.
    pub(crate) fn under_tls(self) -> Self {
        Self { stage: Stage::UnderTls, ..self }
    }

    /// Whether `sslmode=prefer` tries again without TLS: there is none, or the server does not want us that way.
    pub(crate) fn may_do_without_tls(&self) -> bool {
        match self.stage {
            Stage::Tls => true,
            Stage::UnderTls => self.code.as_deref() == Some("28000"),
            Stage::Other => false,
        }
    }

    /// Of the try without TLS, which followed another.
    pub(crate) fn after(self, first: &Self) -> Self {
        Self { reason: format!("{}; without TLS: {}", first.reason, self.reason), ..self }
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// Something else listens there.
    pub(crate) fn not_postgres(byte: u8) -> Self {
        Self::lasting(format!("what answers is not PostgreSQL: it begins with the byte {byte:#04x}"))
            .advise("check the host and the port")
    }

    pub(crate) fn late(what: &str, limit: Duration) -> Self {
        Self::passing(format!("{what} was not there within {limit:?}")).advise(
            "check the host and the port, and firewalls between; `connect_timeout=<seconds>` gives it more time",
        )
    }

    pub(crate) fn closed() -> Self {
        Self::passing("it closed the connection before it was ready")
            .advise("look into its log, and check that it is PostgreSQL that listens there")
    }

    pub(crate) fn of_lookup(error: &io::Error) -> Self {
        Self::passing(format!("its name cannot be looked up: {error}"))
            .advise("check the name of the host, and the network")
    }

    /// Of a socket that does not open, or breaks.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        if let Some(refusal) = error.get_ref().and_then(|error| error.downcast_ref::<Refusal>()) {
            return Self::lasting(refusal.to_string());
        }
        if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref()) {
            return Self::of_rustls(error);
        }
        let advice = match error.kind() {
            Kind::ConnectionRefused => "check that the server runs, and listens at this address and port",
            Kind::NotFound => "check that the server runs, and has its socket in this directory",
            Kind::PermissionDenied => "check who may use the socket of the server",
            Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe => return Self::closed(),
            _ => "check the network, and that the server runs",
        };
        Self::passing(error.to_string()).advise(advice)
    }

    /// Of TLS as it begins. `roots` are those whom we believe.
    pub(crate) fn of_handshake(error: &io::Error, roots: Option<&Roots>) -> Self {
        let failure = Self::of_io(error);
        let source = error.get_ref().and_then(|error| error.downcast_ref());
        let failure = match (source, roots) {
            (Some(error), Some(Roots::File(file))) if is_unknown_issuer(error) => failure.advise(format!(
                "check that {} has the certificate of the authority that signed that of the server; if it has, somebody may \
                 sit between",
                file.display()
            )),
            (Some(error), _) if is_unknown_issuer(error) => {
                failure.advise("name a file with the certificate of the authority that signed it: `sslrootcert=<file>`")
            }
            _ => failure,
        };
        Self { stage: Stage::Tls, ..failure }
    }

    fn of_rustls(error: &rustls::Error) -> Self {
        use rustls::CertificateError as Wrong;
        let rustls::Error::InvalidCertificate(wrong) = error else {
            return match error {
                rustls::Error::AlertReceived(alert) => Self::lasting(format!("it ended TLS: {alert:?}")).advise(
                    "look into its log; where it asks for a certificate, name one that it believes: `sslcert=<file>` and \
                     `sslkey=<file>`",
                ),
                error => Self::lasting(format!("TLS cannot be agreed on: {error}")),
            };
        };
        match wrong {
            Wrong::UnknownIssuer => Self::lasting("its certificate is signed by nobody who is believed"),
            Wrong::NotValidForNameContext { expected, presented } => {
                let names = match presented.as_slice() {
                    [] => "no name at all (its `subjectAltName` is empty)".to_owned(),
                    names => names.join(", "),
                };
                Self::lasting(format!("its certificate is for {names}, not for {}", expected.to_str())).advise(
                    "connect by a name that the certificate has, have it made anew with this one as `subjectAltName`, or \
                     use `sslmode=verify-ca` if all that its authority signed is to be believed",
                )
            }
            Wrong::Expired | Wrong::ExpiredContext { .. } => Self::lasting("its certificate has expired")
                .advise("have it made anew, and check the clock here"),
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                Self::lasting("its certificate is not valid yet").advise("check the clocks, there and here")
            }
            Wrong::UnsupportedSignatureAlgorithmContext { .. }
            | Wrong::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::lasting(
                "its certificate, or one of those that signed it, is signed in a way that is not known here",
            )
            .advise("have it made anew, with RSA or ECDSA (P-256 or P-384) and SHA-256 or SHA-384"),
            wrong => Self::lasting(format!("its certificate is not believed: {wrong}")),
        }
    }

    /// Of tokio-postgres, before the server was ready.
    pub(crate) fn of_start(error: &tokio_postgres::Error) -> Self {
        if let Some(error) = error.as_db_error() {
            return Self::of_server(error);
        }
        if error.is_closed() {
            return Self::closed();
        }
        let source = error.source();
        if let Some(error) = source.and_then(|source| source.downcast_ref()) {
            return Self::of_io(error);
        }
        match source.map(ToString::to_string) {
            Some(source) if source == "password missing" => Self {
                is_final: true,
                of_password: true,
                ..Self::lasting("it asks for a password, and there is none").advise(
                    "put it into the URL, into PGPASSWORD in the environment, or into the password file `.pgpass`",
                )
            },
            Some(source) if source == "server did not use channel binding" => Self::lasting(
                "it does not bind the password to the connection, and `channel_binding=require` asks for it: nothing was \
                 sent to it",
            )
            .advise("somebody may sit between: check the certificate with `sslmode=verify-full`; or use \
                     `channel_binding=prefer` if the server knows no better"),
            Some(source) => Self::lasting(format!("{error}: {source}")),
            None => Self::lasting(error.to_string()),
        }
    }

    fn of_server(error: &tokio_postgres::error::DbError) -> Self {
        let code = error.code().code();
        let mut reason = error.message().to_owned();
        for more in [error.detail(), error.hint()].into_iter().flatten() {
            reason.push_str("; ");
            reason.push_str(more);
        }
        let failure = match code {
            // Starting up, shutting down, crashed; too many; lost on the way.
            _ if matches!(&code[..2], "57" | "53" | "08" | "58" | "XX") => Self::passing(reason),
            _ => Self { is_final: true, ..Self::lasting(reason) },
        };
        let advice = match code {
            "28P01" => "check the password, and the user's name",
            "28000" => "check the user's name, and what `pg_hba.conf` of the server allows to it from here",
            "3D000" => "check the name of the database, or create it: `createdb <name>`",
            "42501" => "ask for the right to connect: `GRANT CONNECT ON DATABASE .. TO ..`",
            "53300" => "wait, let engines open fewer connections, or raise `max_connections` of the server",
            "57P03" => "wait until the server is ready",
            _ => "",
        };
        let failure = Self { code: Some(code.to_owned()), of_password: code == "28P01", ..failure };
        if advice.is_empty() { failure } else { failure.advise(advice) }
    }

    /// Says that there is a password file that was not looked into, where that may be the reason.
    pub(crate) fn about_passwords(self, passwords: &PasswordFile) -> Self {
        match passwords {
            PasswordFile::Ignored { path, reason } if self.of_password => {
                let more = format!("the password file {} was ignored: {reason}", path.display());
                let advice = self.advice.map_or_else(|| more.clone(), |advice| format!("{advice}; {more}"));
                Self { advice: Some(advice), ..self }
            }
            _ => self,
        }
    }
}

fn is_unknown_issuer(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
}

/// Why none of them did.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<(String, Failure)>);

impl Failures {
    pub(crate) fn add(&mut self, host: &Host, address: Option<&Address>, failure: Failure) {
        let place = match address {
            Some(Address::Unix(path)) => path.display().to_string(),
            Some(Address::Tcp(address)) => {
                let name = host.to_string();
                let address = address.to_string();
                if name == address { name } else { format!("{name} ({address})") }
            }
            None => host.to_string(),
        };
        let said = self.0.iter().any(|(known, other)| *known == place && other.reason == failure.reason);
        if !said {
            self.0.push((place, failure));
        }
    }

    pub(crate) fn into_error(self, options: &PostgresOptions) -> Error {
        let mut message = options.place();
        for (index, (place, failure)) in self.0.iter().enumerate() {
            let separator = if index == 0 { ": " } else { "; " };
            message.push_str(separator);
            if index > 0 || self.0.len() > 1 || !message.contains(place) {
                message.push_str(place);
                message.push_str(": ");
            }
            message.push_str(&failure.reason);
        }
        let mut advice: Vec<&str> = Vec::new();
        for text in self.0.iter().filter_map(|(_, failure)| failure.advice.as_deref()) {
            if !advice.contains(&text) {
                advice.push(text);
            }
        }
        let advice = (!advice.is_empty()).then(|| advice.join("; "));
        let last = self.0.iter().rev().find(|(_, failure)| failure.is_final);
        let passing = self.0.iter().find(|(_, failure)| failure.may_pass);
        match (last, passing) {
            (None, Some((_, failure))) => Error::Database(Arc::new(DatabaseError {
                kind: DatabaseErrorKind::CannotConnect,
                message: format!("cannot connect to {message}"),
                // What a client says that does not get through.
                code: failure.code.clone().unwrap_or_else(|| "08001".to_owned()),
                sql: String::new(),
                file: None,
                advice,
            })),
            _ => {
                let code = last.and_then(|(_, failure)| failure.code.as_deref());
                let code = code.map_or_else(String::new, |code| format!(" (code {code})"));
                let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
                Error::configuration(format!("{message}{code}{advice}"))
            }
        }
    }
}
