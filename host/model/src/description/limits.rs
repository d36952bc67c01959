//! What a DAG says of how much of it may happen at once.

use crate::dag::{DagSpec, GroupSpec, TaskSpec};

pub(super) fn check(dag: &DagSpec) -> Result<(), String> {
    at_least_one("max_active_runs", dag.max_active_runs)?;
    at_least_one("max_active_tasks", dag.max_active_tasks)?;
    let of_group = |group: &GroupSpec| at_least_one("max_active_tis", group.max_active_tis);
    dag.groups.iter().try_for_each(|group| {
        of_group(group).map_err(|reason| format!("group {:?}: {reason}", group.group_id.as_str()))
    })
}

pub(super) fn check_task(task: &TaskSpec) -> Result<(), String> {
    at_least_one("pool_slots", Some(task.pool_slots))?;
    at_least_one("max_active_tis_per_dag", task.max_active_tis_per_dag)?;
    at_least_one("max_active_tis_per_dagrun", task.max_active_tis_per_dagrun)
}

fn at_least_one(what: &str, limit: Option<u32>) -> Result<(), String> {
    match limit {
        Some(0) => Err(format!("its {what} is 0, so that nothing of it would ever run; use at least 1")),
        Some(_) | None => Ok(()),
    }
}
