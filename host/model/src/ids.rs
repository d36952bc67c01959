//! Names and ids, each its own type, parsed once at the edge.
//!
//! A name is chosen by people and unique within its tenant; an id is minted by the host and unique everywhere. A value
//! of one of these types is known to be well formed, so nothing behind the edge checks again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not a name of the kind it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {shown:?} is not valid: {reason}")]
pub struct InvalidName {
    /// What the text should have named, such as "DAG id".
    pub kind: &'static str,
    /// The beginning of the text.
    pub shown: String,
    /// What is wrong with it, and what is accepted.
    pub reason: &'static str,
}

const ACCEPTED: &str = "use 1 to 250 of the characters A-Z a-z 0-9 _ . -, and not only dots";
const ACCEPTED_RUN: &str = "use 1 to 250 of the characters A-Z a-z 0-9 _ . - + : ~, and not only dots";
const ACCEPTED_ASSET: &str = "use 1 to 1500 printable ASCII characters, no space at either end";
const ACCEPTED_PARTITION: &str = "use 1 to 250 bytes without control characters";
const ACCEPTED_SLUG: &str = "use 1 to 63 of the characters a-z 0-9 -, beginning and ending with a letter or digit";

fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-')
}

fn only_dots(s: &str) -> bool {
    s.bytes().all(|c| c == b'.')
}

fn check_name(s: &str) -> Result<(), &'static str> {
    let ok = (1..=250).contains(&s.len()) && s.bytes().all(is_word) && !only_dots(s);
    if ok { Ok(()) } else { Err(ACCEPTED) }
}

fn check_run_id(s: &str) -> Result<(), &'static str> {
    let ok = (1..=250).contains(&s.len())
        && s.bytes().all(|c| is_word(c) || matches!(c, b'+' | b':' | b'~'))
        && !only_dots(s)
        && s != "~";
    if ok { Ok(()) } else { Err(ACCEPTED_RUN) }
}

fn check_slug(s: &str) -> Result<(), &'static str> {
    let ok = (1..=63).contains(&s.len())
        && s.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        && !s.starts_with('-')
        && !s.ends_with('-');
    if ok { Ok(()) } else { Err(ACCEPTED_SLUG) }
}

fn check_asset(s: &str) -> Result<(), &'static str> {
    let ok = (1..=1500).contains(&s.len()) && s.bytes().all(|c| matches!(c, b' '..=b'~')) && s.trim() == s;
    if ok { Ok(()) } else { Err(ACCEPTED_ASSET) }
}

fn check_partition(s: &str) -> Result<(), &'static str> {
    let ok = (1..=250).contains(&s.len()) && !s.chars().any(char::is_control);
    if ok { Ok(()) } else { Err(ACCEPTED_PARTITION) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(s: &str) -> Result<Self, InvalidName> {
                match $check(s) {
                    Ok(()) => Ok(Self(s.into())),
                    Err(reason) => Err(InvalidName { kind: $kind, shown: s.chars().take(40).collect(), reason }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(s: String) -> Result<Self, InvalidName> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A tenant's name: a DNS label, also its id.
    TenantId, "tenant", check_slug
);
name!(
    /// A DAG's id, unique within its tenant.
    DagId, "DAG id", check_name
);
name!(
    /// A DAG run's id, unique within its DAG, such as `manual__2026-11-22T10:00:00+00:00`.
    RunId, "run id", check_run_id
);
name!(
    /// A task's id, unique within its DAG.
    TaskId, "task id", check_name
);
name!(
    /// The name under which a tenant uploads versions of one component.
    ModuleName, "module name", check_name
);
name!(
    /// A variable's key.
    VariableKey, "variable key", check_name
);
name!(
    /// A connection's id.
    ConnectionId, "connection id", check_name
);
name!(
    /// The key of an `XCom` or of a `task-state` entry.
    EntryKey, "key", check_name
);
name!(
    /// A task group's id, unique within its DAG.
    GroupId, "group id", check_name
);
name!(
    /// A pool's name.
    PoolName, "pool name", check_name
);
name!(
    /// The name of an asset or of an alias, unique within its tenant.
    AssetName, "asset name", check_asset
);
name!(
    /// The URI of an asset, unique among the active assets of its tenant.
    AssetUri, "asset URI", check_asset
);
name!(
    /// The key of a part of an asset's data, and of the run that it is for.
    PartitionKey, "partition key", check_partition
);
name!(
    /// A member's name within a tenant.
    Username, "username", check_name
);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A `UUIDv7` of instant `now` with `random` in its random bits, so that ids sort by age.
            pub fn mint(now: crate::time::Millis, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.0).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(s: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(s).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id!(
    /// One attempt to do one piece of work. Minted anew for every try and on every clear: it is the fencing token.
    AttemptId
);
id!(
    /// A DAG run's internal key. Unlike [`RunId`] it is never chosen by people and never reused.
    RunKey
);
id!(
    /// One immutable version of a DAG.
    DagVersionId
);
id!(
    /// A process that runs work, or a job record of it.
    JobId
);
id!(
    /// A token's `jti`.
    TokenId
);
id!(
    /// A callback that runs, or has run, once.
    CallbackId
);

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = i64)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// An asset's number, unique in the installation.
    AssetId
);
number!(
    /// An alias's number.
    AliasId
);
number!(
    /// An asset event's number; later events of one asset have higher ones.
    AssetEventId
);
number!(
    /// The number of an offer of an asset to another tenant.
    GrantId
);

/// The SHA-256 of a component's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidName;

    fn from_str(s: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName {
            kind: "digest",
            shown: s.chars().take(40).collect(),
            reason: "use sha256: and 64 lower-case hexadecimal digits",
        };
        let hex = s.strip_prefix("sha256:").filter(|h| h.len() == 64).ok_or_else(invalid)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| invalid())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidName;

    fn try_from(s: String) -> Result<Self, InvalidName> {
        s.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_could_be_a_path_or_hide_in_a_terminal() {
        for bad in ["", ".", "..", "../x", "a/b", "a\0b", "🚀", "a b", "a%2fb", "\u{202e}x", &"x".repeat(251)] {
            assert!(bad.parse::<DagId>().is_err(), "{bad:?} was accepted");
            assert!(bad.parse::<RunId>().is_err(), "{bad:?} was accepted");
        }
        assert!("~".parse::<RunId>().is_err(), "`~` stands for every run in a path");
    }

    #[test]
    fn a_run_id_may_hold_an_instant() {
        assert!("manual__2026-11-22T10:00:00.123+00:00".parse::<RunId>().is_ok());
    }

    #[test]
    fn digests_round_trip() {
        let digest = Digest([7; 32]);
        assert_eq!(digest.to_string().parse::<Digest>().as_ref(), Ok(&digest));
        assert!("sha256:zz".parse::<Digest>().is_err());
    }
}
