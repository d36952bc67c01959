//! What the version of a run's DAG says of a task, as conditions of lists of task instances.

use serde::Deserialize;
use utoipa::IntoParams;

use super::pattern;
use crate::admission::DEFAULT_POOL;
use crate::dag::{DagSpec, TaskSpec};
use crate::ids::{GroupId, PoolName};

/// The queue of every task.
pub const QUEUE: &str = "default";

/// What a task has to be like. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct TaskTraits {
    /// Of tasks that take slots of one of these pools.
    pub pool: Vec<String>,
    /// Of tasks that take slots of a pool whose name matches this SQL `LIKE` pattern.
    pub pool_name_pattern: Option<String>,
    /// Of tasks that take slots of a pool whose name begins with this.
    pub pool_name_prefix_pattern: Option<String>,
    /// Of tasks in one of these queues; every task is in `default`.
    pub queue: Vec<String>,
    /// Of tasks in a queue whose name matches this SQL `LIKE` pattern.
    pub queue_name_pattern: Option<String>,
    /// Of tasks in a queue whose name begins with this.
    pub queue_name_prefix_pattern: Option<String>,
    /// Of tasks that one of these functions runs.
    pub operator: Vec<String>,
    /// Of tasks that a function runs whose name matches this SQL `LIKE` pattern.
    pub operator_name_pattern: Option<String>,
    /// Of tasks that a function runs whose name begins with this.
    pub operator_name_prefix_pattern: Option<String>,
    /// Of tasks that one of these executors runs; no task has one.
    pub executor: Vec<String>,
    /// Of tasks in this group, or in one within it.
    #[param(value_type = Option<String>)]
    pub task_group_id: Option<GroupId>,
}

impl TaskTraits {
    /// Whether any task will do.
    pub fn is_met_by_all(&self) -> bool {
        *self == Self::default()
    }

    /// The tasks of a DAG that are like this.
    pub fn among<'d>(&self, dag: &'d DagSpec) -> impl Iterator<Item = &'d TaskSpec> {
        dag.tasks.iter().filter(|task| self.is_met_by(task) && self.is_around(task, dag))
    }

    fn is_met_by(&self, task: &TaskSpec) -> bool {
        let pool = task.pool.as_ref().map_or(DEFAULT_POOL, PoolName::as_str);
        let operator = task.operator();
        let is_named = |wanted: &[String], pattern: Option<&str>, prefix: Option<&str>, name: &str| {
            (wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
                && pattern.is_none_or(|pattern| pattern::is_like(pattern, name))
                && prefix.is_none_or(|prefix| pattern::begins(prefix, name))
        };
        self.executor.is_empty()
            && is_named(&self.pool, self.pool_name_pattern.as_deref(), self.pool_name_prefix_pattern.as_deref(), pool)
            && is_named(
                &self.queue,
                self.queue_name_pattern.as_deref(),
                self.queue_name_prefix_pattern.as_deref(),
                QUEUE,
            )
            && is_named(
                &self.operator,
                self.operator_name_pattern.as_deref(),
                self.operator_name_prefix_pattern.as_deref(),
                &operator,
            )
    }

    /// Whether the group, if one is asked for, is around the task.
    fn is_around(&self, task: &TaskSpec, dag: &DagSpec) -> bool {
        let Some(wanted) = &self.task_group_id else { return true };
        let above = |group: &&GroupId| dag.groups.iter().find(|one| one.group_id == **group)?.parent.as_ref();
        // A chain of groups is no longer than there are groups, whatever a module says of them.
        std::iter::successors(task.group.as_ref(), above).take(dag.groups.len() + 1).any(|group| group == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn tasks_are_told_apart_by_what_their_dag_says() {
        let dag = json!({"dag_id": "d", "groups": [{"group_id": "o"}, {"group_id": "o.i", "parent": "o"}], "tasks": [
            {"task_id": "a", "function": "read", "pool": "db"},
            {"task_id": "o.b", "function": "write", "group": "o"},
            {"task_id": "o.i.c", "native": "empty", "group": "o.i"},
        ]});
        let dag: DagSpec = serde_json::from_value(dag).expect("a DAG");
        let found = |traits: Value| {
            let traits: TaskTraits = serde_json::from_value(traits).expect("conditions");
            traits.among(&dag).map(|task| task.task_id.to_string()).collect::<Vec<_>>().join(" ")
        };
        for (traits, expected) in [
            (json!({}), "a o.b o.i.c"),
            (json!({"pool": ["db", "x"]}), "a"),
            (json!({"pool_name_pattern": "DEF%pool"}), "o.b o.i.c"),
            (json!({"pool_name_prefix_pattern": "d", "operator": ["read", "empty"]}), "a o.i.c"),
            (json!({"queue": ["default"], "queue_name_prefix_pattern": "def"}), "a o.b o.i.c"),
            (json!({"queue_name_pattern": "gpu"}), ""),
            (json!({"operator_name_pattern": "wri|emp"}), "o.b o.i.c"),
            (json!({"operator_name_prefix_pattern": "rite"}), ""),
            (json!({"executor": ["celery"]}), ""),
            (json!({"task_group_id": "o"}), "o.b o.i.c"),
            (json!({"task_group_id": "o.i"}), "o.i.c"),
            (json!({"task_group_id": "none"}), ""),
        ] {
            assert_eq!(found(traits.clone()), expected, "{traits}");
        }
    }
}
