//! A DAG that has been checked: tasks by index, edges both ways, no cycle.
//!
//! It is built once per DAG version and shared; nothing in it changes.

use std::collections::HashMap;

use crate::dag::{DagSpec, TaskSpec};
use crate::ids::TaskId;

/// The most tasks a DAG may have.
pub const MAX_TASKS: usize = 100_000;
/// The most edges a DAG may have.
pub const MAX_EDGES: usize = 1_000_000;

/// A task's position in its DAG's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskIndex(pub u32);

impl TaskIndex {
    fn usize(self) -> usize {
        self.0 as usize
    }
}

/// Why a DAG cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There is nothing to run.
    #[error("it has no tasks; give it at least one")]
    Empty,
    /// More than [`MAX_TASKS`].
    #[error("it has {0} tasks; at most {MAX_TASKS} are allowed")]
    TooManyTasks(usize),
    /// More than [`MAX_EDGES`].
    #[error("it has more than {MAX_EDGES} edges")]
    TooManyEdges,
    /// Two tasks with one id.
    #[error("task id {0:?} is used twice; task ids are unique within a DAG")]
    DuplicateTask(String),
    /// A task waits for itself.
    #[error("task {0:?} depends on itself")]
    SelfEdge(String),
    /// A task waits for one that is not there.
    #[error("task {task:?} depends on {upstream:?}, which is not in the DAG")]
    UnknownUpstream {
        /// The task that waits.
        task: String,
        /// What it waits for.
        upstream: String,
    },
    /// Tasks wait for each other in a ring.
    #[error("its tasks form a cycle: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
}

impl GraphError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "dag-without-tasks",
            Self::TooManyTasks(_) => "dag-too-many-tasks",
            Self::TooManyEdges => "dag-too-many-edges",
            Self::DuplicateTask(_) => "dag-duplicate-task",
            Self::SelfEdge(_) => "dag-self-edge",
            Self::UnknownUpstream { .. } => "dag-unknown-upstream",
            Self::Cycle(_) => "dag-cycle",
        }
    }
}

/// A checked DAG.
#[derive(Debug)]
pub struct Graph {
    spec: DagSpec,
    index: HashMap<TaskId, TaskIndex>,
    upstream: Vec<Vec<TaskIndex>>,
    downstream: Vec<Vec<TaskIndex>>,
}

impl Graph {
    /// Checks `spec` and draws its edges.
    pub fn build(spec: DagSpec) -> Result<Self, GraphError> {
        if spec.tasks.is_empty() {
            return Err(GraphError::Empty);
        }
        if spec.tasks.len() > MAX_TASKS {
            return Err(GraphError::TooManyTasks(spec.tasks.len()));
        }
        let index = index_of(&spec)?;
        let upstream = spec.tasks.iter().map(|task| upstream_of(task, &index)).collect::<Result<Vec<_>, _>>()?;
        if upstream.iter().map(Vec::len).sum::<usize>() > MAX_EDGES {
            return Err(GraphError::TooManyEdges);
        }
        let mut downstream = vec![Vec::new(); upstream.len()];
        for (task, parents) in (0u32..).map(TaskIndex).zip(&upstream) {
            for parent in parents {
                downstream[parent.usize()].push(task);
            }
        }
        let graph = Self { spec, index, upstream, downstream };
        match graph.find_cycle() {
            Some(ring) => Err(GraphError::Cycle(ring)),
            None => Ok(graph),
        }
    }

    /// The DAG as its module described it.
    pub fn spec(&self) -> &DagSpec {
        &self.spec
    }

    /// Every task's index, in the order they were written.
    pub fn tasks(&self) -> impl Iterator<Item = TaskIndex> + use<> {
        (0..u32::try_from(self.spec.tasks.len()).unwrap_or(u32::MAX)).map(TaskIndex)
    }

    /// The task at `index`.
    pub fn task(&self, index: TaskIndex) -> &TaskSpec {
        &self.spec.tasks[index.usize()]
    }

    /// Where the task of this id is.
    pub fn find(&self, id: &TaskId) -> Option<TaskIndex> {
        self.index.get(id).copied()
    }

    /// The direct upstream tasks, each once.
    pub fn upstream(&self, index: TaskIndex) -> &[TaskIndex] {
        &self.upstream[index.usize()]
    }

    /// The direct downstream tasks, each once.
    pub fn downstream(&self, index: TaskIndex) -> &[TaskIndex] {
        &self.downstream[index.usize()]
    }

    /// Whether nothing waits for the task. The leaves decide how a run ends.
    pub fn is_leaf(&self, index: TaskIndex) -> bool {
        self.downstream(index).is_empty()
    }

    /// The tasks reached from `starts` over downstream edges, `starts` included, each once, in index order.
    pub fn downstream_closure(&self, starts: &[TaskIndex]) -> Vec<TaskIndex> {
        closure(starts, &self.downstream)
    }

    /// The tasks reached from `starts` over upstream edges, `starts` included, each once, in index order.
    pub fn upstream_closure(&self, starts: &[TaskIndex]) -> Vec<TaskIndex> {
        closure(starts, &self.upstream)
    }

    /// One ring of task ids, first and last the same, if there is one. Kahn's algorithm leaves exactly the tasks that
    /// are on a ring or behind one; walking upstream among those must come round.
    fn find_cycle(&self) -> Option<Vec<String>> {
        let mut waiting: Vec<usize> = self.upstream.iter().map(Vec::len).collect();
        let mut ready: Vec<TaskIndex> = self.tasks().filter(|task| waiting[task.usize()] == 0).collect();
        while let Some(task) = ready.pop() {
            for &child in self.downstream(task) {
                waiting[child.usize()] -= 1;
                if waiting[child.usize()] == 0 {
                    ready.push(child);
                }
            }
        }
        let start = self.tasks().find(|task| waiting[task.usize()] > 0)?;
        let mut path = vec![start];
        loop {
            let last = *path.last()?;
            let parent = *self.upstream(last).iter().find(|task| waiting[task.usize()] > 0)?;
            if let Some(begin) = path.iter().position(|&task| task == parent) {
                path.push(parent);
                let ring = path[begin..].iter().rev();
                return Some(ring.map(|&task| self.task(task).task_id.to_string()).collect());
            }
            path.push(parent);
        }
    }
}

fn index_of(spec: &DagSpec) -> Result<HashMap<TaskId, TaskIndex>, GraphError> {
    let mut index = HashMap::with_capacity(spec.tasks.len());
    for (position, task) in (0u32..).map(TaskIndex).zip(&spec.tasks) {
        if index.insert(task.task_id.clone(), position).is_some() {
            return Err(GraphError::DuplicateTask(task.task_id.to_string()));
        }
    }
    Ok(index)
}

fn upstream_of(task: &TaskSpec, index: &HashMap<TaskId, TaskIndex>) -> Result<Vec<TaskIndex>, GraphError> {
    let parents = task.upstream().into_iter().map(|id| {
        if *id == task.task_id {
            return Err(GraphError::SelfEdge(id.to_string()));
        }
        index
            .get(id)
            .copied()
            .ok_or_else(|| GraphError::UnknownUpstream { task: task.task_id.to_string(), upstream: id.to_string() })
    });
    parents.collect()
}

fn closure(starts: &[TaskIndex], edges: &[Vec<TaskIndex>]) -> Vec<TaskIndex> {
    let mut seen = vec![false; edges.len()];
    let mut stack = starts.to_vec();
    while let Some(task) = stack.pop() {
        if !std::mem::replace(&mut seen[task.usize()], true) {
            stack.extend(&edges[task.usize()]);
        }
    }
    (0u32..).map(TaskIndex).zip(&seen).filter(|(_, seen)| **seen).map(|(task, _)| task).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dag(edges: &[(&str, &[&str])]) -> Result<Graph, GraphError> {
        let tasks: Vec<_> =
            edges.iter().map(|(id, up)| json!({"task_id": id, "function": "f", "depends_on": up})).collect();
        let spec = serde_json::from_value(json!({"dag_id": "d", "tasks": tasks})).expect("a well-formed spec");
        Graph::build(spec)
    }

    #[test]
    fn a_diamond_has_edges_both_ways() {
        let graph = dag(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]).expect("no cycle");
        assert_eq!(graph.downstream(TaskIndex(0)), [TaskIndex(1), TaskIndex(2)]);
        assert_eq!(graph.upstream(TaskIndex(3)), [TaskIndex(1), TaskIndex(2)]);
        assert!(graph.is_leaf(TaskIndex(3)));
        assert_eq!(graph.downstream_closure(&[TaskIndex(1)]), [TaskIndex(1), TaskIndex(3)]);
        assert_eq!(graph.upstream_closure(&[TaskIndex(2)]), [TaskIndex(0), TaskIndex(2)]);
    }

    #[test]
    fn every_mistake_is_named() {
        let message = |edges: &[(&str, &[&str])]| dag(edges).expect_err("a mistake").to_string();
        assert_eq!(message(&[]), "it has no tasks; give it at least one");
        assert_eq!(message(&[("a", &["a"])]), "task \"a\" depends on itself");
        assert_eq!(message(&[("a", &[]), ("a", &[])]), "task id \"a\" is used twice; task ids are unique within a DAG");
        assert_eq!(message(&[("a", &["x"])]), "task \"a\" depends on \"x\", which is not in the DAG");
        assert_eq!(
            message(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"]), ("d", &["c"])]),
            "its tasks form a cycle: a -> b -> c -> a"
        );
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_needs_no_deep_stack() {
        let tasks: Vec<_> = (0..MAX_TASKS)
            .map(|i| {
                let up = if i == 0 { vec![] } else { vec![format!("t{}", i - 1)] };
                json!({"task_id": format!("t{i}"), "function": "f", "depends_on": up})
            })
            .collect();
        let spec = serde_json::from_value(json!({"dag_id": "d", "tasks": tasks})).expect("a well-formed spec");
        let graph = Graph::build(spec).expect("no cycle");
        assert_eq!(graph.downstream_closure(&[TaskIndex(0)]).len(), MAX_TASKS);
    }
}
