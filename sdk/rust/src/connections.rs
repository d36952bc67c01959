//! The tenant's connections: where another system is and how to log in to it.
//!
//! A task reaches those on the `uses` list of it or its DAG.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::CallError;
use crate::bindings::flow::host::connections;

/// One connection. Absent parts are `None`.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// What kind of system it is, such as `postgres` or `http`.
    pub conn_type: String,
    /// Host name or address.
    pub host: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// Database, schema or scheme, as the type understands it.
    pub schema: Option<String>,
    /// User name.
    pub login: Option<String>,
    /// Password, in clear.
    pub password: Option<String>,
    /// Everything else, as JSON text; [`Connection::extra`] reads it.
    pub extra_json: Option<String>,
    /// All of it as one URI, password included.
    pub uri: String,
}

/// The connection `id`.
pub fn get(id: &str) -> Result<Connection, CallError> {
    let found = connections::get(id).map_err(|e| CallError::new("connections::get", id, e))?;
    Ok(Connection {
        conn_type: found.conn_type,
        host: found.host,
        port: found.port,
        schema: found.schema,
        login: found.login,
        password: found.password,
        extra_json: found.extra,
        uri: found.uri,
    })
}

impl Connection {
    /// Everything else, as a type of yours. Without any it reads as an empty object.
    pub fn extra<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.extra_json.as_deref().unwrap_or("{}"))
    }
}

impl fmt::Debug for Connection {
    /// Leaves out whatever can hold a secret, so that no log line does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("conn_type", &self.conn_type)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("schema", &self.schema)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}
