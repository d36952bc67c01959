//! `/api/v2/dagStats`

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::DagId;
use crate::state::RunState;

/// How a DAG's runs stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagStats {
    /// The DAG.
    pub dag_id: DagId,
    /// The DAG's display name, which is its id.
    pub dag_display_name: String,
    /// Every state with its number of runs.
    pub stats: Vec<StateCount>,
}

/// How many runs are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateCount {
    /// The state.
    pub state: RunState,
    /// How many are in it.
    pub count: u64,
}
