//! Taking a run to another version of its DAG: the tasks of its rows get the indices that they have there.

use flow_model::advance::Renumbering;
use flow_model::graph::TaskIndex;
use flow_model::ids::{RunKey, TaskId, TenantId};
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

const TASKS: &str = "SELECT DISTINCT task_index, task_id FROM task_instance WHERE tenant = $1 AND run_key = $2";

/// The tasks that a run has task instances of, those among them that its version does not have.
pub async fn tasks(db: &mut Session, tenant: &TenantId, run: RunKey) -> Result<Vec<(TaskIndex, TaskId)>, StoreError> {
    let run = run.to_string();
    let found: Vec<(i64, String)> =
        on!(db, c => sqlx::query_as(TASKS).bind(tenant.as_str()).bind(&run).fetch_all(&mut *c).await)?;
    let parse = |(index, id): &(i64, String)| {
        let index = TaskIndex(column::count("task_instance.task_index", *index)?);
        Ok((index, column::text("task_instance.task_id", id)?))
    };
    found.iter().map(parse).collect()
}

/// The rows of one table in two steps, since an index may be another task's until that has moved: first each goes to a place
/// below zero, where nobody is, and from there to its own.
macro_rules! moves {
    ($table:literal, $run:literal) => {
        (
            batch!(
                concat!("UPDATE ", $table, " SET task_index = -1 - r.now_at FROM "),
                rows(was_at bigint, now_at bigint),
                concat!(
                    " WHERE ", $table, ".tenant = $2 AND ", $table, ".", $run, " = $3 AND ", $table,
                    ".task_index = r.was_at"
                )
            ),
            concat!(
                "UPDATE ", $table, " SET task_index = -1 - task_index WHERE tenant = $1 AND ", $run,
                " = $2 AND task_index < 0"
            ),
        )
    };
}

/// What names tasks by their index. Lanes are counted anew instead, and callbacks stay with the version that they came from.
const MOVES: [(Batch, &str); 9] = [
    moves!("task_instance", "run_key"),
    moves!("task_try", "run_key"),
    moves!("task_state", "run_key"),
    moves!("expansion", "run_key"),
    moves!("xcom", "run_key"),
    moves!("work", "run_key"),
    moves!("human_input", "run_key"),
    moves!("asset_emission", "run_key"),
    moves!("log_chunk", "owner"),
];

#[derive(Serialize)]
struct MoveColumns {
    was_at: u32,
    now_at: u32,
}

/// Gives these tasks of a run the indices that they have by `renumbering`. The caller holds the run's lock, and `tasks` are all
/// that the run has rows of.
pub async fn renumber(
    db: &mut Session,
    (tenant, run): (&TenantId, RunKey),
    tasks: &[TaskIndex],
    renumbering: &Renumbering,
) -> Result<(), StoreError> {
    let moves = tasks.iter().map(|&task| MoveColumns { was_at: task.0, now_at: renumbering.of(task).0 });
    let moves: Vec<MoveColumns> = moves.collect();
    if moves.iter().all(|one| one.was_at == one.now_at) {
        return Ok(());
    }
    let (run, rows) = (run.to_string(), column::rows(&moves)?);
    for (away, back) in MOVES {
        let away = db.text(away);
        on!(db, c => sqlx::query(away).bind(&rows).bind(tenant.as_str()).bind(&run).execute(&mut *c).await.map(drop))?;
        on!(db, c => sqlx::query(back).bind(tenant.as_str()).bind(&run).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}
