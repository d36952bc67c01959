//! `/api/v2/connections`

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Change;
use crate::ids::ConnectionId;
use crate::secret::Secret;

/// A connection as people read it: the password and what sounds secret in `extra` are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Its id.
    pub connection_id: ConnectionId,
    /// What kind of system it is, such as `postgres` or `http`.
    pub conn_type: String,
    /// What it is for.
    pub description: Option<String>,
    /// Host name or address.
    pub host: Option<String>,
    /// User name.
    pub login: Option<String>,
    /// Database, schema or scheme.
    pub schema: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// `***` if there is one.
    pub password: Option<String>,
    /// Everything else: one JSON object as text.
    pub extra: Option<String>,
    /// Always null: there are no teams, tenants take their place.
    pub team_name: Option<String>,
}

/// A connection to create or replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionBody {
    /// Its id.
    pub connection_id: ConnectionId,
    /// What kind of system it is, such as `postgres` or `http`.
    pub conn_type: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Host name or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Database, schema or scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// TCP port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Everything else: one JSON object as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Secret>,
    /// Must be null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
}

/// Changes to a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionPatch {
    /// If given, the id that the path names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// What kind of system it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conn_type: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub description: Change<String>,
    /// Host name or address.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub host: Change<String>,
    /// User name.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub login: Change<String>,
    /// Database, schema or scheme.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub schema: Change<String>,
    /// TCP port.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<u16>)]
    pub port: Change<u16>,
    /// Password. `***`, as it is read, changes nothing.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Secret>)]
    pub password: Change<Secret>,
    /// Everything else: one JSON object as text.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<Secret>)]
    pub extra: Change<Secret>,
    /// Must be null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
}
