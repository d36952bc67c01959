//! The groups of a DAG: which are in which, and which tasks are in them.

use std::collections::{BTreeSet, HashMap};

use super::{Graph, GraphError, MAX_EDGES, TaskIndex};
use crate::dag::{DagSpec, GroupSpec};
use crate::ids::{GroupId, TaskId};

/// A group's position in its DAG's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct GroupIndex(pub u32);

impl GroupIndex {
    fn usize(self) -> usize {
        self.0 as usize
    }
}

/// A decision names something that is neither a task nor a group of the DAG.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}, which is neither a task nor a group of the DAG")]
pub struct UnknownTarget(pub String);

#[derive(Debug, Default)]
pub(super) struct Groups {
    index: HashMap<GroupId, GroupIndex>,
    parents: Vec<Option<GroupIndex>>,
    /// The innermost group of each task.
    of_task: Vec<Option<GroupIndex>>,
    /// The tasks of each group, those of the groups in it included, in index order.
    members: Vec<Vec<TaskIndex>>,
}

impl Groups {
    pub(super) fn build(spec: &DagSpec, tasks: &HashMap<TaskId, TaskIndex>) -> Result<Self, GraphError> {
        let mut index = HashMap::with_capacity(spec.groups.len());
        for (at, group) in (0u32..).map(GroupIndex).zip(&spec.groups) {
            let is_task = group.group_id.as_str().parse().is_ok_and(|id: TaskId| tasks.contains_key(&id));
            if index.insert(group.group_id.clone(), at).is_some() || is_task {
                return Err(GraphError::DuplicateGroup(group.group_id.to_string()));
            }
        }
        let look_up = |member: &str, group: &Option<GroupId>| match group {
            None => Ok(None),
            Some(id) => index
                .get(id)
                .map(|&at| Some(at))
                .ok_or_else(|| GraphError::UnknownGroup { member: member.to_owned(), group: id.to_string() }),
        };
        let parents = spec.groups.iter().map(|group| look_up(group.group_id.as_str(), &group.parent));
        let parents = parents.collect::<Result<Vec<_>, _>>()?;
        let of_task = spec.tasks.iter().map(|task| look_up(task.task_id.as_str(), &task.group));
        let of_task = of_task.collect::<Result<Vec<_>, _>>()?;
        let mut groups = Self { index, parents, of_task, members: vec![Vec::new(); spec.groups.len()] };
        groups.refuse_rings(&spec.groups)?;
        groups.fill()?;
        Ok(groups)
    }

    fn fill(&mut self) -> Result<(), GraphError> {
        let mut memberships = 0;
        for (at, innermost) in (0u32..).map(TaskIndex).zip(self.of_task.clone()) {
            for group in self.around(innermost) {
                self.members[group.usize()].push(at);
                memberships += 1;
            }
            if memberships > MAX_EDGES {
                return Err(GraphError::TooManyEdges);
            }
        }
        Ok(())
    }

    /// Walking outwards from any group must come to an end within as many steps as there are groups.
    fn refuse_rings(&self, specs: &[GroupSpec]) -> Result<(), GraphError> {
        let mut known_good = vec![false; specs.len()];
        for start in (0u32..).map(GroupIndex).take(specs.len()) {
            let mut path = BTreeSet::new();
            let mut next = Some(start);
            while let Some(group) = next.filter(|group| !known_good[group.usize()]) {
                if !path.insert(group) {
                    return Err(GraphError::GroupCycle(specs[group.usize()].group_id.to_string()));
                }
                next = self.parents[group.usize()];
            }
            for group in path {
                known_good[group.usize()] = true;
            }
        }
        Ok(())
    }

    pub(super) fn find(&self, id: &GroupId) -> Option<GroupIndex> {
        self.index.get(id).copied()
    }

    pub(super) fn of_task(&self, task: TaskIndex) -> Option<GroupIndex> {
        self.of_task[task.usize()]
    }

    /// A group and those around it, the innermost first.
    pub(super) fn around(&self, innermost: Option<GroupIndex>) -> Vec<GroupIndex> {
        std::iter::successors(innermost, |group| self.parents[group.usize()]).collect()
    }

    pub(super) fn parent(&self, group: GroupIndex) -> Option<GroupIndex> {
        self.parents[group.usize()]
    }

    pub(super) fn members(&self, group: GroupIndex) -> &[TaskIndex] {
        &self.members[group.usize()]
    }
}

impl Graph {
    /// The group at `index`.
    pub fn group(&self, index: GroupIndex) -> &GroupSpec {
        &self.spec.groups[index.usize()]
    }

    /// Every group's index, in the order they were written.
    pub fn groups(&self) -> impl Iterator<Item = GroupIndex> + use<> {
        (0..u32::try_from(self.spec.groups.len()).unwrap_or(u32::MAX)).map(GroupIndex)
    }

    /// The groups that the task is in, the innermost first.
    pub fn groups_around(&self, task: TaskIndex) -> Vec<GroupIndex> {
        self.groups.around(self.groups.of_task(task))
    }

    /// The tasks of a group and of the groups in it, in index order.
    pub fn tasks_of(&self, group: GroupIndex) -> &[TaskIndex] {
        self.groups.members(group)
    }

    /// The tasks of a group that wait for no other task of it.
    pub fn roots_of(&self, group: GroupIndex) -> Vec<TaskIndex> {
        roots(self.groups.members(group), &self.upstream)
    }

    /// The task of this id, or the first tasks of the group of this id; none if it is left out of this part of the DAG.
    pub fn targets(&self, id: &str) -> Result<Vec<TaskIndex>, UnknownTarget> {
        if let Some(task) = id.parse().ok().and_then(|id| self.find(&id)) {
            return Ok(vec![task]);
        }
        if self.elsewhere.contains(id) {
            return Ok(Vec::new());
        }
        let group = id.parse().ok().and_then(|id| self.find_group(&id));
        group.map(|group| self.roots_of(group)).ok_or_else(|| UnknownTarget(id.to_owned()))
    }
}

/// Those of `members` none of whose upstream is among them. `members` is in index order.
pub(super) fn roots(members: &[TaskIndex], upstream: &[Vec<TaskIndex>]) -> Vec<TaskIndex> {
    let is_inside = |task: &TaskIndex| members.binary_search(task).is_ok();
    members.iter().copied().filter(|task| !upstream[task.usize()].iter().any(is_inside)).collect()
}
