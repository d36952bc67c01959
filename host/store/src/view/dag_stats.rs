//! How many runs of each DAG are in each state.

use flow_model::ids::{DagId, TenantId};
use flow_model::state::RunState;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Selection, Source};
use crate::session::Session;

const SELECT: &str = "SELECT r.dag_id, r.state, COUNT(*) AS runs";
const RUNS: Source = Source { from: "FROM dag_run AS r", beside: "", whose: "r.tenant = ?" };

/// The states that runs of these DAGs, or of all, are in, with their numbers of runs, DAG by DAG.
pub async fn counts(
    db: &mut Session,
    tenant: &TenantId,
    dags: &[DagId],
) -> Result<Vec<(DagId, RunState, u64)>, StoreError> {
    let runs = Selection::of(RUNS, tenant).and("r.dag_id IN (?)", dags.iter().map(DagId::as_str));
    let rows: Vec<(String, String, i64)> =
        runs.rows(db, SELECT, "GROUP BY r.dag_id, r.state ORDER BY r.dag_id").await?;
    let row = |(dag, state, runs): (String, String, i64)| {
        let state = column::named("dag_run.state", &state, RunState::from_name)?;
        Ok((column::text("dag_run.dag_id", &dag)?, state, column::count("a count", runs)?))
    };
    rows.into_iter().map(row).collect()
}
