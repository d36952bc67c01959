//! A connection as one URI, `type://login:password@host:port/schema?extra`, as Airflow writes it.

mod parse;

use std::fmt::Write as _;

pub use parse::InvalidConnectionUri;

use crate::call::ConnectionDetails;

impl ConnectionDetails {
    /// All parts in one URI, percent-encoded. An `extra` of texts becomes the query; any other goes whole into
    /// `__extra__`.
    pub fn uri(&self) -> String {
        let mut uri = format!("{}://", self.conn_type.to_ascii_lowercase().replace('_', "-"));
        if self.login.is_some() || self.password.is_some() {
            encode(&mut uri, self.login.as_deref().unwrap_or_default());
            if let Some(password) = &self.password {
                uri.push(':');
                encode(&mut uri, password);
            }
            uri.push('@');
        }
        encode(&mut uri, self.host.as_deref().unwrap_or_default());
        if let Some(port) = self.port {
            let _ = write!(uri, ":{port}");
        }
        if let Some(schema) = &self.schema {
            uri.push('/');
            encode(&mut uri, schema);
        }
        if let Some(extra) = self.extra.as_deref().filter(|extra| !extra.is_empty()) {
            uri.push_str(if self.schema.is_some() { "?" } else { "/?" });
            encode_extra(&mut uri, extra);
        }
        uri
    }
}

fn encode_extra(uri: &mut String, extra: &str) {
    let texts: Option<Vec<(String, String)>> = serde_json::from_str::<serde_json::Map<_, _>>(extra)
        .ok()
        .and_then(|map| map.into_iter().map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect());
    let pairs = texts.filter(|pairs| !pairs.is_empty()).unwrap_or_else(|| vec![("__extra__".into(), extra.into())]);
    for (i, (key, value)) in pairs.iter().enumerate() {
        if i > 0 {
            uri.push('&');
        }
        encode(uri, key);
        uri.push('=');
        encode(uri, value);
    }
}

fn encode(uri: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_one_uri() {
        let full = ConnectionDetails {
            conn_type: "google_cloud".into(),
            host: Some("db.example".into()),
            port: Some(5432),
            schema: Some("sales".into()),
            login: Some("me".into()),
            password: Some("p@:/ß".into()),
            extra: Some(r#"{"sslmode":"require","app":"a b"}"#.into()),
        };
        assert_eq!(full.uri(), "google-cloud://me:p%40%3A%2F%C3%9F@db.example:5432/sales?app=a%20b&sslmode=require");
    }

    #[test]
    fn absent_parts_leave_no_trace() {
        let bare = ConnectionDetails { conn_type: "http".into(), ..ConnectionDetails::default() };
        assert_eq!(bare.uri(), "http://");
        let nested = ConnectionDetails { extra: Some(r#"{"a":{"b":1}}"#.into()), ..bare };
        assert_eq!(nested.uri(), "http:///?__extra__=%7B%22a%22%3A%7B%22b%22%3A1%7D%7D");
    }
}
