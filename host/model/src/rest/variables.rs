//! `/api/v2/variables`

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Change;
use crate::ids::VariableKey;

/// A variable as people read it: masked where its key, or a member of its JSON value, sounds secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variable {
    /// Its key.
    pub key: VariableKey,
    /// Its value.
    pub value: String,
    /// What it is for.
    pub description: Option<String>,
    /// Always true: every value is encrypted.
    pub is_encrypted: bool,
    /// Always null: there are no teams, tenants take their place.
    pub team_name: Option<String>,
}

/// A variable to create or replace.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariableBody {
    /// Its key.
    pub key: VariableKey,
    /// Its value: a text is kept as it is, anything else as JSON text.
    pub value: Value,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Must be null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
}

/// Changes to a variable.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariablePatch {
    /// If given, the key that the path names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<VariableKey>,
    /// Its new value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Its new description.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub description: Change<String>,
    /// Must be null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
}
