//! Events: that an asset was updated, by whom, and what else is to be known.

use flow_model::ids::{
    AliasId, AssetEventId, AssetId, AssetName, DagId, PartitionKey, RunId, RunKey, TaskId, TenantId,
};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// An event to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Whose it is.
    pub tenant: TenantId,
    /// The asset that was updated.
    pub asset: AssetId,
    /// One JSON object.
    pub extra: String,
    /// The task instance that updated it, if one did.
    pub source: Option<Source>,
    /// Which part of it was updated.
    pub partition_key: Option<PartitionKey>,
}

/// A task instance, by the names that people know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its DAG.
    pub dag: DagId,
    /// Its run.
    pub run: RunId,
    /// Its task.
    pub task: TaskId,
    /// The index of a mapped instance.
    pub map_index: Option<u32>,
}

#[derive(Serialize)]
struct Columns<'a> {
    n: usize,
    tenant: &'a str,
    asset_id: AssetId,
    extra: &'a str,
    source_dag_id: Option<&'a str>,
    source_task_id: Option<&'a str>,
    source_run_id: Option<&'a str>,
    source_map_index: i64,
    partition_key: Option<&'a str>,
}

impl<'a> From<(usize, &'a NewEvent)> for Columns<'a> {
    fn from((n, event): (usize, &'a NewEvent)) -> Self {
        let source = event.source.as_ref();
        Self {
            n,
            tenant: event.tenant.as_str(),
            asset_id: event.asset,
            extra: &event.extra,
            source_dag_id: source.map(|source| source.dag.as_str()),
            source_task_id: source.map(|source| source.task.as_str()),
            source_run_id: source.map(|source| source.run.as_str()),
            source_map_index: column::map_index(source.and_then(|source| source.map_index)),
            partition_key: event.partition_key.as_ref().map(PartitionKey::as_str),
        }
    }
}

const INSERT: Batch = batch!(
    "INSERT INTO asset_event (tenant, asset_id, occurred_at, extra, source_dag_id, source_task_id, source_run_id, \
     source_map_index, partition_key) SELECT r.tenant, r.asset_id, $2, r.extra, r.source_dag_id, r.source_task_id, \
     r.source_run_id, r.source_map_index, r.partition_key FROM ",
    rows(
        n bigint,
        tenant text,
        asset_id bigint,
        extra text,
        source_dag_id text,
        source_task_id text,
        source_run_id text,
        source_map_index bigint,
        partition_key text
    ),
    " WHERE true ORDER BY r.n RETURNING id"
);

/// Stores events that happened at `now`. Answers their numbers, in their order. The caller holds the rows of the DAGs that
/// wait for them, see [`super::consumer::lock`].
pub async fn insert(db: &mut Session, events: &[NewEvent], now: Millis) -> Result<Vec<AssetEventId>, StoreError> {
    let mut numbers = Vec::with_capacity(events.len());
    for part in events.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns<'_>> = part.iter().enumerate().map(Columns::from).collect();
        let (text, rows) = (db.text(INSERT), column::rows(&part)?);
        let mut given: Vec<i64> =
            on!(db, c => sqlx::query_scalar(text).bind(&rows).bind(now.0).fetch_all(&mut *c).await)?;
        // Rows get their numbers in the order in which they are selected, and may be answered in another.
        given.sort_unstable();
        numbers.extend(given.into_iter().map(AssetEventId));
    }
    Ok(numbers)
}

#[derive(Serialize)]
struct AliasColumns<'a> {
    event_id: AssetEventId,
    alias_id: AliasId,
    tenant: &'a str,
}

const ADD_ALIASES: Batch = batch!(
    "INSERT INTO asset_event_alias (event_id, alias_id, tenant) SELECT r.event_id, r.alias_id, r.tenant FROM ",
    rows(event_id bigint, alias_id bigint, tenant text),
    ""
);

/// Notes the aliases in whose name events were emitted.
pub async fn add_aliases(db: &mut Session, aliases: &[(&TenantId, AssetEventId, AliasId)]) -> Result<(), StoreError> {
    let part: Vec<AliasColumns<'_>> = aliases
        .iter()
        .map(|&(tenant, event_id, alias_id)| AliasColumns { event_id, alias_id, tenant: tenant.as_str() })
        .collect();
    db.write(ADD_ALIASES, &part).await?;
    Ok(())
}

/// An event as tasks get to know it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Told {
    name: String,
    uri: String,
    occurred_at: i64,
    extra: String,
    source_dag_id: Option<String>,
    source_task_id: Option<String>,
    source_run_id: Option<String>,
    source_map_index: i64,
    partition_key: Option<String>,
}

impl Told {
    /// One JSON object as text. `extra` is put in as it is.
    fn json(&self) -> Result<String, StoreError> {
        let text = |value: &Option<String>| column::to_json(value);
        Ok(format!(
            "{{\"asset\":{{\"name\":{},\"uri\":{}}},\"timestamp\":{},\"extra\":{},\"source_dag_id\":{},\
             \"source_run_id\":{},\"source_task_id\":{},\"source_map_index\":{},\"partition_key\":{}}}",
            column::to_json(&self.name)?,
            column::to_json(&self.uri)?,
            column::to_json(&Millis(self.occurred_at))?,
            self.extra,
            text(&self.source_dag_id)?,
            text(&self.source_run_id)?,
            text(&self.source_task_id)?,
            self.source_map_index,
            text(&self.partition_key)?,
        ))
    }
}

macro_rules! told {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT a.name, a.uri, e.occurred_at, e.extra, e.source_dag_id, e.source_task_id, e.source_run_id, ",
            "e.source_map_index, e.partition_key ",
            $from,
            " JOIN asset AS a ON a.id = e.asset_id ",
            $rest
        )
    };
}

const OF_RUN: &str = told!(
    "FROM dag_run_asset_event AS t JOIN asset_event AS e ON e.id = t.event_id",
    "WHERE t.tenant = $1 AND t.run_key = $2 ORDER BY e.id"
);

/// The events that a run was made for, oldest first, each as one JSON object.
pub async fn of_run(db: &mut Session, tenant: &TenantId, run: RunKey) -> Result<Vec<String>, StoreError> {
    let run = run.to_string();
    let found: Vec<Told> =
        on!(db, c => sqlx::query_as(OF_RUN).bind(tenant.as_str()).bind(&run).fetch_all(&mut *c).await)?;
    found.iter().map(Told::json).collect()
}

const SINCE: &str = told!(
    "FROM (SELECT n.* FROM asset AS o JOIN asset_event AS n ON n.asset_id = o.id WHERE o.tenant = $1 AND o.name = $2 \
     AND n.occurred_at >= $3 ORDER BY n.id DESC LIMIT $4) AS e",
    "ORDER BY e.id"
);

/// The latest events of an asset since an instant, oldest first, each as one JSON object.
pub async fn since(
    db: &mut Session,
    tenant: &TenantId,
    asset: &AssetName,
    (since, limit): (Option<Millis>, u32),
) -> Result<Vec<String>, StoreError> {
    let since = since.map_or(i64::MIN, |at| at.0);
    let found: Vec<Told> = on!(db, c => {
        sqlx::query_as(SINCE)
            .bind(tenant.as_str())
            .bind(asset.as_str())
            .bind(since)
            .bind(i64::from(limit))
            .fetch_all(&mut *c)
            .await?
    });
    found.iter().map(Told::json).collect()
}

const ANY_SINCE: &str = "SELECT EXISTS (SELECT 1 FROM asset AS a JOIN asset_event AS e ON e.asset_id = a.id \
     WHERE a.tenant = $1 AND a.name = $2 AND e.occurred_at >= $3)";

/// Whether an asset has had an event since an instant.
pub async fn any_since(
    db: &mut Session,
    tenant: &TenantId,
    asset: &AssetName,
    since: Millis,
) -> Result<bool, StoreError> {
    Ok(on!(db, c => {
        sqlx::query_scalar(ANY_SINCE)
            .bind(tenant.as_str())
            .bind(asset.as_str())
            .bind(since.0)
            .fetch_one(&mut *c)
            .await?
    }))
}

const FORGET_ALIASES: &str = "DELETE FROM asset_event_alias WHERE event_id IN (SELECT id FROM asset_event \
     WHERE occurred_at < $1 ORDER BY occurred_at LIMIT $2)";
const FORGET_PARTITIONS: &str = "DELETE FROM partition_event WHERE event_id IN (SELECT id FROM asset_event \
     WHERE occurred_at < $1 ORDER BY occurred_at LIMIT $2)";
const FORGET_RUNS: &str = "DELETE FROM dag_run_asset_event WHERE event_id IN (SELECT id FROM asset_event \
     WHERE occurred_at < $1 ORDER BY occurred_at LIMIT $2)";
const FORGET: &str = "DELETE FROM asset_event WHERE id IN (SELECT id FROM asset_event WHERE occurred_at < $1 \
     ORDER BY occurred_at LIMIT $2)";

/// Removes some events of all tenants that happened before an instant; answers how many.
pub async fn forget(db: &mut Session, before: Millis, limit: u32) -> Result<u64, StoreError> {
    let mut gone = 0;
    for statement in [FORGET_ALIASES, FORGET_PARTITIONS, FORGET_RUNS, FORGET] {
        gone = on!(db, c => {
            sqlx::query(statement).bind(before.0).bind(i64::from(limit)).execute(&mut *c).await?.rows_affected()
        });
    }
    Ok(gone)
}
