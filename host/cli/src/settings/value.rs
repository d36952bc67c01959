//! The types of settings that have more shape than a text or a number.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use flow_model::egress::Network;

/// A text is not of the shape that a setting needs; the setting itself knows what to say.
#[derive(Debug)]
pub(crate) struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not fit")
    }
}

impl std::error::Error for Misfit {}

/// A host name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort(pub(crate) String);

impl FromStr for HostPort {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let (host, port) = text.rsplit_once(':').ok_or(Misfit)?;
        let fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(bare) => bare.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "[]:/".contains(c)),
        };
        if fits && port.parse::<u16>().is_ok() { Ok(Self(text.to_owned())) } else { Err(Misfit) }
    }
}

/// The address of a PostgreSQL database.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(pub(crate) String);

impl FromStr for DatabaseUrl {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if matches!(scheme, Some("postgres" | "postgresql")) { Ok(Self(text.to_owned())) } else { Err(Misfit) }
    }
}

/// The address of a control plane.
#[derive(Debug, Clone)]
pub(crate) struct ServerUrl(pub(crate) String);

impl FromStr for ServerUrl {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let url: reqwest::Url = text.parse().map_err(|_| Misfit)?;
        if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(Self(text.to_owned())) } else { Err(Misfit) }
    }
}

/// How many attempts run at a time. The bound is that of the address space that their memories reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slots(pub(crate) u32);

impl FromStr for Slots {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        text.parse().ok().filter(|slots| *slots <= 10_000).map(Self).ok_or(Misfit)
    }
}

/// 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct MasterKey(pub(crate) [u8; 32]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl fmt::LowerHex for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for MasterKey {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let text = text.trim();
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Misfit);
        }
        let mut key = [0; 32];
        for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| Misfit)?;
        }
        Ok(Self(key))
    }
}

/// Several keys, separated by commas.
#[derive(Debug, Clone, Default)]
pub(crate) struct MasterKeys(pub(crate) Vec<MasterKey>);

impl FromStr for MasterKeys {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// Blocks of addresses, separated by commas.
#[derive(Debug, Clone, Default)]
pub(crate) struct Networks(pub(crate) Vec<Network>);

impl FromStr for Networks {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        text.split(',')
            .map(|network| network.trim().parse::<Network>().map_err(|_| Misfit))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// How the host writes its own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(Misfit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_listen_has_a_host_and_a_port() {
        for good in ["127.0.0.1:0", "localhost:8080", "[::1]:80", "0.0.0.0:65535"] {
            assert!(good.parse::<HostPort>().is_ok(), "{good}");
        }
        for bad in ["", "8080", ":8080", "localhost", "localhost:x", "localhost:65536", "::1:80", "a b:1", "[x]:1"] {
            assert!(bad.parse::<HostPort>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_master_key_is_sixty_four_digits() {
        let text = "0f".repeat(32);
        let key: MasterKey = format!("{text}\n").parse().expect("it is a key");
        assert_eq!(format!("{key:x}"), text);
        for bad in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
            assert!(bad.parse::<MasterKey>().is_err(), "{bad}");
        }
    }
}
