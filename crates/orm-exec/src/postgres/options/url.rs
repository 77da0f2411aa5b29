//! The parts of `postgres://user:password@host:5432,host2:5433/database?option=value`.
//!
//! No message quotes what it reads: a password with a character that has a meaning in URLs ends up in any other part.

use orm_core::{Error, Result};

/// The parts, decoded.
pub(super) struct Parts {
    /// The hosts and what follows their colons. Empty where none is named.
    pub(super) hosts: Vec<(String, String)>,
    /// By the names of libpq: `user`, `password`, `dbname`, then the options in their order.
    pub(super) options: Vec<(String, String)>,
}

const EXAMPLE: &str = "`postgres://user:password@host:5432/database`";

/// # Errors
/// For what is no such URL.
pub(super) fn split(url: &str) -> Result<Parts> {
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or_else(|| Error::configuration(format!("a URL like {EXAMPLE} is expected")))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix('/').unwrap_or(path);
    // `/` and `?` in a password end what stands before the `@`: the rest of it must not be taken for a database, and shown.
    if path.contains('@') || query.contains('@') {
        return Err(Error::configuration(format!(
            "the URL has a `@` after its hosts: like `/`, `?`, `%` and `@` in a password it is to be percent-encoded \
             (`%40`, `%2F`, `%3F`, `%25`), as in {EXAMPLE}"
        )));
    }
    let mut options = Vec::new();
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (Some(user), hosts),
        None => (None, authority),
    };
    if let Some(user) = user {
        let (user, password) = match user.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (user, None),
        };
        if !user.is_empty() {
            options.push(("user".into(), decoded(user, "user")?));
        }
        if let Some(password) = password.filter(|password| !password.is_empty()) {
            options.push(("password".into(), decoded(password, "password")?));
        }
    }
    if !path.is_empty() {
        options.push(("dbname".into(), decoded(path, "database")?));
    }
    for option in query.split('&').filter(|option| !option.is_empty()) {
        options.push(self::option(option)?);
    }
    Ok(Parts { hosts: self::hosts(hosts)?, options })
}

fn hosts(text: &str) -> Result<Vec<(String, String)>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(host).collect()
}

fn host(text: &str) -> Result<(String, String)> {
    let (name, rest) = match text.strip_prefix('[') {
        Some(text) => text.split_once(']').ok_or_else(|| {
            Error::configuration(format!(
                "a host has `[` without `]`: expected is {EXAMPLE}, or `[::1]:5432`"
            ))
        })?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => port,
        None if rest.is_empty() => "",
        None => {
            return Err(Error::configuration(
                "a host has something after its `]` that is not `:` and a port",
            ));
        }
    };
    if port.contains(':') {
        return Err(Error::configuration(
            "a host has several `:`: write `[` and `]` around an address of IPv6, as in `[::1]:5432`",
        ));
    }
    Ok((decoded(name, "host")?, decoded(port, "port")?))
}

fn option(text: &str) -> Result<(String, String)> {
    let wrong = || {
        Error::configuration(
            "what follows the `?` of the URL is not `option=value&option=value`: a `?`, `&` or `=` that belongs to a \
             value or a password is to be percent-encoded (`%3F`, `%26`, `%3D`)",
        )
    };
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if !is_name(name) {
        return Err(wrong());
    }
    Ok((name.to_owned(), decoded(value, "value of an option")?))
}

/// `%20` and its kin as the characters they stand for.
fn decoded(text: &str, what: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |index: usize| tail.get(index).and_then(|&digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return Err(Error::configuration(format!(
                "a `%` in the {what} of the URL is not followed by two hexadecimal digits: write `%25`"
            )));
        };
        // Two digits of 16 make no more than a byte.
        bytes.push((high * 16 + low) as u8);
        rest = &tail[2..];
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::configuration(format!("the {what} of the URL does not decode to UTF-8")))?;
    if text.contains('\0') {
        return Err(Error::configuration(format!("the {what} of the URL has a NUL character")));
    }
    Ok(text)
}

/// The other way: what has a meaning in a URL becomes `%20` and its kin.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => {
                encoded.push('%');
                for digit in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(digit.into(), 16).expect("four bits are one digit");
                    encoded.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    encoded
}
