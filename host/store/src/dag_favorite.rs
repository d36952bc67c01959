//! The DAGs that people and programs want to find first.

use flow_model::ids::{DagId, TenantId};

use crate::error::StoreError;
use crate::session::Session;

const IS: &str = "SELECT COUNT(*) FROM dag_favorite WHERE tenant = $1 AND subject = $2 AND dag_id = $3";

/// Whether a DAG is one of `subject`'s favorites.
pub async fn is(db: &mut Session, tenant: &TenantId, subject: &str, dag: &DagId) -> Result<bool, StoreError> {
    let found: i64 = on!(db, c => {
        sqlx::query_scalar(IS).bind(tenant.as_str()).bind(subject).bind(dag.as_str()).fetch_one(&mut *c).await?
    });
    Ok(found > 0)
}

const INSERT: &str = "INSERT INTO dag_favorite (tenant, subject, dag_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

/// Makes a DAG one of `subject`'s favorites; `false` if it is one already.
pub async fn insert(db: &mut Session, tenant: &TenantId, subject: &str, dag: &DagId) -> Result<bool, StoreError> {
    changed(db, INSERT, (tenant, subject, dag)).await
}

const DELETE: &str = "DELETE FROM dag_favorite WHERE tenant = $1 AND subject = $2 AND dag_id = $3";

/// Makes a DAG none of `subject`'s favorites; `false` if it is none.
pub async fn delete(db: &mut Session, tenant: &TenantId, subject: &str, dag: &DagId) -> Result<bool, StoreError> {
    changed(db, DELETE, (tenant, subject, dag)).await
}

async fn changed(
    db: &mut Session,
    statement: &'static str,
    (tenant, subject, dag): (&TenantId, &str, &DagId),
) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(statement)
            .bind(tenant.as_str())
            .bind(subject)
            .bind(dag.as_str())
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const FORGET: &str = "DELETE FROM dag_favorite WHERE tenant = $1 AND subject = $2";

/// Leaves `subject` without favorites. Whoever has the name next must not find them.
pub async fn forget(db: &mut Session, tenant: &TenantId, subject: &str) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(FORGET).bind(tenant.as_str()).bind(subject).execute(&mut *c).await.map(drop))?;
    Ok(())
}
