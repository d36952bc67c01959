//! What a task instance remembers between its tries. A guest's is addressed by the attempt that holds the instance's
//! lease, people's by the instance.

use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, EntryKey, RunKey, TenantId};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::session::Session;
use crate::task_instance::TaskKey;

const GET: &str = "SELECT task_state.value FROM work
    LEFT JOIN task_state ON task_state.run_key = work.run_key AND task_state.task_index = work.task_index
        AND task_state.map_index = work.map_index AND task_state.key = $3
    WHERE work.tenant = $1 AND work.attempt = $2 AND work.worker IS NOT NULL";

/// One entry: `None` if the attempt holds no lease, `Some(None)` if there is no such entry.
pub async fn get(
    db: &mut Session,
    tenant: &TenantId,
    attempt: AttemptId,
    key: &EntryKey,
) -> Result<Option<Option<String>>, StoreError> {
    Ok(on!(db, c => {
        sqlx::query_scalar(GET)
            .bind(tenant.as_str())
            .bind(attempt.to_string())
            .bind(key.as_str())
            .fetch_optional(&mut *c)
            .await?
    }))
}

const COUNT_OTHERS: &str = "SELECT COUNT(task_state.key) FROM work
    LEFT JOIN task_state ON task_state.run_key = work.run_key AND task_state.task_index = work.task_index
        AND task_state.map_index = work.map_index AND task_state.key <> $3
    WHERE work.tenant = $1 AND work.attempt = $2 AND work.worker IS NOT NULL";

/// How many entries the task instance has besides `key`.
pub async fn count_others(
    db: &mut Session,
    tenant: &TenantId,
    attempt: AttemptId,
    key: &EntryKey,
) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => {
        sqlx::query_scalar(COUNT_OTHERS)
            .bind(tenant.as_str())
            .bind(attempt.to_string())
            .bind(key.as_str())
            .fetch_one(&mut *c)
            .await?
    });
    column::count("task_state", total)
}

const SET: &str = "INSERT INTO task_state (run_key, task_index, map_index, key, tenant, value, updated_at)
    SELECT run_key, task_index, map_index, $3, tenant, $4, $5 FROM work
    WHERE tenant = $1 AND attempt = $2 AND worker IS NOT NULL AND run_key IS NOT NULL
    ON CONFLICT (run_key, task_index, map_index, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,
        expires_at = NULL";

/// Creates or replaces an entry; `false` if the attempt holds no lease.
pub async fn set(
    db: &mut Session,
    attempt: (&TenantId, AttemptId),
    key: &EntryKey,
    value: &str,
    now: Millis,
) -> Result<bool, StoreError> {
    let (tenant, attempt) = attempt;
    let rows = on!(db, c => {
        sqlx::query(SET)
            .bind(tenant.as_str())
            .bind(attempt.to_string())
            .bind(key.as_str())
            .bind(value)
            .bind(now.0)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const DELETE: &str = "DELETE FROM task_state WHERE tenant = $1 AND ($3 IS NULL OR key = $3)
    AND (run_key, task_index, map_index) IN
        (SELECT run_key, task_index, map_index FROM work WHERE tenant = $1 AND attempt = $2 AND worker IS NOT NULL)";

/// Removes one entry, or all without a `key`.
pub async fn delete(
    db: &mut Session,
    tenant: &TenantId,
    attempt: AttemptId,
    key: Option<&EntryKey>,
) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(DELETE)
            .bind(tenant.as_str())
            .bind(attempt.to_string())
            .bind(key.map(EntryKey::as_str))
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

const COUNT_OTHERS_OF: &str = "SELECT COUNT(*) FROM task_state WHERE tenant = $1 AND run_key = $2 AND task_index = $3
    AND map_index = $4 AND key <> $5";

/// How many entries a task instance has besides `key`.
pub async fn count_others_of(
    db: &mut Session,
    tenant: &TenantId,
    task: &TaskKey,
    key: &EntryKey,
) -> Result<u64, StoreError> {
    let run = task.run.to_string();
    let total: i64 = on!(db, c => {
        sqlx::query_scalar(COUNT_OTHERS_OF)
            .bind(tenant.as_str())
            .bind(&run)
            .bind(i64::from(task.task.0))
            .bind(column::map_index(task.map_index))
            .bind(key.as_str())
            .fetch_one(&mut *c)
            .await?
    });
    column::count("task_state", total)
}

const PUT: &str = "INSERT INTO task_state (tenant, run_key, task_index, map_index, key, value, expires_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (run_key, task_index, map_index, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,
        expires_at = excluded.expires_at";

/// Creates or replaces an entry of a task instance.
pub async fn put(
    db: &mut Session,
    (tenant, task): (&TenantId, &TaskKey),
    key: &EntryKey,
    (value, expires_at): (&str, Option<Millis>),
    now: Millis,
) -> Result<(), StoreError> {
    let run = task.run.to_string();
    on!(db, c => {
        sqlx::query(PUT)
            .bind(tenant.as_str())
            .bind(&run)
            .bind(i64::from(task.task.0))
            .bind(column::map_index(task.map_index))
            .bind(key.as_str())
            .bind(value)
            .bind(expires_at.map(|at| at.0))
            .bind(now.0)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

const REMOVE: &str = "DELETE FROM task_state WHERE tenant = $1 AND run_key = $2 AND task_index = $3
    AND ($4 IS NULL OR map_index = $4) AND ($5 IS NULL OR key = $5)";

/// Removes one entry of a task instance, or all without a `key`; those of all mapped instances without a map index.
pub async fn remove(
    db: &mut Session,
    (tenant, run): (&TenantId, RunKey),
    (task, map_index): (TaskIndex, Option<i64>),
    key: Option<&EntryKey>,
) -> Result<(), StoreError> {
    let run = run.to_string();
    on!(db, c => {
        sqlx::query(REMOVE)
            .bind(tenant.as_str())
            .bind(&run)
            .bind(i64::from(task.0))
            .bind(map_index)
            .bind(key.map(EntryKey::as_str))
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

const FORGET_EXPIRED: &str = "DELETE FROM task_state WHERE expires_at < $1";

/// Removes the entries of all tenants that expired before an instant.
pub async fn forget_expired(db: &mut Session, before: Millis) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(FORGET_EXPIRED).bind(before.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}
