//! How tasks are mapped: over what, and how many instances that makes.

use std::sync::Arc;

use super::groups::Groups;
use super::{GraphError, GroupIndex, TaskIndex};
use crate::dag::{DagSpec, MapSource};
use crate::ids::TaskId;
use crate::mapping;

/// The most instances that a mapped task may have.
pub const MAX_MAP_LENGTH: u32 = 100_000;

/// How a task is mapped, by itself or with the group that it is in.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The group that is mapped; `None` if the task itself is.
    pub group: Option<GroupIndex>,
    length: Arc<Length>,
    sources: Arc<[TaskIndex]>,
}

impl Mapping {
    /// The tasks whose results it is mapped over, each once.
    pub fn sources(&self) -> &[TaskIndex] {
        &self.sources
    }

    /// How many instances there are, if the DAG alone says so.
    pub fn literal(&self) -> Option<u32> {
        match *self.length {
            Length::Known(length) => u32::try_from(length).ok(),
            Length::Of(_) | Length::Longest(_) | Length::Shortest(_) | Length::Sum(_) | Length::Product(_) => None,
        }
    }

    /// How many instances there are when the results of the sources are this long; `None` if one is not known.
    pub fn length(&self, of: &impl Fn(TaskIndex) -> Option<u32>) -> Option<u64> {
        self.length.with(of)
    }
}

/// How the lengths of its sources make that of the whole.
#[derive(Debug, Clone)]
enum Length {
    Known(u64),
    Of(TaskIndex),
    Longest(Vec<Length>),
    Shortest(Vec<Length>),
    Sum(Vec<Length>),
    Product(Vec<Length>),
}

impl Length {
    fn with(&self, of: &impl Fn(TaskIndex) -> Option<u32>) -> Option<u64> {
        let each = |parts: &[Self]| parts.iter().map(|part| part.with(of)).collect::<Option<Vec<u64>>>();
        match self {
            Self::Known(length) => Some(*length),
            Self::Of(task) => of(*task).map(u64::from),
            Self::Longest(parts) => Some(each(parts)?.into_iter().max().unwrap_or(0)),
            Self::Shortest(parts) => Some(each(parts)?.into_iter().min().unwrap_or(0)),
            Self::Sum(parts) => Some(each(parts)?.into_iter().fold(0, u64::saturating_add)),
            Self::Product(parts) => Some(each(parts)?.into_iter().fold(1, u64::saturating_mul)),
        }
    }

    /// The same, with what is known already worked out.
    fn folded(self) -> Self {
        match self.with(&|_| None) {
            Some(length) => Self::Known(length),
            None => self,
        }
    }
}

/// What a task or a group is mapped over, while it is checked.
pub(super) struct Mapper<'a> {
    pub(super) find: &'a dyn Fn(&TaskId) -> Option<TaskIndex>,
    /// Whose mapping it is.
    pub(super) mapped: &'a str,
}

impl Mapper<'_> {
    /// The mapping over the product of these.
    pub(super) fn over<'s>(
        &self,
        factors: impl IntoIterator<Item = &'s MapSource>,
        group: Option<GroupIndex>,
    ) -> Result<Mapping, GraphError> {
        let mut sources = Vec::new();
        let factors = factors.into_iter().map(|factor| self.length(factor, &mut sources));
        let length = Length::Product(factors.collect::<Result<_, _>>()?).folded();
        match length {
            Length::Known(length) if length > u64::from(MAX_MAP_LENGTH) => {
                Err(GraphError::TooManyInstances { mapped: self.mapped.to_owned(), length })
            }
            length => Ok(Mapping { group, length: Arc::new(length), sources: sources.into() }),
        }
    }

    fn length(&self, source: &MapSource, sources: &mut Vec<TaskIndex>) -> Result<Length, GraphError> {
        let mut each = |parts: &[MapSource]| {
            parts.iter().map(|part| self.length(part, sources)).collect::<Result<Vec<_>, GraphError>>()
        };
        match source {
            MapSource::Literal(value) => match mapping::length(value) {
                Some(length) => Ok(Length::Known(length as u64)),
                None => Err(GraphError::NotMappable { mapped: self.mapped.to_owned(), found: mapping::kind(value) }),
            },
            MapSource::Output(id) => {
                let task = (self.find)(id).ok_or_else(|| GraphError::UnknownUpstream {
                    task: self.mapped.to_owned(),
                    upstream: id.to_string(),
                })?;
                if !sources.contains(&task) {
                    sources.push(task);
                }
                Ok(Length::Of(task))
            }
            MapSource::Zip { sources: parts, fill: Some(_) } => Ok(Length::Longest(each(parts)?)),
            MapSource::Zip { sources: parts, fill: None } => Ok(Length::Shortest(each(parts)?)),
            MapSource::Concat(parts) => Ok(Length::Sum(each(parts)?)),
        }
    }
}

/// The mapping of every task.
pub(super) fn of_tasks(
    spec: &DagSpec,
    groups: &Groups,
    find: &dyn Fn(&TaskId) -> Option<TaskIndex>,
) -> Result<Vec<Option<Mapping>>, GraphError> {
    let of_groups = of_groups(spec, groups, find)?;
    let tasks = (0u32..).map(TaskIndex).zip(&spec.tasks);
    tasks
        .map(|(at, task)| {
            let mut around = groups.around(groups.of_task(at)).into_iter();
            let with_group = around.find_map(|group| of_groups[group.0 as usize].as_ref());
            match (task.mapped(), with_group) {
                (None, with_group) => Ok(with_group.cloned()),
                (Some(mapped), None) => {
                    let mapper = Mapper { find, mapped: task.task_id.as_str() };
                    mapper.over(mapped.factors, None).map(Some)
                }
                (Some(_), Some(mapping)) => Err(GraphError::MappedInMappedGroup {
                    task: task.task_id.to_string(),
                    group: mapping.group.map_or_else(String::new, |group| id_of(spec, group)),
                }),
            }
        })
        .collect()
}

fn of_groups(
    spec: &DagSpec,
    groups: &Groups,
    find: &dyn Fn(&TaskId) -> Option<TaskIndex>,
) -> Result<Vec<Option<Mapping>>, GraphError> {
    let mut mappings = Vec::with_capacity(spec.groups.len());
    for (at, group) in (0u32..).map(GroupIndex).zip(&spec.groups) {
        if group.expand.is_empty() {
            mappings.push(None);
            continue;
        }
        let outer = groups.around(groups.parent(at));
        if let Some(&outer) = outer.iter().find(|outer| !spec.groups[outer.0 as usize].expand.is_empty()) {
            return Err(GraphError::NestedMapping { group: group.group_id.to_string(), outer: id_of(spec, outer) });
        }
        let mapper = Mapper { find, mapped: group.group_id.as_str() };
        let mapping = mapper.over(group.expand.iter().map(|item| &item.over), Some(at))?;
        if let Some(own) = mapping.sources.iter().find(|source| groups.members(at).binary_search(source).is_ok()) {
            let task = spec.tasks[own.usize()].task_id.to_string();
            return Err(GraphError::MappedOverOwnTask { group: group.group_id.to_string(), task });
        }
        mappings.push(Some(mapping));
    }
    Ok(mappings)
}

fn id_of(spec: &DagSpec, group: GroupIndex) -> String {
    spec.groups[group.0 as usize].group_id.to_string()
}
