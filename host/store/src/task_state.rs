//! What a task instance remembers between its tries. It is addressed by the attempt that holds the instance's lease.

use flow_model::ids::{AttemptId, EntryKey, TenantId};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::session::Session;

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
    ON CONFLICT (run_key, task_index, map_index, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";

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
