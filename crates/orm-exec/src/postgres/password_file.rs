//! `.pgpass`: passwords by host, port, database and user, as libpq reads them.

use std::path::{Path, PathBuf};

use crate::postgres::options::{Host, HostName, Secret};

/// What is in the file, or why it was not looked into.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PasswordFile {
    /// There is no such file.
    Missing,
    /// It is there, but was left alone, for this reason.
    Ignored { path: PathBuf, reason: &'static str },
    /// Its lines, in their order.
    Entries(Vec<Entry>),
}

/// A line. What is `None` is a `*`, which any name matches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Host, port, database and user.
    names: [Option<String>; 4],
    password: Secret,
}

impl PasswordFile {
    /// Reads it, off the threads that poll.
    pub(crate) async fn read(path: Option<&Path>) -> Self {
        match path {
            None => Self::Missing,
            Some(path) => {
                let path = path.to_owned();
                blocking::unblock(move || Self::read_now(path)).await
            }
        }
    }

    fn read_now(path: PathBuf) -> Self {
        let Ok(metadata) = std::fs::metadata(&path) else { return Self::Missing };
        if !metadata.is_file() {
            return Self::Ignored { path, reason: "it is not a plain file" };
        }
        if others_may_read(&metadata) {
            return Self::Ignored { path, reason: "others may read it: run `chmod 0600` on it" };
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::Entries(text.lines().filter_map(entry).collect()),
            Err(_) => Self::Ignored { path, reason: "it cannot be read as text" },
        }
    }

    /// The password of the first line that matches.
    pub(crate) fn find(&self, host: &Host, database: &str, user: &str) -> Option<Secret> {
        let Self::Entries(entries) = self else { return None };
        let name = match &host.name {
            HostName::Tcp(name) => name.as_str().into(),
            HostName::Unix(directory) if is_default(directory) => "localhost".into(),
            HostName::Unix(directory) => directory.to_string_lossy(),
        };
        let port = host.port.to_string();
        let wanted = [&*name, &port, database, user];
        let fits = |entry: &&Entry| {
            let mut pairs = entry.names.iter().zip(wanted);
            pairs.all(|(name, wanted)| name.as_deref().is_none_or(|name| name == wanted))
        };
        entries.iter().find(fits).map(|entry| entry.password.clone())
    }
}

/// The directories that servers use if nobody says otherwise: of their authors, and of Debian.
fn is_default(directory: &Path) -> bool {
    [Path::new("/tmp"), Path::new("/var/run/postgresql"), Path::new("/run/postgresql")].contains(&directory)
}

#[cfg(unix)]
fn others_may_read(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &std::fs::Metadata) -> bool {
    false
}

/// `host:port:database:user:password`, where `\` makes a plain character of a `:` or another `\`.
fn entry(line: &str) -> Option<Entry> {
    if line.starts_with('#') {
        return None;
    }
    let mut rest = line;
    let mut names = [const { None }; 4];
    for name in &mut names {
        let text;
        (text, rest) = field(rest)?;
        *name = (text != "*").then(|| unescaped(text));
    }
    // What follows another colon is none of the password.
    let password = field(rest).map_or(rest, |(password, _)| password);
    Some(Entry { names, password: Secret::new(unescaped(password)) })
}

/// What stands before the next `:` that is one, and what follows.
fn field(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ':' => return Some((&text[..index], &text[index + 1..])),
            _ => {}
        }
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
