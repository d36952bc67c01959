//! Which addresses the host connects to on a tenant's behalf: those of the public internet, and what the operator adds.
//!
//! It judges addresses, never names: a name is resolved once, and what it stood for is what is connected to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What may be connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// Networks that are not public and are allowed all the same.
    pub allowed: Vec<Network>,
}

/// A block of addresses, such as `10.1.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: u128,
    mask: u128,
    is_v4: bool,
    prefix: u32,
}

/// Why a text is not a [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network; use an address and a prefix length, such as 10.1.0.0/16 or fd00:1::/32")]
pub struct InvalidNetwork(String);

impl Egress {
    /// Whether `address` may be connected to.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(address))
    }
}

impl Network {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, is_v4) = bits(address.to_canonical());
        is_v4 == self.is_v4 && bits & self.mask == self.base
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let prefix: u32 = prefix.parse().map_err(|_| invalid())?;
        let (base, is_v4) = bits(address);
        let width = if is_v4 { 32 } else { 128 };
        let host_bits = u32::checked_sub(width, prefix).ok_or_else(invalid)?;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        if base & mask == base { Ok(Self { base, mask, is_v4, prefix }) } else { Err(invalid()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_v4 {
            let base = u32::try_from(self.base).unwrap_or(0);
            write!(f, "{}/{}", Ipv4Addr::from_bits(base), self.prefix)
        } else {
            write!(f, "{}/{}", Ipv6Addr::from_bits(self.base), self.prefix)
        }
    }
}

fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Everything but what IANA lists for special purposes.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a, b & 0xc0) == (100, 64)
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a, b & 0xfe) == (198, 18);
    !special
}

/// Global unicast without what tunnels to or stands for other addresses; through NAT64 what IPv4 allows.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = segments {
        return is_public_v4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)));
    }
    let special = match segments {
        // Protocol assignments, Teredo among them; documentation; 6to4.
        [0x2001, second, ..] => second < 0x200 || second == 0xdb8,
        [0x2002, ..] => true,
        [0x3fff, second, ..] => second < 0x1000,
        _ => false,
    };
    segments[0] & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_public_addresses_are_allowed() {
        let nothing_more = Egress::default();
        for public in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "64:ff9b::808:808"] {
            assert!(nothing_more.allows(address(public)), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!nothing_more.allows(address(special)), "{special}");
        }
    }

    #[test]
    fn the_operator_opens_networks_and_nothing_beside_them() {
        let networks = ["10.1.0.0/16", "127.0.0.1/32", "fd00:1::/32"].map(|text| text.parse().expect("a network"));
        let egress = Egress { allowed: networks.to_vec() };
        for open in ["10.1.2.3", "127.0.0.1", "::ffff:127.0.0.1", "fd00:1::5"] {
            assert!(egress.allows(address(open)), "{open}");
        }
        for closed in ["10.2.0.1", "127.0.0.2", "fd00:2::5", "169.254.169.254"] {
            assert!(!egress.allows(address(closed)), "{closed}");
        }
    }

    #[test]
    fn networks_are_spelled_in_one_way() {
        for good in ["0.0.0.0/0", "10.0.0.0/8", "::/0", "fd00:1::/32"] {
            assert_eq!(good.parse::<Network>().map(|network| network.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
