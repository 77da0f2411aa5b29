//! The settings by their names: of the URL, else of the environment.

use std::path::PathBuf;

use orm_core::{Error, Result};

use super::url::Parts;

/// Each option, and the variable that stands in for it.
const NAMES: &[(&str, &str)] = &[
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_count", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("require_auth", "PGREQUIREAUTH"),
    ("scram_iterations_max", ""),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("statement_cache", ""),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
];

/// One value, and where it was said.
struct Setting {
    name: &'static str,
    value: String,
    /// `the option ..` or `the variable ..`.
    source: String,
    of_url: bool,
}

/// All values that are given.
pub(super) struct Settings<'a> {
    settings: Vec<Setting>,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Settings<'a> {
    /// The settings, and the options whose names are not known here.
    pub(super) fn of(
        url: &Parts,
        environment: &'a dyn Fn(&str) -> Option<String>,
    ) -> (Self, Vec<(String, String)>) {
        let of_url = |name| url.options.iter().rev().find(|option| option.0 == name).map(|option| &option.1);
        let mut settings = Vec::new();
        for &(name, variable) in NAMES {
            if let Some(value) = of_url(name) {
                settings.push(Setting {
                    name,
                    value: value.clone(),
                    source: format!("the option `{name}`"),
                    of_url: true,
                });
            } else if let Some(value) = non_empty(environment, variable) {
                settings.push(Setting {
                    name,
                    value,
                    source: format!("the variable {variable} of the environment"),
                    of_url: false,
                });
            }
        }
        let is_known = |name: &str| NAMES.iter().any(|known| known.0 == name);
        let rest = url.options.iter().filter(|option| !is_known(&option.0)).cloned().collect();
        (Self { settings, environment }, rest)
    }

    /// A value that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|setting| setting.value.clone())
    }

    /// The same, if the URL says it.
    pub(super) fn text_of_url(&self, name: &str) -> Option<String> {
        self.find(name).filter(|setting| setting.of_url).map(|setting| setting.value.clone())
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T> {
        match self.find(name) {
            None => Ok(default),
            Some(setting) => setting.value.trim().parse().map_err(|_| self.wrong(name, "a number")),
        }
    }

    pub(super) fn one_of<T: Copy>(&self, name: &str, known: &[(&str, T)], default: T) -> Result<T> {
        let Some(setting) = self.find(name) else { return Ok(default) };
        let found = known.iter().find(|(word, _)| *word == setting.value);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
            self.wrong(name, &words.join(", "))
        })
    }

    /// The error for a value that is none of what is expected.
    pub(super) fn wrong(&self, name: &str, expected: &str) -> Error {
        match self.find(name) {
            Some(Setting { value, source, .. }) => {
                Error::configuration(format!("{source} is {expected}, not `{value}`"))
            }
            None => Error::configuration(format!("the option `{name}` is {expected}")),
        }
    }

    /// # Errors
    /// Where nothing names one.
    pub(super) fn user(&self) -> Result<String> {
        // The first two are those of Unix, the last is that of Windows.
        let of_system =
            || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| non_empty(self.environment, name));
        self.text("user").or_else(of_system).ok_or_else(|| {
            Error::configuration(
                "no user is named: write `postgres://user@host/database`, or set PGUSER in the environment",
            )
        })
    }

    /// Where passwords may be: in a file that is named, or in that of the user.
    pub(super) fn password_file(&self) -> Option<PathBuf> {
        let of_system = || match cfg!(windows) {
            true => non_empty(self.environment, "APPDATA")
                .map(|home| PathBuf::from(home).join("postgresql").join("pgpass.conf")),
            false => non_empty(self.environment, "HOME").map(|home| PathBuf::from(home).join(".pgpass")),
        };
        self.text("passfile").map(PathBuf::from).or_else(of_system)
    }

    fn find(&self, name: &str) -> Option<&Setting> {
        debug_assert!(NAMES.iter().any(|known| known.0 == name), "{name} is in the list");
        self.settings.iter().find(|setting| setting.name == name && !setting.value.is_empty())
    }
}

fn non_empty(environment: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    match name {
        "" => None,
        name => environment(name).filter(|value| !value.is_empty()),
    }
}
