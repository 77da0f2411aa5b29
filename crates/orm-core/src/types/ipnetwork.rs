//! `ipnetwork::IpNetwork`, with the cargo feature of that name: not to be confused with [`anyorm::IpNetwork`](super::IpNetwork),
//! which needs no crate, and which it can be turned into and back.

use ipnetwork::IpNetwork;

use super::{ColumnType, SqlType};
use crate::cells::Cells;
use crate::row::Misfit;
use crate::value::ValueRef;

/// An address with the length of its prefix. Bits behind the prefix are kept.
impl SqlType for IpNetwork {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::Inet;

    fn encode(&self, cells: &mut Cells) {
        super::IpNetwork::from(*self).encode(cells);
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, Misfit> {
        super::IpNetwork::decode(value).map(Self::from)
    }
}

/// The same address and prefix.
impl From<IpNetwork> for super::IpNetwork {
    fn from(network: IpNetwork) -> Self {
        Self::new(network.ip(), network.prefix()).expect("a prefix is not longer than its address")
    }
}

/// The same address and prefix.
impl From<super::IpNetwork> for IpNetwork {
    fn from(network: super::IpNetwork) -> Self {
        Self::new(network.address(), network.prefix()).expect("a prefix is not longer than its address")
    }
}

list_and_key!(IpNetwork);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::edges::again;

    #[test]
    fn networks_are_read_as_they_were_written() {
        for text in
            ["0.0.0.0/0", "10.1.2.3/32", "10.1.2.3/8", "255.255.255.255", "::/0", "2001:db8::1/64", "::1/128"]
        {
            let network: IpNetwork = text.parse().expect("a network");
            assert_eq!(again(&network), network);
        }
        assert!(IpNetwork::decode(ValueRef::Text(b"10.0.0.0/33")).is_err());
    }
}
