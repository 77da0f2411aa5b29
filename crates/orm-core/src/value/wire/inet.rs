//! Network addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::io::Write as _;

const V4: u8 = 2;
const V6: u8 = 3;

/// An address with the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inet {
    /// The address.
    pub address: IpAddr,
    /// How many bits name the network.
    pub prefix: u8,
    /// Whether it is of type `cidr`, which is always written with its prefix.
    pub network: bool,
}

impl Inet {
    /// Reads the form of the wire.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&[family, prefix, network, _], address) = bytes.split_first_chunk()?;
        let address = match family {
            V4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?)),
            V6 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?)),
            _ => return None,
        };
        (prefix <= bits(address)).then_some(Self { address, prefix, network: network != 0 })
    }

    /// Gives the form of the wire to `write`.
    pub fn write(self, write: impl FnOnce(&[u8])) {
        let mut form = [0; 20];
        let (family, len) = match self.address {
            IpAddr::V4(address) => {
                form[4..8].copy_from_slice(&address.octets());
                (V4, 4)
            }
            IpAddr::V6(address) => {
                form[4..].copy_from_slice(&address.octets());
                (V6, 16)
            }
        };
        form[..4].copy_from_slice(&[family, self.prefix, u8::from(self.network), len]);
        write(&form[..4 + usize::from(len)]);
    }

    /// Whether it is one address: its prefix is all of it.
    pub fn is_host(self) -> bool {
        self.prefix == bits(self.address)
    }

    /// Adds it as PostgreSQL writes it: `10.0.0.7`, `10.0.0.0/8`.
    pub fn write_text(self, out: &mut Vec<u8>) {
        // Writing to a vector does not fail.
        let _ = write!(out, "{}", self.address);
        if self.network || !self.is_host() {
            let _ = write!(out, "/{}", self.prefix);
        }
    }
}

/// How many bits an address has.
pub fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
