//! Deleting a task instance with what it left.

use flow_model::ids::TenantId;

use super::TaskKey;
use crate::column;
use crate::error::StoreError;
use crate::session::Session;

macro_rules! delete_from {
    ($table:literal, $run:literal) => {
        concat!("DELETE FROM ", $table, " WHERE tenant = $1 AND ", $run, " = $2 AND task_index = $3 AND map_index = $4")
    };
}

/// What belongs to a task instance; itself is the last.
const DELETES: [&str; 7] = [
    delete_from!("xcom", "run_key"),
    delete_from!("task_state", "run_key"),
    delete_from!("log_chunk", "owner"),
    delete_from!("task_try", "run_key"),
    delete_from!("human_input", "run_key"),
    delete_from!("asset_emission", "run_key"),
    delete_from!("task_instance", "run_key"),
];

/// Deletes a task instance that has ended, with its tries, questions, values, state and logs.
pub async fn delete_with_all(db: &mut Session, tenant: &TenantId, key: TaskKey) -> Result<(), StoreError> {
    let (run, task, index) = (key.run.to_string(), i64::from(key.task.0), column::map_index(key.map_index));
    for text in DELETES {
        on!(db, c => {
            sqlx::query(text).bind(tenant.as_str()).bind(&run).bind(task).bind(index).execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}
