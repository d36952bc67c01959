//! `/api/v2/dagWarnings`

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::coded::coded;
use crate::ids::DagId;
use crate::time::Millis;

coded!(
    /// What is wrong with a DAG that runs nevertheless, by Airflow's names where it has one.
    WarningType {
        /// A task names a pool that does not exist, and waits until it does.
        MissingPool = "non-existent pool",
        /// A task takes more slots than its pool has, and waits until there are more.
        NarrowPool = "pool too small",
    }
);

/// Something that keeps a task of a DAG from ever running as things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagWarning {
    /// The DAG.
    pub dag_id: DagId,
    /// What people call it.
    pub dag_display_name: String,
    /// What kind of thing is wrong.
    pub warning_type: WarningType,
    /// What is wrong and what to do.
    pub message: String,
    /// When the DAG was parsed last.
    pub timestamp: Millis,
}

/// Which warnings are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct DagWarningFilter {
    /// Of the DAG with this id.
    pub dag_id: Option<String>,
    /// Of this kind.
    #[param(inline)]
    pub warning_type: Option<WarningType>,
}
