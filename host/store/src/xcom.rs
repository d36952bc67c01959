//! `XComs`: values that task instances hand to each other.

use flow_model::graph::TaskIndex;
use flow_model::ids::{EntryKey, RunKey, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;
use crate::task_instance::TaskKey;

/// The key of what a task returned.
pub const RETURN_VALUE: &str = "return_value";

/// A value to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewXcom {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which task instance it comes from.
    pub task: TaskKey,
    /// Under which key.
    pub key: EntryKey,
    /// One JSON text.
    pub value: String,
}

#[derive(Serialize)]
struct Columns<'a> {
    run_key: RunKey,
    task_index: u32,
    map_index: i64,
    key: &'a str,
    tenant: &'a str,
    value: &'a str,
    created_at: i64,
}

const PUT: Batch = batch!(
    "INSERT INTO xcom (run_key, task_index, map_index, key, tenant, value, created_at) SELECT r.run_key, r.task_index, \
     r.map_index, r.key, r.tenant, r.value, r.created_at FROM ",
    rows(
        run_key text,
        task_index bigint,
        map_index bigint,
        key text,
        tenant text,
        value text,
        created_at bigint
    ),
    " WHERE true ON CONFLICT (run_key, task_index, map_index, key) DO UPDATE SET value = excluded.value, \
     created_at = excluded.created_at"
);

/// Stores values, each replacing an earlier one of the same key. No two are of the same task instance and key.
pub fn put(db: &mut Session, xcoms: &[NewXcom], now: Millis) -> Result<(), StoreError> {
    for part in xcoms.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<_> = part
            .iter()
            .map(|xcom| Columns {
                run_key: xcom.task.run,
                task_index: xcom.task.task.0,
                map_index: column::map_index(xcom.task.map_index),
                key: xcom.key.as_str(),
                tenant: xcom.tenant.as_str(),
                value: &xcom.value,
                created_at: now.0,
            })
            .collect();
        db.post(PUT, &part)?;
    }
    Ok(())
}

const CLEAR: &str = "DELETE FROM xcom WHERE tenant = $1 AND run_key = $2 AND task_index = $3 AND map_index = $4";

#[derive(Serialize)]
struct KeyColumns {
    run_key: RunKey,
    task_index: u32,
    map_index: i64,
}

impl From<&TaskKey> for KeyColumns {
    fn from(key: &TaskKey) -> Self {
        Self { run_key: key.run, task_index: key.task.0, map_index: column::map_index(key.map_index) }
    }
}

/// Removes everything that a task instance stored. It is one statement each, because retries are rare and the databases
/// find many keys of several columns only by reading whole runs.
pub async fn clear(db: &mut Session, tenant: &TenantId, task: &TaskKey) -> Result<(), StoreError> {
    let run = task.run.to_string();
    on!(db, c => {
        sqlx::query(CLEAR)
            .bind(tenant.as_str())
            .bind(&run)
            .bind(i64::from(task.task.0))
            .bind(column::map_index(task.map_index))
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

const DELETE: &str = "DELETE FROM xcom WHERE tenant = $1 AND run_key = $2 AND task_index = $3 AND map_index = $4 \
     AND key = $5";

/// Removes one value of a task instance; `false` if there is none.
pub async fn delete(db: &mut Session, tenant: &TenantId, task: &TaskKey, key: &EntryKey) -> Result<bool, StoreError> {
    let run = task.run.to_string();
    let removed = on!(db, c => {
        sqlx::query(DELETE)
            .bind(tenant.as_str())
            .bind(&run)
            .bind(i64::from(task.task.0))
            .bind(column::map_index(task.map_index))
            .bind(key.as_str())
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(removed > 0)
}

const RETURNED: Batch = batch!(
    "SELECT x.run_key, x.task_index, x.map_index, x.value FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    " CROSS JOIN xcom AS x WHERE x.run_key = r.run_key AND x.task_index = r.task_index AND x.map_index = r.map_index \
     AND x.key = 'return_value'"
);

// The state is looked up row by row, and not joined: PostgreSQL, which knows little of rows that are this new, would
// compare every result with every instance.
const RETURNED_BY_ALL: Batch = batch!(
    "SELECT x.run_key, x.task_index, x.map_index, x.value FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    " CROSS JOIN xcom AS x WHERE x.run_key = r.run_key AND x.task_index = r.task_index AND x.key = 'return_value' \
     AND (SELECT t.state FROM task_instance AS t WHERE t.run_key = x.run_key AND t.task_index = x.task_index \
     AND t.map_index = x.map_index) NOT IN ('failed', 'skipped', 'upstream_failed', 'removed') \
     ORDER BY x.run_key, x.task_index, x.map_index"
);

/// What these task instances returned; one that returned nothing is left out.
pub async fn returned(db: &mut Session, tasks: &[TaskKey]) -> Result<Vec<(TaskKey, String)>, StoreError> {
    values(db, RETURNED, tasks).await
}

/// What all instances of these tasks returned, in map order; one that returned nothing is left out, and one of which an
/// earlier try did and which has not succeeded since.
pub async fn returned_by_all(
    db: &mut Session,
    tasks: &[(RunKey, TaskIndex)],
) -> Result<Vec<(TaskKey, String)>, StoreError> {
    let keys: Vec<TaskKey> = tasks.iter().map(|&(run, task)| TaskKey { run, task, map_index: None }).collect();
    values(db, RETURNED_BY_ALL, &keys).await
}

async fn values(db: &mut Session, statement: Batch, tasks: &[TaskKey]) -> Result<Vec<(TaskKey, String)>, StoreError> {
    let mut values = Vec::with_capacity(tasks.len());
    for part in tasks.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<KeyColumns> = part.iter().map(KeyColumns::from).collect();
        let found: Vec<(String, i64, i64, String)> = db.find(statement, &part).await?;
        for (run, task, map_index, value) in found {
            let key = TaskKey {
                run: column::text("xcom.run_key", &run)?,
                task: TaskIndex(column::count("xcom.task_index", task)?),
                map_index: column::read_map_index(map_index),
            };
            values.push((key, value));
        }
    }
    Ok(values)
}

const OF_TASK: &str = "SELECT value FROM xcom WHERE tenant = $1 AND run_key = $2 AND task_index = $3 AND key = $4 \
     AND (map_index = $5 OR $5 IS NULL) ORDER BY map_index";

/// What a task of a run stored under `key`: of one map index, or of all in map order.
pub async fn of_task(
    db: &mut Session,
    (tenant, run): (&TenantId, RunKey),
    task: TaskIndex,
    key: &EntryKey,
    map_index: Option<i64>,
) -> Result<Vec<String>, StoreError> {
    let (run, task) = (run.to_string(), i64::from(task.0));
    Ok(on!(db, c => sqlx::query_scalar(OF_TASK).bind(tenant.as_str()).bind(&run).bind(task).bind(key.as_str())
        .bind(map_index).fetch_all(&mut *c).await?))
}
