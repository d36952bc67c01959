//! DAGs that run when assets are updated: which events they wait for, which assets were updated, and when to look at them.
//!
//! Whoever locks the row of a DAG and this row of it locks the DAG first.

use std::collections::BTreeSet;

use flow_model::asset::ReferenceKind;
use flow_model::ids::{AssetEventId, AssetId, AssetName, AssetUri, DagId, DagVersionId, RunKey, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

const ANNOUNCE: &str = "INSERT INTO asset_consumer (tenant, dag_id, seen, partitions, due_at) \
     VALUES ($1, $2, CASE WHEN $3 THEN 0 ELSE (SELECT COALESCE(MAX(id), 0) FROM asset_event WHERE tenant = $1) END, $4, \
     $5) ON CONFLICT (tenant, dag_id) DO UPDATE SET due_at = excluded.due_at, partitions = excluded.partitions";
const PARTITIONS: &str = "SELECT partitions FROM asset_consumer WHERE tenant = $1 AND dag_id = $2";
const UNQUEUE_OTHERS: &str = "DELETE FROM asset_queue WHERE tenant = $1 AND dag_id = $2 AND asset_id NOT IN \
     (SELECT a.id FROM asset AS a JOIN asset_reference AS x ON x.tenant = a.tenant \
     AND ((x.kind = 'schedule_name' AND x.target = a.name) OR (x.kind = 'schedule_uri' AND x.target = a.uri)) \
     WHERE x.tenant = $1 AND x.dag_id = $2 UNION SELECT m.asset_id FROM asset_alias_member AS m \
     JOIN asset_alias AS l ON l.id = m.alias_id JOIN asset_reference AS x ON x.tenant = l.tenant AND x.target = l.name \
     AND x.kind = 'schedule_alias' WHERE x.tenant = $1 AND x.dag_id = $2)";

/// A DAG that waits for assets from now on.
#[derive(Debug, Clone)]
pub struct Announced<'a> {
    /// Which DAG.
    pub dag: &'a DagId,
    /// How it deals with partitions: one JSON object.
    pub partitions: Option<&'a str>,
    /// Whether events from before it appeared count.
    pub catchup: bool,
}

/// Lets a DAG wait for assets, or for others than it did. Runs that were to be made under other rules for partitions are
/// not made.
pub async fn announce(
    db: &mut Session,
    tenant: &TenantId,
    consumer: &Announced<'_>,
    now: Millis,
) -> Result<(), StoreError> {
    let dag = consumer.dag.as_str();
    let before: Option<Option<String>> = on!(db, c => {
        sqlx::query_scalar(PARTITIONS).bind(tenant.as_str()).bind(dag).fetch_optional(&mut *c).await?
    });
    if before.is_some_and(|before| before.as_deref() != consumer.partitions) {
        super::partition::drop_all(db, tenant, consumer.dag).await?;
    }
    on!(db, c => {
        sqlx::query(ANNOUNCE)
            .bind(tenant.as_str())
            .bind(dag)
            .bind(consumer.catchup)
            .bind(consumer.partitions)
            .bind(now.0)
            .execute(&mut *c)
            .await?;
    });
    on!(db, c => sqlx::query(UNQUEUE_OTHERS).bind(tenant.as_str()).bind(dag).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const UNQUEUE: &str = "DELETE FROM asset_queue WHERE tenant = $1 AND dag_id = $2";
const RENOUNCE: &str = "DELETE FROM asset_consumer WHERE tenant = $1 AND dag_id = $2";

/// Lets a DAG wait for nothing any more.
pub async fn renounce(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<(), StoreError> {
    super::partition::drop_all(db, tenant, dag).await?;
    for statement in [UNQUEUE, RENOUNCE] {
        on!(db, c => sqlx::query(statement).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

/// One way to name what was updated, and which of the updates it is about.
#[derive(Debug, Clone, Serialize)]
pub struct Sought<'a> {
    /// Whose the asset is.
    pub tenant: &'a str,
    /// Which kind of reference.
    pub kind: ReferenceKind,
    /// A name or a URI.
    pub target: &'a str,
    /// The place of the update among the caller's.
    pub n: usize,
}

/// A DAG that waits for one of the updates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Consumer {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which DAG.
    pub dag: DagId,
    /// The place of the update among the caller's.
    pub n: usize,
    /// Whether its runs wait.
    pub is_paused: bool,
    /// Whether it has a run for each part of an asset.
    pub is_partitioned: bool,
    /// Its version.
    pub version: DagVersionId,
}

const SEEKING: Batch = batch!(
    "SELECT DISTINCT c.tenant, c.dag_id, r.n, d.is_paused, c.partitions IS NOT NULL AS is_partitioned, d.version FROM ",
    rows(tenant text, kind text, target text, n bigint),
    " CROSS JOIN asset_reference AS x JOIN asset_consumer AS c ON c.tenant = x.tenant AND c.dag_id = x.dag_id \
     JOIN dag AS d ON d.tenant = x.tenant AND d.dag_id = x.dag_id \
     WHERE x.tenant = r.tenant AND x.target = r.target AND x.kind = r.kind AND NOT d.is_stale"
);

#[derive(sqlx::FromRow)]
struct ConsumerColumns {
    tenant: String,
    dag_id: String,
    n: i64,
    is_paused: bool,
    is_partitioned: bool,
    version: String,
}

/// The DAGs that wait for what was updated, each once for each update.
pub async fn seeking(db: &mut Session, updates: &[Sought<'_>]) -> Result<BTreeSet<Consumer>, StoreError> {
    let found: Vec<ConsumerColumns> = db.find(SEEKING, updates).await?;
    let parse = |row: ConsumerColumns| {
        Ok(Consumer {
            tenant: column::text("asset_consumer.tenant", &row.tenant)?,
            dag: column::text("asset_consumer.dag_id", &row.dag_id)?,
            n: column::count("n", row.n)?,
            is_paused: row.is_paused,
            is_partitioned: row.is_partitioned,
            version: column::text("dag.version", &row.version)?,
        })
    };
    found.into_iter().map(parse).collect()
}

#[derive(Serialize)]
struct KeyColumns<'a> {
    tenant: &'a str,
    dag_id: &'a str,
}

fn keys(dags: &BTreeSet<(&TenantId, &DagId)>) -> Result<String, StoreError> {
    let part: Vec<KeyColumns<'_>> =
        dags.iter().map(|(tenant, dag)| KeyColumns { tenant: tenant.as_str(), dag_id: dag.as_str() }).collect();
    column::rows(&part)
}

const LOCK: Batch = batch!(
    "SELECT tenant, dag_id FROM asset_consumer WHERE (tenant, dag_id) IN (SELECT r.tenant, r.dag_id FROM ",
    rows(tenant text, dag_id text),
    ") ORDER BY tenant, dag_id",
    locking
);

/// Locks what DAGs wait for, in the one order that everybody locks it in. Events for them get their numbers after that.
pub async fn lock(db: &mut Session, dags: &BTreeSet<(&TenantId, &DagId)>) -> Result<(), StoreError> {
    let (text, rows) = (db.text(LOCK), keys(dags)?);
    on!(db, c => sqlx::query(text).bind(&rows).fetch_all(&mut *c).await.map(drop))?;
    Ok(())
}

#[derive(Serialize)]
struct QueueColumns<'a> {
    tenant: &'a str,
    dag_id: &'a str,
    asset_id: AssetId,
}

const QUEUE: Batch = batch!(
    "INSERT INTO asset_queue (tenant, dag_id, asset_id, queued_at) \
     SELECT DISTINCT r.tenant, r.dag_id, r.asset_id, $2 FROM ",
    rows(tenant text, dag_id text, asset_id bigint),
    " WHERE true ON CONFLICT DO NOTHING"
);

/// Notes that assets were updated for DAGs.
pub async fn queue(db: &mut Session, updates: &[(&TenantId, &DagId, AssetId)], now: Millis) -> Result<(), StoreError> {
    let part: Vec<QueueColumns<'_>> = updates
        .iter()
        .map(|&(tenant, dag, asset_id)| QueueColumns { tenant: tenant.as_str(), dag_id: dag.as_str(), asset_id })
        .collect();
    let (text, rows) = (db.text(QUEUE), column::rows(&part)?);
    on!(db, c => sqlx::query(text).bind(&rows).bind(now.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const WAKE: Batch = batch!(
    "UPDATE asset_consumer SET due_at = $2 WHERE (tenant, dag_id) IN (SELECT r.tenant, r.dag_id FROM ",
    rows(tenant text, dag_id text),
    ")"
);

/// Lets somebody look at DAGs at `now`.
pub async fn wake(db: &mut Session, dags: &BTreeSet<(&TenantId, &DagId)>, now: Millis) -> Result<(), StoreError> {
    let (text, rows) = (db.text(WAKE), keys(dags)?);
    on!(db, c => sqlx::query(text).bind(&rows).bind(now.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const NEXT_DUE: &str = "SELECT MIN(due_at) FROM asset_consumer WHERE due_at IS NOT NULL";

/// When the next DAG is to be looked at.
pub async fn next_due(db: &mut Session) -> Result<Option<Millis>, StoreError> {
    let at: Option<i64> = on!(db, c => sqlx::query_scalar(NEXT_DUE).fetch_one(&mut *c).await)?;
    Ok(column::instant(at))
}

const DUE: &str =
    "SELECT tenant, dag_id FROM asset_consumer WHERE due_at <= $1 ORDER BY due_at, tenant, dag_id LIMIT $2";

/// DAGs to be looked at, at most `limit`. They are not locked: whoever looks finds out whether another one was faster.
pub async fn due(db: &mut Session, now: Millis, limit: u32) -> Result<Vec<(TenantId, DagId)>, StoreError> {
    let limit = i64::from(limit);
    let found: Vec<(String, String)> =
        on!(db, c => sqlx::query_as(DUE).bind(now.0).bind(limit).fetch_all(&mut *c).await)?;
    let parse = |(tenant, dag): (String, String)| {
        Ok((column::text("asset_consumer.tenant", &tenant)?, column::text("asset_consumer.dag_id", &dag)?))
    };
    found.into_iter().map(parse).collect()
}

const LOCK_DUE: Batch = locking!("SELECT seen FROM asset_consumer WHERE tenant = $1 AND dag_id = $2 AND due_at <= $3");

/// Locks a DAG that is to be looked at and answers the number of the last event that a run has taken; `None` if somebody
/// else has looked.
pub async fn lock_due(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    now: Millis,
) -> Result<Option<AssetEventId>, StoreError> {
    let text = db.text(LOCK_DUE);
    let seen: Option<i64> = on!(db, c => {
        sqlx::query_scalar(text).bind(tenant.as_str()).bind(dag.as_str()).bind(now.0).fetch_optional(&mut *c).await?
    });
    Ok(seen.map(AssetEventId))
}

const REST: &str = "UPDATE asset_consumer SET due_at = $3 WHERE tenant = $1 AND dag_id = $2";

/// Notes when a locked DAG is to be looked at again, if nothing happens until then.
pub async fn rest(db: &mut Session, tenant: &TenantId, dag: &DagId, due_at: Option<Millis>) -> Result<(), StoreError> {
    let due_at = due_at.map(|at| at.0);
    on!(db, c => {
        sqlx::query(REST).bind(tenant.as_str()).bind(dag.as_str()).bind(due_at).execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

/// An asset that was updated since a DAG's last run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its name.
    pub name: AssetName,
    /// Its URI.
    pub uri: AssetUri,
    /// The aliases under which it has been updated, now or before.
    pub aliases: Vec<AssetName>,
    /// When the first of the updates was.
    pub queued_at: Millis,
}

const QUEUED: &str = "SELECT a.id, a.name, a.uri, q.queued_at, l.name AS alias FROM asset_queue AS q \
     JOIN asset AS a ON a.id = q.asset_id LEFT JOIN asset_alias_member AS m ON m.asset_id = a.id \
     LEFT JOIN asset_alias AS l ON l.id = m.alias_id WHERE q.tenant = $1 AND q.dag_id = $2 ORDER BY a.id, l.name";

#[derive(sqlx::FromRow)]
struct QueuedColumns {
    id: i64,
    name: String,
    uri: String,
    queued_at: i64,
    alias: Option<String>,
}

/// The assets that were updated since a DAG's last run.
pub async fn queued(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Vec<Queued>, StoreError> {
    let rows: Vec<QueuedColumns> =
        on!(db, c => sqlx::query_as(QUEUED).bind(tenant.as_str()).bind(dag.as_str()).fetch_all(&mut *c).await)?;
    let mut queued: Vec<(i64, Queued)> = Vec::new();
    for row in rows {
        let alias: Option<AssetName> = column::optional("asset_alias.name", row.alias.as_deref())?;
        match queued.last_mut().filter(|(id, _)| *id == row.id) {
            Some((_, last)) => last.aliases.extend(alias),
            None => queued.push((
                row.id,
                Queued {
                    name: column::text("asset.name", &row.name)?,
                    uri: column::text("asset.uri", &row.uri)?,
                    aliases: alias.into_iter().collect(),
                    queued_at: Millis(row.queued_at),
                },
            )),
        }
    }
    Ok(queued.into_iter().map(|(_, queued)| queued).collect())
}

const TAKE: &str = "INSERT INTO dag_run_asset_event (run_key, event_id, tenant) SELECT $3, e.id, $1 \
     FROM asset_event AS e WHERE e.tenant = $1 AND e.id > $4 AND (e.asset_id IN (SELECT a.id FROM asset_reference AS x \
     JOIN asset AS a ON a.tenant = x.tenant AND ((x.kind = 'schedule_name' AND a.name = x.target) \
     OR (x.kind = 'schedule_uri' AND a.uri = x.target)) WHERE x.tenant = $1 AND x.dag_id = $2) \
     OR e.id IN (SELECT t.event_id FROM asset_reference AS x JOIN asset_alias AS l ON l.tenant = x.tenant \
     AND l.name = x.target JOIN asset_event_alias AS t ON t.alias_id = l.id AND t.event_id > $4 \
     WHERE x.tenant = $1 AND x.dag_id = $2 AND x.kind = 'schedule_alias')) RETURNING event_id";
const SEEN: &str = "UPDATE asset_consumer SET seen = $3 WHERE tenant = $1 AND dag_id = $2";

/// Gives a run every event since the last one that its locked DAG's runs have taken, and empties the DAG's queue. Answers
/// how many events there are.
pub async fn take(
    db: &mut Session,
    (tenant, dag): (&TenantId, &DagId),
    run: RunKey,
    seen: AssetEventId,
) -> Result<usize, StoreError> {
    let run = run.to_string();
    let taken: Vec<i64> = on!(db, c => {
        sqlx::query_scalar(TAKE)
            .bind(tenant.as_str())
            .bind(dag.as_str())
            .bind(&run)
            .bind(seen.0)
            .fetch_all(&mut *c)
            .await?
    });
    let seen = taken.iter().copied().max().unwrap_or(seen.0);
    on!(db, c => {
        sqlx::query(SEEN).bind(tenant.as_str()).bind(dag.as_str()).bind(seen).execute(&mut *c).await.map(drop)
    })?;
    on!(db, c => sqlx::query(UNQUEUE).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop))?;
    Ok(taken.len())
}
