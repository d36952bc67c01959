//! Versions of DAGs: immutable, each pinned to the component that runs it.

use flow_model::ids::{AttemptId, DagId, DagVersionId, Digest, ModuleName, TenantId};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::session::Session;

/// One version of a DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Its id.
    pub id: DagVersionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its DAG.
    pub dag_id: DagId,
    /// Its number within the DAG, from 1.
    pub number: u32,
    /// The module that describes it.
    pub module: ModuleName,
    /// The module's version.
    pub module_version: u32,
    /// The component that runs its tasks.
    pub digest: Digest,
    /// The DAG: a [`flow_model::dag::DagSpec`] as JSON.
    pub spec: String,
    /// Which part of it runs, if not all does: a [`flow_model::graph::Part`] as JSON.
    pub part: Option<String>,
    /// Since when it exists.
    pub created_at: Millis,
}

#[derive(sqlx::FromRow)]
struct Columns {
    id: String,
    tenant: String,
    dag_id: String,
    number: i64,
    module: String,
    module_version: i64,
    digest: String,
    spec: String,
    part: Option<String>,
    created_at: i64,
}

impl TryFrom<Columns> for VersionRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: column::text("dag_version.id", &row.id)?,
            tenant: column::text("dag_version.tenant", &row.tenant)?,
            dag_id: column::text("dag_version.dag_id", &row.dag_id)?,
            number: column::count("dag_version.number", row.number)?,
            module: column::text("dag_version.module", &row.module)?,
            module_version: column::count("dag_version.module_version", row.module_version)?,
            digest: column::text("dag_version.digest", &row.digest)?,
            spec: row.spec,
            part: row.part,
            created_at: Millis(row.created_at),
        })
    }
}

const INSERT: &str = "INSERT INTO dag_version (id, tenant, dag_id, number, module, module_version, digest, spec, \
     created_at, part) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Creates a version.
pub async fn insert(db: &mut Session, row: &VersionRow) -> Result<(), StoreError> {
    let (id, digest) = (row.id.to_string(), row.digest.to_string());
    on!(db, c => sqlx::query(INSERT).bind(&id).bind(row.tenant.as_str()).bind(row.dag_id.as_str())
        .bind(i64::from(row.number)).bind(row.module.as_str()).bind(i64::from(row.module_version)).bind(&digest)
        .bind(&row.spec).bind(row.created_at.0).bind(row.part.as_deref()).execute(&mut *c).await.map(drop))?;
    Ok(())
}

macro_rules! columns_of_version {
    ($rest:literal) => {
        concat!(
            "SELECT id, tenant, dag_id, number, module, module_version, digest, spec, part, created_at FROM dag_version ",
            $rest
        )
    };
}

const FIND: &str = columns_of_version!("WHERE tenant = $1 AND id = $2");

/// One version by its id.
pub async fn find(db: &mut Session, tenant: &TenantId, id: DagVersionId) -> Result<Option<VersionRow>, StoreError> {
    let id = id.to_string();
    let row: Option<Columns> =
        on!(db, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(&id).fetch_optional(&mut *c).await)?;
    row.map(VersionRow::try_from).transpose()
}

const LATEST: &str =
    columns_of_version!("WHERE tenant = $1 AND dag_id = $2 AND part IS NULL ORDER BY number DESC LIMIT 1");

/// The newest version of a DAG.
pub async fn latest(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Option<VersionRow>, StoreError> {
    let row: Option<Columns> =
        on!(db, c => sqlx::query_as(LATEST).bind(tenant.as_str()).bind(dag.as_str()).fetch_optional(&mut *c).await)?;
    row.map(VersionRow::try_from).transpose()
}

const NUMBERED: &str = columns_of_version!("WHERE tenant = $1 AND dag_id = $2 AND number = $3 AND part IS NULL");

/// One version by its number.
pub async fn numbered(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    number: u32,
) -> Result<Option<VersionRow>, StoreError> {
    let row: Option<Columns> = on!(db, c => sqlx::query_as(NUMBERED)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(i64::from(number)).fetch_optional(&mut *c).await)?;
    row.map(VersionRow::try_from).transpose()
}

const SPECS: &str =
    "SELECT id, spec FROM dag_version WHERE tenant = $1 AND ($2 IS NULL OR dag_id = $2) AND ($3 IS NULL OR id = $3)";

/// The DAGs, as JSON, of every version of a DAG, or of all DAGs; of one version, if it is named.
pub async fn specs(
    db: &mut Session,
    tenant: &TenantId,
    dag: Option<&DagId>,
    id: Option<DagVersionId>,
) -> Result<Vec<(DagVersionId, String)>, StoreError> {
    let (dag, id) = (dag.map(DagId::as_str), id.map(|id| id.to_string()));
    let found: Vec<(String, String)> = on!(db, c => sqlx::query_as(SPECS)
        .bind(tenant.as_str()).bind(dag).bind(id.as_deref()).fetch_all(&mut *c).await)?;
    found.into_iter().map(|(id, spec)| Ok((column::text("dag_version.id", &id)?, spec))).collect()
}

const OF_PART: &str = columns_of_version!("WHERE tenant = $1 AND dag_id = $2 AND number = $3 AND part = $4");

/// A part of a version, if it has been asked for before.
pub async fn of_part(
    db: &mut Session,
    (tenant, dag): (&TenantId, &DagId),
    number: u32,
    part: &str,
) -> Result<Option<VersionRow>, StoreError> {
    let row: Option<Columns> = on!(db, c => sqlx::query_as(OF_PART)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(i64::from(number)).bind(part).fetch_optional(&mut *c).await)?;
    row.map(VersionRow::try_from).transpose()
}

const DIGEST_OF_TASK: &str = "SELECT v.digest FROM work AS w JOIN dag_run AS d ON d.run_key = w.run_key \
     JOIN dag_version AS v ON v.id = d.version WHERE w.attempt = $1 AND w.tenant = $2 AND w.worker IS NOT NULL";

const DIGEST_OF_PARSE: &str = "SELECT m.digest FROM work AS w JOIN module_version AS m ON m.tenant = w.tenant \
     AND m.module = w.module AND m.version = w.module_version WHERE w.attempt = $1 AND w.tenant = $2 \
     AND w.worker IS NOT NULL";

const DIGEST_OF_DAG: &str = "SELECT v.digest FROM work AS w JOIN dag AS d ON d.tenant = w.tenant AND d.dag_id = w.dag_id \
     JOIN dag_version AS v ON v.id = d.version WHERE w.attempt = $1 AND w.tenant = $2 AND w.worker IS NOT NULL";

const DIGEST_OF_CALLBACK: &str = "SELECT v.digest FROM work AS w JOIN callback AS c ON c.tenant = w.tenant \
     AND c.id = w.payload JOIN dag_version AS v ON v.id = c.version WHERE w.attempt = $1 AND w.tenant = $2 \
     AND w.worker IS NOT NULL";

/// By what it is known which component an attempt runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsFor {
    /// By the version of its run.
    Run,
    /// By the module's version that it parses.
    Module,
    /// By the latest version of its DAG.
    Dag,
    /// By the version that the callback belongs to.
    Callback,
}

/// The component that a leased attempt is to run.
pub async fn digest_for(
    db: &mut Session,
    tenant: &TenantId,
    attempt: AttemptId,
    runs_for: RunsFor,
) -> Result<Option<Digest>, StoreError> {
    let text = match runs_for {
        RunsFor::Run => DIGEST_OF_TASK,
        RunsFor::Module => DIGEST_OF_PARSE,
        RunsFor::Dag => DIGEST_OF_DAG,
        RunsFor::Callback => DIGEST_OF_CALLBACK,
    };
    let attempt = attempt.to_string();
    let digest: Option<String> =
        on!(db, c => sqlx::query_scalar(text).bind(&attempt).bind(tenant.as_str()).fetch_optional(&mut *c).await)?;
    column::optional("dag_version.digest", digest.as_deref())
}

const DELETE: &str = "DELETE FROM dag_version WHERE tenant = $1 AND dag_id = $2";

/// Deletes every version of a DAG.
pub async fn delete(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(DELETE).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop))?;
    Ok(())
}
