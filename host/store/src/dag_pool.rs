//! Which pools the present versions of DAGs name, and how many slots their tasks take at most.

use flow_model::ids::{DagId, PoolName, TenantId};
use serde::Serialize;

use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

const CLEAR: &str = "DELETE FROM dag_pool WHERE tenant = $1 AND dag_id = $2";
const PUT: Batch = batch!(
    "INSERT INTO dag_pool (tenant, dag_id, pool, slots) SELECT r.tenant, r.dag_id, r.pool, r.slots FROM ",
    rows(tenant text, dag_id text, pool text, slots bigint),
    ""
);

#[derive(Serialize)]
struct Columns<'a> {
    tenant: &'a str,
    dag_id: &'a str,
    pool: &'a str,
    slots: u32,
}

/// From now on a DAG names these pools and no others.
pub async fn put<'p>(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    pools: impl IntoIterator<Item = (&'p PoolName, &'p u32)>,
) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(CLEAR).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop))?;
    let part: Vec<Columns<'_>> = pools
        .into_iter()
        .map(|(pool, &slots)| Columns { tenant: tenant.as_str(), dag_id: dag.as_str(), pool: pool.as_str(), slots })
        .collect();
    if !part.is_empty() {
        db.write(PUT, &part).await?;
    }
    Ok(())
}
