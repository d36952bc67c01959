//! Runs to be made for single partitions, and the events that have come for each.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::asset::partition::{AssetNames, Received};
use flow_model::ids::{AssetEventId, AssetId, AssetName, DagId, PartitionKey, RunKey, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// An event that a run for one partition waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// Whose the DAG is.
    pub tenant: &'a TenantId,
    /// The DAG.
    pub dag: &'a DagId,
    /// The partition of the DAG.
    pub key: PartitionKey,
    /// The event.
    pub event: AssetEventId,
    /// The asset.
    pub asset: AssetId,
    /// The partition of the asset.
    pub source_key: &'a PartitionKey,
}

#[derive(Serialize)]
struct Columns<'a> {
    tenant: &'a str,
    dag_id: &'a str,
    partition_key: &'a str,
    event_id: AssetEventId,
    asset_id: AssetId,
    source_key: &'a str,
}

const EXPECT: Batch = batch!(
    "INSERT INTO partition_run (tenant, dag_id, partition_key, is_touched, created_at) \
     SELECT DISTINCT r.tenant, r.dag_id, r.partition_key, true, $2 FROM ",
    rows(tenant text, dag_id text, partition_key text),
    " WHERE true ORDER BY r.tenant, r.dag_id, r.partition_key \
     ON CONFLICT (tenant, dag_id, partition_key) DO UPDATE SET is_touched = true"
);
const ARRIVE: Batch = batch!(
    "INSERT INTO partition_event (partition_run_id, event_id, asset_id, source_key, tenant) \
     SELECT p.id, r.event_id, r.asset_id, r.source_key, r.tenant FROM ",
    rows(tenant text, dag_id text, partition_key text, event_id bigint, asset_id bigint, source_key text),
    " CROSS JOIN partition_run AS p WHERE p.tenant = r.tenant AND p.dag_id = r.dag_id \
     AND p.partition_key = r.partition_key ON CONFLICT DO NOTHING"
);

/// Notes events for the runs of partitions; runs that nobody waited for are waited for from now on.
pub async fn arrive(db: &mut Session, arrivals: &[Arrival<'_>], now: Millis) -> Result<(), StoreError> {
    for part in arrivals.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns<'_>> = part
            .iter()
            .map(|one| Columns {
                tenant: one.tenant.as_str(),
                dag_id: one.dag.as_str(),
                partition_key: one.key.as_str(),
                event_id: one.event,
                asset_id: one.asset,
                source_key: one.source_key.as_str(),
            })
            .collect();
        let rows = column::rows(&part)?;
        let text = db.text(EXPECT);
        on!(db, c => sqlx::query(text).bind(&rows).bind(now.0).execute(&mut *c).await.map(drop))?;
        let text = db.text(ARRIVE);
        on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

/// A run to be made, if enough has come for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRun {
    /// Its number.
    pub id: i64,
    /// Its partition.
    pub key: PartitionKey,
    /// The keys that have come, by asset.
    pub received: BTreeMap<AssetNames, Received>,
}

const TOUCHED: &str = "SELECT id, partition_key FROM partition_run WHERE tenant = $1 AND dag_id = $2 AND is_touched \
     ORDER BY id LIMIT $3";
const RECEIVED: Batch = batch!(
    "SELECT e.partition_run_id, e.source_key, a.name, a.uri, l.name AS alias FROM ",
    rows(id bigint),
    " CROSS JOIN partition_event AS e JOIN asset AS a ON a.id = e.asset_id \
     LEFT JOIN asset_event_alias AS t ON t.event_id = e.event_id LEFT JOIN asset_alias AS l ON l.id = t.alias_id \
     WHERE e.partition_run_id = r.id AND a.is_active ORDER BY e.partition_run_id, a.id"
);

#[derive(Serialize)]
struct IdColumn {
    id: i64,
}

#[derive(sqlx::FromRow)]
struct ReceivedColumns {
    partition_run_id: i64,
    source_key: String,
    name: String,
    uri: String,
    alias: Option<String>,
}

/// The runs of a DAG for which something has come since somebody looked, oldest first. The caller holds its lock.
pub async fn touched(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    limit: u32,
) -> Result<Vec<PendingRun>, StoreError> {
    let limit = i64::from(limit);
    let found: Vec<(i64, String)> = on!(db, c => {
        sqlx::query_as(TOUCHED).bind(tenant.as_str()).bind(dag.as_str()).bind(limit).fetch_all(&mut *c).await?
    });
    let ids: Vec<IdColumn> = found.iter().map(|(id, _)| IdColumn { id: *id }).collect();
    let events: Vec<ReceivedColumns> = db.find(RECEIVED, &ids).await?;
    let mut of_runs = gather(events)?;
    let pending = |(id, key): (i64, String)| {
        let key = column::text("partition_run.partition_key", &key)?;
        Ok(PendingRun { id, key, received: of_runs.remove(&id).unwrap_or_default() })
    };
    found.into_iter().map(pending).collect()
}

/// What one asset has brought: the aliases that it came under, and its keys.
type Brought = (BTreeSet<AssetName>, Received);

fn gather(events: Vec<ReceivedColumns>) -> Result<BTreeMap<i64, BTreeMap<AssetNames, Received>>, StoreError> {
    let mut of_runs: BTreeMap<i64, BTreeMap<(String, String), Brought>> = BTreeMap::new();
    for event in events {
        let of_run = of_runs.entry(event.partition_run_id).or_default();
        let (aliases, keys) = of_run.entry((event.name, event.uri)).or_default();
        aliases.extend(column::optional("asset_alias.name", event.alias.as_deref())?);
        keys.insert(event.source_key);
    }
    let names = |((name, uri), (aliases, keys)): ((String, String), Brought)| {
        let name = column::text("asset.name", &name)?;
        let uri = column::text("asset.uri", &uri)?;
        Ok::<_, StoreError>((AssetNames { name, uri, aliases }, keys))
    };
    let of_run = |(id, assets): (i64, BTreeMap<(String, String), Brought>)| {
        Ok((id, assets.into_iter().map(names).collect::<Result<_, _>>()?))
    };
    of_runs.into_iter().map(of_run).collect()
}

const LOOKED_AT: Batch = batch!(
    "UPDATE partition_run SET is_touched = false WHERE id IN (SELECT r.id FROM ",
    rows(id bigint),
    ") AND tenant = $2"
);

/// Notes that somebody has looked at runs for which not enough has come.
pub async fn looked_at(db: &mut Session, tenant: &TenantId, runs: &[i64]) -> Result<(), StoreError> {
    let ids: Vec<IdColumn> = runs.iter().map(|id| IdColumn { id: *id }).collect();
    let (text, rows) = (db.text(LOOKED_AT), column::rows(&ids)?);
    on!(db, c => sqlx::query(text).bind(&rows).bind(tenant.as_str()).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const GIVE: &str = "INSERT INTO dag_run_asset_event (run_key, event_id, tenant) SELECT $3, event_id, $1 \
     FROM partition_event WHERE tenant = $1 AND partition_run_id = $2";
const FORGET_EVENTS: &str = "DELETE FROM partition_event WHERE tenant = $1 AND partition_run_id = $2";
const FORGET_RUN: &str = "DELETE FROM partition_run WHERE tenant = $1 AND id = $2";

/// Gives the events that have come for a partition to its run; a later event of that partition begins another run.
pub async fn fulfil(db: &mut Session, tenant: &TenantId, pending: i64, run: RunKey) -> Result<(), StoreError> {
    let run = run.to_string();
    on!(db, c => {
        sqlx::query(GIVE).bind(tenant.as_str()).bind(pending).bind(&run).execute(&mut *c).await.map(drop)
    })?;
    for statement in [FORGET_EVENTS, FORGET_RUN] {
        on!(db, c => sqlx::query(statement).bind(tenant.as_str()).bind(pending).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

const DROP_EVENTS: &str = "DELETE FROM partition_event WHERE tenant = $1 AND partition_run_id IN \
     (SELECT id FROM partition_run WHERE tenant = $1 AND dag_id = $2)";
const DROP_RUNS: &str = "DELETE FROM partition_run WHERE tenant = $1 AND dag_id = $2";

/// Lets go of every run that was to be made for a partition of a DAG.
pub async fn drop_all(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<(), StoreError> {
    for statement in [DROP_EVENTS, DROP_RUNS] {
        on!(db, c => sqlx::query(statement).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}
