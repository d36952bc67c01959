//! The part of its assets that a run is for.

use flow_model::ids::{PartitionKey, RunKey, TenantId};
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

const SET: &str = "UPDATE dag_run SET partition_key = $3 WHERE tenant = $1 AND run_key = $2";

/// Says which part of its assets a run is for.
pub async fn set_partition(
    db: &mut Session,
    tenant: &TenantId,
    run: RunKey,
    key: &PartitionKey,
) -> Result<(), StoreError> {
    let run = run.to_string();
    on!(db, c => {
        sqlx::query(SET).bind(tenant.as_str()).bind(&run).bind(key.as_str()).execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

const FORGET: &str = "UPDATE dag_run SET partition_key = NULL WHERE tenant = $1 AND run_key = $2";

/// Says that a run is for no part of its assets.
pub async fn forget_partition(db: &mut Session, tenant: &TenantId, run: RunKey) -> Result<(), StoreError> {
    let run = run.to_string();
    on!(db, c => sqlx::query(FORGET).bind(tenant.as_str()).bind(&run).execute(&mut *c).await.map(drop))?;
    Ok(())
}

#[derive(Serialize)]
struct KeyColumn {
    run_key: RunKey,
}

const OF_RUNS: Batch = batch!(
    "SELECT d.run_key, d.partition_key FROM ",
    rows(run_key text),
    " CROSS JOIN dag_run AS d WHERE d.run_key = r.run_key AND d.partition_key IS NOT NULL"
);

/// Which parts of their assets these runs are for; a run that is for none is left out.
pub async fn partitions(db: &mut Session, runs: &[RunKey]) -> Result<Vec<(RunKey, PartitionKey)>, StoreError> {
    let part: Vec<KeyColumn> = runs.iter().map(|&run_key| KeyColumn { run_key }).collect();
    let found: Vec<(String, String)> = db.find(OF_RUNS, &part).await?;
    let parse = |(run, key): (String, String)| {
        Ok((column::text("dag_run.run_key", &run)?, column::text("dag_run.partition_key", &key)?))
    };
    found.into_iter().map(parse).collect()
}
