//! Which DAGs refer to which assets, and whose declarations contradict each other.

use std::collections::BTreeSet;

use flow_model::asset::{Reference, ReferenceKind};
use flow_model::ids::{AssetId, AssetName, DagId, ModuleName, TaskId, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

#[derive(Serialize)]
struct Columns<'a> {
    kind: ReferenceKind,
    target: &'a str,
    task_id: &'a str,
}

const INSERT: Batch = batch!(
    "INSERT INTO asset_reference (tenant, dag_id, kind, target, task_id, created_at) \
     SELECT $2, $3, r.kind, r.target, r.task_id, $4 FROM ",
    rows(kind text, target text, task_id text),
    " WHERE true ON CONFLICT DO NOTHING"
);
const DELETE_OTHERS: Batch = batch!(
    "DELETE FROM asset_reference WHERE tenant = $2 AND dag_id = $3 AND (kind, target, task_id) NOT IN \
     (SELECT r.kind, r.target, r.task_id FROM ",
    rows(kind text, target text, task_id text),
    ")"
);

/// Makes these all that a DAG refers to. What it refers to already keeps its date.
pub async fn put(
    db: &mut Session,
    (tenant, dag): (&TenantId, &DagId),
    references: &BTreeSet<Reference>,
    now: Millis,
) -> Result<(), StoreError> {
    let part: Vec<Columns<'_>> = references
        .iter()
        .map(|one| Columns {
            kind: one.kind,
            target: &one.target,
            task_id: one.task.as_ref().map_or("", TaskId::as_str),
        })
        .collect();
    let rows = column::rows(&part)?;
    let text = db.text(DELETE_OTHERS);
    on!(db, c => {
        sqlx::query(text).bind(&rows).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop)
    })?;
    if part.is_empty() {
        return Ok(());
    }
    let text = db.text(INSERT);
    on!(db, c => {
        sqlx::query(text)
            .bind(&rows)
            .bind(tenant.as_str())
            .bind(dag.as_str())
            .bind(now.0)
            .execute(&mut *c)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// What a module's DAGs say of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Its name.
    pub name: AssetName,
    /// Its URI, if they declare it.
    pub uri: Option<String>,
    /// Whether they update or declare it.
    pub is_owner: bool,
}

/// What stands against a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// A DAG of another module declares the asset with another URI.
    Declared {
        /// The asset.
        name: String,
        /// The URI that it has.
        uri: String,
        /// That DAG.
        dag: String,
    },
    /// A DAG of another module refers to another asset of the same URI.
    Uri {
        /// The asset that is claimed.
        name: String,
        /// The URI.
        uri: String,
        /// The other asset.
        other: String,
    },
    /// Another tenant shares the asset with this one.
    Foreign {
        /// The asset.
        name: String,
    },
}

const DECLARED_ELSEWHERE: Batch = batch!(
    "SELECT a.name, a.uri, x.dag_id FROM ",
    rows(name text, uri text),
    " CROSS JOIN asset AS a JOIN asset_reference AS x ON x.tenant = a.tenant AND x.target = a.name \
     AND x.kind = 'declared' JOIN dag AS d ON d.tenant = x.tenant AND d.dag_id = x.dag_id \
     WHERE a.tenant = $2 AND a.name = r.name AND r.uri IS NOT NULL AND a.uri <> r.uri AND d.module <> $3 \
     ORDER BY a.name, x.dag_id LIMIT 1"
);
const URI_ELSEWHERE: Batch = batch!(
    "SELECT r.name, a.uri, a.name AS other FROM ",
    rows(name text, uri text),
    " CROSS JOIN asset AS a WHERE a.tenant = $2 AND a.name <> r.name AND a.uri = COALESCE(r.uri, r.name) \
     AND a.is_active AND (EXISTS (SELECT 1 FROM asset_reference AS x JOIN dag AS d ON d.tenant = x.tenant \
     AND d.dag_id = x.dag_id WHERE x.tenant = a.tenant AND x.target = a.name \
     AND x.kind IN ('declared', 'schedule_name', 'outlet', 'inlet') AND d.module <> $3) \
     OR EXISTS (SELECT 1 FROM asset_grant AS g WHERE g.local_asset_id = a.id)) \
     AND (r.uri IS NOT NULL OR NOT EXISTS (SELECT 1 FROM asset AS known WHERE known.tenant = $2 \
     AND known.name = r.name AND known.uri <> a.uri)) ORDER BY r.name LIMIT 1"
);
const FOREIGN: Batch = batch!(
    "SELECT a.name FROM ",
    rows(name text),
    " CROSS JOIN asset AS a JOIN asset_grant AS g ON g.local_asset_id = a.id \
     WHERE a.tenant = $2 AND a.name = r.name ORDER BY a.name LIMIT 1"
);

/// The first thing that stands against what a module's DAGs say of assets.
pub async fn clash(
    db: &mut Session,
    tenant: &TenantId,
    module: &ModuleName,
    claims: &[Claim],
) -> Result<Option<Clash>, StoreError> {
    let rows = column::rows(claims)?;
    let declared = first(db, DECLARED_ELSEWHERE, (&rows, tenant, module)).await?;
    if let Some((name, uri, dag)) = declared {
        return Ok(Some(Clash::Declared { name, uri, dag }));
    }
    let same_uri = first(db, URI_ELSEWHERE, (&rows, tenant, module)).await?;
    if let Some((name, uri, other)) = same_uri {
        return Ok(Some(Clash::Uri { name, uri, other }));
    }
    let owned: Vec<&Claim> = claims.iter().filter(|claim| claim.is_owner).collect();
    let (text, rows) = (db.text(FOREIGN), column::rows(&owned)?);
    let foreign: Option<String> = on!(db, c => {
        sqlx::query_scalar(text).bind(&rows).bind(tenant.as_str()).fetch_optional(&mut *c).await?
    });
    Ok(foreign.map(|name| Clash::Foreign { name }))
}

async fn first(
    db: &mut Session,
    statement: Batch,
    (rows, tenant, module): (&str, &TenantId, &ModuleName),
) -> Result<Option<(String, String, String)>, StoreError> {
    let text = db.text(statement);
    Ok(on!(db, c => {
        sqlx::query_as(text).bind(rows).bind(tenant.as_str()).bind(module.as_str()).fetch_optional(&mut *c).await?
    }))
}

const PRODUCERS: &str = "SELECT DISTINCT x.dag_id FROM asset AS a JOIN asset_reference AS x ON x.tenant = a.tenant \
     AND x.target = a.name AND x.kind = 'outlet' WHERE a.tenant = $1 AND a.id = $2 ORDER BY x.dag_id LIMIT $3";

/// Some DAGs with tasks that update an asset.
pub async fn producers(
    db: &mut Session,
    tenant: &TenantId,
    asset: AssetId,
    limit: u32,
) -> Result<Vec<DagId>, StoreError> {
    let found: Vec<String> = on!(db, c => {
        sqlx::query_scalar(PRODUCERS)
            .bind(tenant.as_str())
            .bind(asset.0)
            .bind(i64::from(limit))
            .fetch_all(&mut *c)
            .await?
    });
    found.iter().map(|dag| column::text("asset_reference.dag_id", dag)).collect()
}
