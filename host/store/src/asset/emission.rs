//! What running attempts have said of assets, kept until they end.

use flow_model::asset::Emission;
use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, RunKey, TenantId};
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;
use crate::task_instance::TaskKey;

const COUNT: &str = "SELECT COUNT(*) FROM asset_emission WHERE tenant = $1 AND attempt = $2 AND (run_key, task_index, \
     map_index) IN (SELECT run_key, task_index, map_index FROM work WHERE tenant = $1 AND attempt = $2)";

/// How many an attempt has made.
pub async fn count(db: &mut Session, tenant: &TenantId, attempt: AttemptId) -> Result<u64, StoreError> {
    let attempt = attempt.to_string();
    let made: i64 = on!(db, c => {
        sqlx::query_scalar(COUNT).bind(tenant.as_str()).bind(&attempt).fetch_one(&mut *c).await?
    });
    column::count("asset_emission", made)
}

const ADD: &str = "INSERT INTO asset_emission (run_key, task_index, map_index, attempt, seq, tenant, asset, alias, \
     partition_key, extra) SELECT w.run_key, w.task_index, w.map_index, w.attempt, (SELECT COALESCE(MAX(e.seq), 0) + 1 \
     FROM asset_emission AS e WHERE e.run_key = w.run_key AND e.task_index = w.task_index AND e.map_index = w.map_index \
     AND e.attempt = w.attempt), w.tenant, $3, $4, $5, $6 FROM work AS w WHERE w.tenant = $1 AND w.attempt = $2 \
     AND w.worker IS NOT NULL AND w.run_key IS NOT NULL";

/// Keeps one; `false` if the attempt holds no lease.
pub async fn add(
    db: &mut Session,
    (tenant, attempt): (&TenantId, AttemptId),
    emission: &Emission,
) -> Result<bool, StoreError> {
    let extra = column::to_json(&emission.extra)?;
    let rows = on!(db, c => {
        sqlx::query(ADD)
            .bind(tenant.as_str())
            .bind(attempt.to_string())
            .bind(emission.asset.as_str())
            .bind(emission.alias.as_ref().map(flow_model::ids::AssetName::as_str))
            .bind(emission.partition_key.as_ref().map(flow_model::ids::PartitionKey::as_str))
            .bind(&extra)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

#[derive(Serialize)]
struct KeyColumns {
    run_key: RunKey,
    task_index: u32,
    map_index: i64,
}

const OF_INSTANCES: Batch = batch!(
    "SELECT e.run_key, e.task_index, e.map_index, e.asset, e.alias, e.partition_key, e.extra FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    " CROSS JOIN asset_emission AS e WHERE e.run_key = r.run_key AND e.task_index = r.task_index \
     AND e.map_index = r.map_index ORDER BY e.run_key, e.task_index, e.map_index, e.attempt, e.seq"
);
const FORGET: Batch = batch!(
    "DELETE FROM asset_emission WHERE (run_key, task_index, map_index) IN \
     (SELECT r.run_key, r.task_index, r.map_index FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    ")"
);

#[derive(sqlx::FromRow)]
struct Columns {
    run_key: String,
    task_index: i64,
    map_index: i64,
    asset: String,
    alias: Option<String>,
    partition_key: Option<String>,
    extra: String,
}

/// Takes away what attempts of these task instances have said, each in order, the oldest attempt first: a try that waited in
/// between has several.
pub async fn take(db: &mut Session, tasks: &[TaskKey]) -> Result<Vec<(TaskKey, Emission)>, StoreError> {
    let part: Vec<KeyColumns> = tasks
        .iter()
        .map(|key| KeyColumns { run_key: key.run, task_index: key.task.0, map_index: column::map_index(key.map_index) })
        .collect();
    let rows = column::rows(&part)?;
    let text = db.text(OF_INSTANCES);
    let found: Vec<Columns> = on!(db, c => sqlx::query_as(text).bind(&rows).fetch_all(&mut *c).await)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let text = db.text(FORGET);
    on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    let parse = |row: Columns| {
        let emission = Emission {
            asset: column::text("asset_emission.asset", &row.asset)?,
            alias: column::optional("asset_emission.alias", row.alias.as_deref())?,
            partition_key: column::optional("asset_emission.partition_key", row.partition_key.as_deref())?,
            extra: column::json("asset_emission.extra", &row.extra)?,
        };
        let key = TaskKey {
            run: column::text("asset_emission.run_key", &row.run_key)?,
            task: TaskIndex(column::count("asset_emission.task_index", row.task_index)?),
            map_index: column::read_map_index(row.map_index),
        };
        Ok((key, emission))
    };
    found.into_iter().map(parse).collect()
}
