//! Reads a connection's URI, as Airflow reads it.

use serde_json::{Map, Value};

use crate::call::ConnectionDetails;

/// Why a text is no connection. The text itself is not shown: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnectionUri {
    /// It does not begin with a type.
    #[error("a connection URI begins with its type: write type://login:password@host:port/schema?extra")]
    NoType,
    /// Its port is none.
    #[error("the port of a connection URI is a number up to 65535")]
    Port,
    /// A percent sign does not begin an escaped character.
    #[error(
        "in a connection URI `%` is followed by two hexadecimal digits, and these make UTF-8: write a `%` itself as %25"
    )]
    Escape,
    /// Its `__extra__` is not what it should be.
    #[error("`__extra__` in a connection URI holds a JSON object")]
    Extra,
}

impl ConnectionDetails {
    /// The parts of `type://login:password@host:port/schema?extra`. A host may come with a scheme of its own, as in
    /// `http://https://example.com`.
    pub fn from_uri(uri: &str) -> Result<Self, InvalidConnectionUri> {
        let (conn_type, rest) = uri.split_once("://").ok_or(InvalidConnectionUri::NoType)?;
        let conn_type = type_of(conn_type)?;
        let (scheme, rest) = match rest.split_once("://") {
            Some((scheme, rest)) if scheme.bytes().all(|c| c.is_ascii_alphanumeric()) => (Some(scheme), rest),
            Some(_) | None => (None, rest),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (login, password) = match user.map(|user| user.split_once(':').ok_or(user)) {
            Some(Ok((login, password))) => (Some(decode(login)?), Some(decode(password)?)),
            Some(Err(login)) => (Some(decode(login)?), None),
            None => (None, None),
        };
        let (host, port) = host_and_port(address)?;
        let host = decode(host)?;
        Ok(Self {
            conn_type,
            host: present(match scheme {
                Some(scheme) => format!("{scheme}://{host}"),
                None => host,
            }),
            port,
            schema: present(decode(path)?),
            login: login.and_then(present),
            password: password.and_then(present),
            extra: extra_of(query)?,
        })
    }
}

fn present(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Airflow's spelling of a type: `google-cloud` is `google_cloud`, `postgresql` is `postgres`.
fn type_of(text: &str) -> Result<String, InvalidConnectionUri> {
    let is_type = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'+'));
    match text.to_ascii_lowercase().replace('-', "_") {
        _ if !is_type => Err(InvalidConnectionUri::NoType),
        name if name == "postgresql" => Ok("postgres".into()),
        name => Ok(name),
    }
}

fn host_and_port(address: &str) -> Result<(&str, Option<u16>), InvalidConnectionUri> {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':').unwrap_or(after)),
        None => address.rsplit_once(':').unwrap_or((address, "")),
    };
    let port = Some(port).filter(|port| !port.is_empty()).map(str::parse).transpose();
    Ok((host, port.map_err(|_| InvalidConnectionUri::Port)?))
}

/// The query as one JSON object: what `__extra__` says, or an object of texts.
fn extra_of(query: &str) -> Result<Option<String>, InvalidConnectionUri> {
    let mut texts = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?);
        if name == "__extra__" {
            let whole: Result<Map<String, Value>, _> = serde_json::from_str(&value);
            return whole.map(|_| Some(value)).map_err(|_| InvalidConnectionUri::Extra);
        }
        texts.insert(name, Value::String(value));
    }
    Ok((!texts.is_empty()).then(|| Value::Object(texts).to_string()))
}

fn decode(text: &str) -> Result<String, InvalidConnectionUri> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next())? << 4 | hex(rest.next())?,
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| InvalidConnectionUri::Escape)
}

fn hex(digit: Option<u8>) -> Result<u8, InvalidConnectionUri> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16)).ok_or(InvalidConnectionUri::Escape)?;
    u8::try_from(value).map_err(|_| InvalidConnectionUri::Escape)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(uri: &str) -> [Option<String>; 7] {
        let read = ConnectionDetails::from_uri(uri).expect("it is a connection");
        let port = read.port.map(|port| port.to_string());
        [Some(read.conn_type), read.login, read.password, read.host, port, read.schema, read.extra]
    }

    #[test]
    fn uris_as_airflow_reads_them() {
        for (uri, expected) in [
            ("http://", ["http", "", "", "", "", "", ""]),
            (
                "postgresql://me:p%40ss@db.example:5432/sales",
                ["postgres", "me", "p@ss", "db.example", "5432", "sales", ""],
            ),
            (
                "google-cloud-platform://?key=v&b=",
                ["google_cloud_platform", "", "", "", "", "", r#"{"b":"","key":"v"}"#],
            ),
            ("http://https://api.example.com:8443/v1", ["http", "", "", "https://api.example.com", "8443", "v1", ""]),
            ("http://api.example.com/a/b", ["http", "", "", "api.example.com", "", "a/b", ""]),
            ("mysql://me@[::1]:3306", ["mysql", "me", "", "::1", "3306", "", ""]),
            ("x://:secret@h", ["x", "", "secret", "h", "", "", ""]),
            ("x://h?__extra__=%7B%22a%22%3A%7B%22b%22%3A1%7D%7D", ["x", "", "", "h", "", "", r#"{"a":{"b":1}}"#]),
            ("x://h/?q=a+b%2Bc", ["x", "", "", "h", "", "", r#"{"q":"a b+c"}"#]),
            ("x://a:b@c@h", ["x", "a", "b@c", "h", "", "", ""]),
        ] {
            let expected = expected.map(|part| (!part.is_empty()).then(|| part.to_owned()));
            assert_eq!(parts(uri), expected, "{uri}");
        }
    }

    #[test]
    fn what_is_no_connection_is_refused_without_showing_it() {
        for (uri, expected) in [
            ("", InvalidConnectionUri::NoType),
            ("db.example", InvalidConnectionUri::NoType),
            ("://h", InvalidConnectionUri::NoType),
            ("a b://h", InvalidConnectionUri::NoType),
            ("x://h:port", InvalidConnectionUri::Port),
            ("x://h:65536", InvalidConnectionUri::Port),
            ("x://me:100%@h", InvalidConnectionUri::Escape),
            ("x://%ff", InvalidConnectionUri::Escape),
            ("x://h?__extra__=[]", InvalidConnectionUri::Extra),
        ] {
            assert_eq!(ConnectionDetails::from_uri(uri), Err(expected), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            texts in prop::array::uniform4(prop::option::of("[^\0]{1,12}")),
            port in prop::option::of(any::<u16>()),
            extra in prop::option::of(prop::collection::btree_map("[a-z ]{1,5}", "\\PC{0,8}", 1..4)),
        ) {
            let [host, schema, login, password] = texts;
            let extra = extra.and_then(|texts| serde_json::to_string(&texts).ok());
            let full = ConnectionDetails { conn_type: "my_type".into(), host, port, schema, login, password, extra };
            prop_assert_eq!(ConnectionDetails::from_uri(&full.uri()), Ok(full));
        }
    }
}
