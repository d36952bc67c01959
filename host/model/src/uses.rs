//! What a task declares it uses, and whether a name is covered by that declaration.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

/// Names and patterns per kind. A trailing `*` is a prefix, `*` alone everything of that kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Uses {
    /// Variable keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    /// Connection ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<String>,
    /// Other DAGs, to trigger or to ask about. A DAG may always ask about itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dags: Vec<String>,
    /// Assets, by name, to emit events of or to ask about. Inlets and outlets need not be named again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// Origins of HTTP requests, such as `https://api.example.com` or `http://build.internal:8080`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
}

/// Whether one of `patterns` covers `name`.
pub fn covers(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    })
}

impl Uses {
    /// Both lists together, as a task gets its DAG's and its own.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let join = |a: &[String], b: &[String]| {
            let mut all: Vec<String> = a.iter().chain(b).cloned().collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        Self {
            variables: join(&self.variables, &other.variables),
            connections: join(&self.connections, &other.connections),
            dags: join(&self.dags, &other.dags),
            assets: join(&self.assets, &other.assets),
            origins: join(&self.origins, &other.origins),
        }
    }

    /// Every list with its name.
    pub fn kinds(&self) -> [(&'static str, &[String]); 5] {
        [
            ("variables", &self.variables),
            ("connections", &self.connections),
            ("dags", &self.dags),
            ("assets", &self.assets),
            ("origins", &self.origins),
        ]
    }

    /// Whether any pattern ends in `*`. A tenant's policy can forbid that.
    pub fn has_wildcard(&self) -> bool {
        self.kinds().into_iter().flat_map(|(_, patterns)| patterns).any(|pattern| pattern.ends_with('*'))
    }
}

/// Whether `text` is an origin as requests are held against: `http` or `https`, a host in lower case, and the port unless
/// it is the scheme's own. A `*` may stand for all of them, for every host of a scheme, or for every port of a host: in
/// the middle of a host it would also cover hosts of others.
pub fn is_origin_pattern(text: &str) -> bool {
    matches!(text, "*" | "http://*" | "https://*")
        || is_origin(text)
        || text.strip_suffix(":*").is_some_and(|origin| is_origin(&format!("{origin}:1")))
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let own_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    // The colons of an IPv6 address are in brackets.
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => is_host(host) && is_port(port, own_port),
        Some(_) | None => is_host(authority),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
    }
    let is_word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'.' | b'_');
    !host.is_empty() && host.bytes().all(is_word)
}

fn is_port(port: &str, own: u16) -> bool {
    port.parse::<u16>().is_ok_and(|number| number != own && number.to_string() == port)
}

#[cfg(test)]
mod tests {
    use super::{covers, is_origin_pattern};

    #[test]
    fn a_star_covers_only_at_the_end() {
        let patterns = ["plain".to_owned(), "pre_*".to_owned(), "a*b".to_owned()];
        for (name, expected) in [("plain", true), ("plain2", false), ("pre_x", true), ("pre", false), ("axb", false)] {
            assert_eq!(covers(&patterns, name), expected, "{name}");
        }
        assert!(covers(&["*".to_owned()], "anything"));
        assert!(!covers(&[], "anything"));
    }

    #[test]
    fn origins_are_spelled_in_one_way() {
        for good in [
            "https://api.example.com",
            "http://build.internal:8080",
            "http://[::1]:81",
            "https://[2001:db8::1]",
            "*",
            "https://*",
            "http://build.internal:*",
        ] {
            assert!(is_origin_pattern(good), "{good}");
        }
        for bad in [
            "",
            "api.example.com",
            "ftp://example.com",
            "https://Example.com",
            "https://example.com/",
            "https://example.com:443",
            "http://example.com:080",
            "http://example.com:",
            "https://example.com*",
            "https://example.com:8443:*",
            "https://user@example.com",
            "http://[::0001]",
        ] {
            assert!(!is_origin_pattern(bad), "{bad}");
        }
    }
}
