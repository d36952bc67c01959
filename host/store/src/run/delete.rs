//! Deleting runs with all that belongs to them.

use flow_model::ids::{DagId, RunKey, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::metering::KEEP;
use crate::session::Session;

#[derive(Serialize)]
struct KeyColumn {
    run_key: RunKey,
}

macro_rules! delete_from {
    ($table:literal, $column:literal) => {
        batch!(
            concat!("DELETE FROM ", $table, " WHERE tenant = $2 AND ", $column, " IN (SELECT r.run_key FROM "),
            rows(run_key text),
            ")"
        )
    };
}

/// What belongs to a run, in the order in which it goes, after what it has used was added up; the run itself is the last.
const DELETES: [Batch; 17] = [
    KEEP,
    delete_from!("lane", "run_key"),
    delete_from!("xcom", "run_key"),
    delete_from!("task_state", "run_key"),
    delete_from!("log_chunk", "owner"),
    delete_from!("task_try", "run_key"),
    delete_from!("human_input", "run_key"),
    delete_from!("task_instance", "run_key"),
    delete_from!("expansion", "run_key"),
    delete_from!("deadline", "run_key"),
    batch!(
        "DELETE FROM work WHERE tenant = $2 AND kind = 'callback' AND payload IN (SELECT c.id FROM callback AS c \
         WHERE c.tenant = $2 AND c.run_key IN (SELECT r.run_key FROM ",
        rows(run_key text),
        "))"
    ),
    batch!(
        "DELETE FROM log_chunk WHERE tenant = $2 AND owner IN (SELECT 'callback:' || c.id FROM callback AS c \
         WHERE c.tenant = $2 AND c.run_key IN (SELECT r.run_key FROM ",
        rows(run_key text),
        "))"
    ),
    delete_from!("callback", "run_key"),
    delete_from!("asset_emission", "run_key"),
    delete_from!("dag_run_asset_event", "run_key"),
    delete_from!("dag_run_conf", "run_key"),
    delete_from!("dag_run", "run_key"),
];

/// Deletes runs with their task instances, tries, questions, values, state, callbacks and logs. None of them is running, so that only
/// callbacks can have work.
pub async fn delete(db: &mut Session, tenant: &TenantId, runs: &[RunKey]) -> Result<(), StoreError> {
    let part: Vec<_> = runs.iter().map(|&run_key| KeyColumn { run_key }).collect();
    let rows = column::rows(&part)?;
    for statement in DELETES {
        let text = db.text(statement);
        on!(db, c => sqlx::query(text).bind(&rows).bind(tenant.as_str()).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

const SOME_OF_DAG: &str = "SELECT run_key FROM dag_run WHERE tenant = $1 AND dag_id = $2 ORDER BY run_key LIMIT $3";

/// Some runs of a DAG, oldest first.
pub async fn some_of_dag(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    limit: u32,
) -> Result<Vec<RunKey>, StoreError> {
    let found: Vec<String> = on!(db, c => {
        sqlx::query_scalar(SOME_OF_DAG)
            .bind(tenant.as_str())
            .bind(dag.as_str())
            .bind(i64::from(limit))
            .fetch_all(&mut *c)
            .await?
    });
    found.iter().map(|key| column::text("dag_run.run_key", key)).collect()
}

const LOCK_ENDED: Batch =
    locking!("SELECT tenant, run_key FROM dag_run WHERE run_key > $1 AND end_date < $2 ORDER BY run_key LIMIT $3");

/// Locks some runs of all tenants that ended before an instant, oldest first, from behind `after` on.
pub async fn lock_ended(
    db: &mut Session,
    after: Option<RunKey>,
    before: Millis,
    limit: u32,
) -> Result<Vec<(TenantId, RunKey)>, StoreError> {
    let text = db.text(LOCK_ENDED);
    let after = after.map(|key| key.to_string()).unwrap_or_default();
    let found: Vec<(String, String)> = on!(db, c => {
        sqlx::query_as(text).bind(&after).bind(before.0).bind(i64::from(limit)).fetch_all(&mut *c).await?
    });
    let parse = |(tenant, key): &(String, String)| {
        Ok((column::text("dag_run.tenant", tenant)?, column::text("dag_run.run_key", key)?))
    };
    found.iter().map(parse).collect()
}
