//! A DAG's params: what a run can be given, with a JSON Schema and a default.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One param (Airflow's `Param`). Its default must satisfy its schema if the DAG is scheduled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamSpec {
    /// Its value where a run gives none.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub value: Value,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// A JSON Schema (draft 2020-12), with what Airflow's form reads besides: `title`, `section`, `description_md`,
    /// `values_display`, `examples`, `format`, `const`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub schema: Map<String, Value>,
}
