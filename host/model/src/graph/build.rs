//! Checking a DAG and drawing its edges.

use std::collections::{HashMap, HashSet};

use super::groups::{Groups, roots};
use super::mapped;
use super::{Facts, Graph, GraphError, GroupIndex, MAX_EDGES, MAX_TASKS, TaskIndex};
use crate::dag::{DagSpec, TaskSpec};
use crate::ids::TaskId;
use crate::trigger_rule::TriggerRule;

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
        let groups = Groups::build(&spec, &index)?;
        let find = |id: &TaskId| index.get(id).copied();
        let mut upstream = spec.tasks.iter().map(|task| upstream_of(task, &index)).collect::<Result<Vec<_>, _>>()?;
        let mappings = mapped::of_tasks(&spec, &groups, &find)?;
        let facts = facts(&spec, &index, mappings);
        hang_groups(&spec, &groups, &facts, &mut upstream);
        if upstream.iter().map(Vec::len).sum::<usize>() > MAX_EDGES {
            return Err(GraphError::TooManyEdges);
        }
        let downstream = turned(&upstream);
        let (order, has_leaf) = (Vec::new(), false);
        let elsewhere = HashSet::new();
        let mut graph = Self { spec, index, groups, upstream, downstream, order, facts, has_leaf, elsewhere };
        graph.check()?;
        graph.order = graph.topological().map_err(GraphError::Cycle)?;
        graph.note_leaves();
        graph.note_gates();
        graph.note_between()?;
        graph.note_onlookers();
        graph.note_awaited();
        Ok(graph)
    }

    /// Leaves are tasks that nothing which counts for the run waits for. What a teardown comes to counts only if it says so.
    fn note_leaves(&mut self) {
        for task in self.tasks() {
            let is_leaf = self.counts(task) && !self.downstream(task).iter().any(|&child| self.counts(child));
            self.facts[task.usize()].is_leaf = is_leaf;
            self.has_leaf |= is_leaf;
        }
    }

    fn counts(&self, task: TaskIndex) -> bool {
        self.task(task).teardown.as_ref().is_none_or(|teardown| teardown.on_failure_fail_dagrun)
    }

    /// What is mapped over a task has to hear of its end: also the tasks of a mapped group that are not downstream of it.
    fn note_onlookers(&mut self) {
        for task in self.tasks() {
            let Some(mapping) = self.mapping(task).cloned() else { continue };
            for &source in mapping.sources() {
                self.facts[source.usize()].is_source = true;
                if !self.upstream(task).contains(&source) {
                    self.facts[source.usize()].mapped_over_by.push(task);
                }
            }
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

fn facts(spec: &DagSpec, index: &HashMap<TaskId, TaskIndex>, mappings: Vec<Option<mapped::Mapping>>) -> Vec<Facts> {
    let undone = spec.tasks.iter().filter_map(|task| task.teardown.as_ref()).flat_map(|teardown| &teardown.setups);
    let undone: HashSet<TaskIndex> = undone.filter_map(|id| index.get(id).copied()).collect();
    let tasks = (0u32..).map(TaskIndex).zip(&spec.tasks).zip(mappings);
    tasks
        .map(|((at, task), mapping)| {
            let is_teardown = task.teardown.is_some();
            Facts {
                rule: if is_teardown { TriggerRule::AllDoneSetupSuccess } else { task.trigger_rule },
                mapping,
                is_setup: task.setup || undone.contains(&at),
                is_teardown,
                ..Facts::default()
            }
        })
        .collect()
}

/// What a mapped group is mapped over becomes upstream of the group's first tasks.
fn hang_groups(spec: &DagSpec, groups: &Groups, facts: &[Facts], upstream: &mut [Vec<TaskIndex>]) {
    for at in (0u32..).map(GroupIndex).take(spec.groups.len()) {
        let members = groups.members(at);
        let mapping = members.first().and_then(|first| facts[first.usize()].mapping.as_ref());
        let Some(mapping) = mapping.filter(|mapping| mapping.group == Some(at)) else { continue };
        for root in roots(members, upstream) {
            let parents = &mut upstream[root.usize()];
            parents.extend(mapping.sources().iter().filter(|source| !parents.contains(source)).collect::<Vec<_>>());
        }
    }
}

fn turned(upstream: &[Vec<TaskIndex>]) -> Vec<Vec<TaskIndex>> {
    let mut downstream = vec![Vec::new(); upstream.len()];
    for (task, parents) in (0u32..).map(TaskIndex).zip(upstream) {
        for parent in parents {
            downstream[parent.usize()].push(task);
        }
    }
    downstream
}
