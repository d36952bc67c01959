//! A part of a DAG: some of its tasks, as if there were no others. It is what runs when somebody asks for one task.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Direction, Graph, GraphError, TaskIndex};
use crate::dag::{Argument, DagSpec, TaskSpec};
use crate::ids::TaskId;

/// Which part of a DAG runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The task that was asked for.
    pub task: TaskId,
    /// Whether everything that it depends on runs before it.
    #[serde(default)]
    pub with_upstream: bool,
}

/// Why a part of a DAG cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// The DAG has no such task.
    #[error("task {0:?} is not in the DAG")]
    UnknownTask(String),
    /// It is mapped over what others return, and those are not part of it.
    #[error("task {0:?} is mapped over results of other tasks; run it with its upstream")]
    MappedOverOthers(String),
    /// The part is no DAG.
    #[error("{0}")]
    Graph(#[from] GraphError),
}

impl PartError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTask(_) => "part-unknown-task",
            Self::MappedOverOthers(_) => "part-mapped-over-others",
            Self::Graph(error) => error.code(),
        }
    }
}

impl Graph {
    /// The graph of a part of the DAG. It has the tasks that were asked for, with the setups that they need and the
    /// teardowns of these. None of them waits for a run before, and what follows a whole run does not follow this one.
    pub fn part(&self, part: &Part) -> Result<Self, PartError> {
        let asked = self.find(&part.task).ok_or_else(|| PartError::UnknownTask(part.task.to_string()))?;
        let kept: Vec<TaskIndex> =
            if part.with_upstream { self.to_clear(&[asked], &[Direction::Upstream]) } else { vec![asked] };
        let names: HashSet<&TaskId> = kept.iter().map(|&task| &self.task(task).task_id).collect();
        let is_mapped_over_others = |task: &TaskIndex| {
            self.mapping(*task).is_some_and(|mapping| mapping.sources().iter().any(|task| !kept.contains(task)))
        };
        if let Some(&task) = kept.iter().find(|task| is_mapped_over_others(task)) {
            return Err(PartError::MappedOverOthers(self.task(task).task_id.to_string()));
        }
        let tasks = kept.iter().map(|&task| alone(self.task(task), &names)).collect();
        let mut groups = self.spec().groups.clone();
        for (group, spec) in self.groups().zip(&mut groups) {
            if !self.tasks_of(group).iter().any(|task| kept.contains(task)) {
                spec.expand.clear();
            }
            spec.deadlines.clear();
        }
        let spec = DagSpec { tasks, groups, callbacks: Vec::new(), deadlines: Vec::new(), ..self.spec().clone() };
        let left_out = self.tasks().map(|task| &self.task(task).task_id).filter(|id| !names.contains(id));
        let elsewhere = left_out.map(ToString::to_string).collect();
        Ok(Self { elsewhere, ..Self::build(spec)? })
    }
}

/// A task as it is where there are no others than these. What it was to get of others is null.
fn alone(task: &TaskSpec, others: &HashSet<&TaskId>) -> TaskSpec {
    let mut task = task.clone();
    let is_here = |id: &TaskId| others.contains(id);
    for argument in &mut task.arguments {
        match argument {
            Argument::Output(other) if !is_here(other) => *argument = Argument::Literal(serde_json::Value::Null),
            Argument::Outputs(several) if !several.iter().all(is_here) => {
                *argument = Argument::Literal(vec![serde_json::Value::Null; several.len()].into());
            }
            Argument::Output(_)
            | Argument::Outputs(_)
            | Argument::Literal(_)
            | Argument::Conf(_)
            | Argument::Expand(_)
            | Argument::Keyword(_)
            | Argument::GroupItem(_) => {}
        }
    }
    task.depends_on.retain(is_here);
    if let Some(teardown) = &mut task.teardown {
        teardown.setups.retain(is_here);
    }
    task.depends_on_past = false;
    task.wait_for_downstream = false;
    task
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn graph(tasks: &Value) -> Graph {
        let spec = json!({"dag_id": "d", "tasks": tasks, "callbacks": [{"on": "on_success", "function": "f"}]});
        Graph::build(serde_json::from_value(spec).expect("a DAG")).expect("a graph")
    }

    fn task(id: &str, more: &Value) -> Value {
        let mut task = json!({"task_id": id, "function": "f"});
        task.as_object_mut().expect("a task").extend(more.as_object().expect("members").clone());
        task
    }

    fn part(graph: &Graph, task: &str, with_upstream: bool) -> Result<Graph, PartError> {
        graph.part(&Part { task: task.parse().expect("an id"), with_upstream })
    }

    fn names(graph: &Graph) -> Vec<&str> {
        graph.spec().tasks.iter().map(|task| task.task_id.as_str()).collect()
    }

    #[test]
    fn a_task_runs_alone_or_after_what_it_depends_on() {
        let whole = graph(&json!([
            task("a", &json!({})),
            task("b", &json!({"arguments": [{"output": "a"}], "depends_on_past": true})),
            task("c", &json!({"depends_on": ["b"]})),
            task("other", &json!({})),
        ]));
        let alone = part(&whole, "b", false).expect("a part");
        assert_eq!(names(&alone), ["b"]);
        assert_eq!(alone.spec().tasks[0].arguments, [Argument::Literal(Value::Null)]);
        assert!(!alone.has_past() && alone.is_leaf(TaskIndex(0)) && alone.spec().callbacks.is_empty());
        let after = part(&whole, "b", true).expect("a part");
        assert_eq!(names(&after), ["a", "b"]);
        assert_eq!(after.upstream(TaskIndex(1)), [TaskIndex(0)]);
        assert_eq!(part(&whole, "z", true).expect_err("no such task").code(), "part-unknown-task");
    }

    #[test]
    fn what_is_set_up_for_a_task_is_undone() {
        let whole = graph(&json!([
            task("make", &json!({"setup": true})),
            task("work", &json!({"depends_on": ["make"]})),
            task("more", &json!({"depends_on": ["work"]})),
            task("undo", &json!({"depends_on": ["more"], "teardown": {"setups": ["make"]}})),
        ]));
        assert_eq!(names(&part(&whole, "work", true).expect("a part")), ["make", "work", "undo"]);
    }

    #[test]
    fn a_branch_may_choose_what_is_not_part_of_it() {
        let whole = graph(&json!([
            task("choose", &json!({})),
            task("left", &json!({"depends_on": ["choose"]})),
            task("right", &json!({"depends_on": ["choose"]})),
        ]));
        let left = part(&whole, "left", true).expect("a part");
        assert_eq!(left.targets("right"), Ok(Vec::new()));
        assert_eq!(left.targets("left"), Ok(vec![TaskIndex(1)]));
        assert!(left.targets("nowhere").is_err());
    }

    #[test]
    fn what_is_mapped_over_others_needs_them() {
        let whole = graph(&json!([
            task("list", &json!({})),
            task("each", &json!({"arguments": [{"expand": {"output": "list"}}]})),
            task("fixed", &json!({"arguments": [{"expand": {"literal": [1, 2]}}]})),
        ]));
        assert_eq!(part(&whole, "each", false).expect_err("no list").code(), "part-mapped-over-others");
        assert_eq!(names(&part(&whole, "each", true).expect("a part")), ["list", "each"]);
        assert_eq!(names(&part(&whole, "fixed", false).expect("a part")), ["fixed"]);
    }
}
