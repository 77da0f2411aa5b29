//! Network addresses.

use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ColumnType, SqlType};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;
use crate::value::wire::{WireType, inet};

/// An address with the length of its prefix, as an `INET` column holds it. A column of [`IpAddr`] holds single addresses.
///
/// ```
/// use anyorm::IpNetwork;
///
/// let network: IpNetwork = "10.1.0.0/16".parse()?;
/// assert_eq!((network.address().to_string(), network.prefix()), ("10.1.0.0".to_owned(), 16));
/// assert_eq!("::1".parse::<IpNetwork>()?.to_string(), "::1"); // all of its bits
/// assert!("10.1.0.0/33".parse::<IpNetwork>().is_err());
/// # Ok::<_, anyorm::InvalidNetwork>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpNetwork {
    address: IpAddr,
    prefix: u8,
}

/// Text that is no address, or a prefix that is longer than the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address with a prefix: write it as in `10.1.0.0/16` or `2001:db8::/32`")]
pub struct InvalidNetwork(String);

impl IpNetwork {
    /// An address, of which the first `prefix` bits name the network. `None` if it has fewer.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        (prefix <= inet::bits(address)).then_some(Self { address, prefix })
    }

    /// The address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// How many bits name the network.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    fn inet(self) -> inet::Inet {
        inet::Inet { address: self.address, prefix: self.prefix, network: false }
    }
}

/// A single address: all of its bits are prefix.
impl From<IpAddr> for IpNetwork {
    fn from(address: IpAddr) -> Self {
        Self { address, prefix: inet::bits(address) }
    }
}

impl FromStr for IpNetwork {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let network = match text.split_once('/') {
            None => text.parse().ok().map(IpAddr::into),
            // Not `+8`, which is a number too.
            Some((address, prefix)) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                let parsed = address.parse().ok().zip(prefix.parse().ok());
                parsed.and_then(|(address, prefix)| Self::new(address, prefix))
            }
            Some(_) => None,
        };
        network.ok_or_else(|| InvalidNetwork(text.to_owned()))
    }
}

/// As PostgreSQL writes it: a single address without its prefix.
impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if self.inet().is_host() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl fmt::Debug for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IpNetwork({self})")
    }
}

impl Serialize for IpNetwork {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpNetwork {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl SqlType for IpNetwork {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Inet;

    fn encode(&self, cells: &mut Cells) {
        self.inet().write(|form| cells.wire(WireType::Inet, form));
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        const EXPECTED: &str = "a network address";
        let network = match value {
            ValueRef::Wire(WireType::Inet, form) => {
                inet::Inet::read(form).map(|inet| Self { address: inet.address, prefix: inet.prefix })
            }
            ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
            other => return Err(Misfit::kind(EXPECTED, other)),
        };
        network.ok_or_else(|| Misfit { expected: EXPECTED, found: value.to_value().to_string() })
    }
}

impl SqlType for IpAddr {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Inet;

    fn encode(&self, cells: &mut Cells) {
        IpNetwork::from(*self).encode(cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        let network = IpNetwork::decode(value)?;
        if !network.inet().is_host() {
            let found = format!("the network {network}");
            return Err(Misfit { expected: "a single address (`IpNetwork` holds its prefix too)", found });
        }
        Ok(network.address)
    }
}

list_and_key!(IpNetwork IpAddr);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_were_written() {
        for text in
            ["0.0.0.0/0", "10.1.2.3", "10.1.2.3/8", "255.255.255.255", "::/0", "2001:db8::1/64", "::1"]
        {
            let network: IpNetwork = text.parse().expect("a network");
            let mut cells = Cells::default();
            network.encode(&mut cells);
            assert_eq!(IpNetwork::decode(cells.value(0)), Ok(network));
            assert_eq!(IpNetwork::decode(ValueRef::Text(text.as_bytes())), Ok(network));
            assert_eq!(cells.value(0).to_value().to_string(), text);
            assert_eq!(IpAddr::decode(cells.value(0)).is_ok(), !text.contains('/'), "{text}");
        }
        for text in ["", "10.1.2.3/33", "10.1.2.3/", "10.1.2.3/+8", "::1/129", "/8", "ten"] {
            assert!(text.parse::<IpNetwork>().is_err(), "{text}");
        }
    }
}
