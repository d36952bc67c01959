//! The elements that instances of mapped tasks get, split out of what the tasks before them returned.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flow_model::advance::Instance;
use flow_model::dag::MapSource;
use flow_model::graph::{Graph, GroupIndex, TaskIndex};
use flow_model::ids::{RunKey, TaskId};
use flow_model::mapping;
use flow_store::{Session, StoreError, xcom};
use serde_json::Value;

use super::of;

/// The elements of instances, each one JSON text.
pub(super) type Items = BTreeMap<(RunKey, TaskIndex, u32), String>;

/// What tasks of a run returned, as far as something is mapped over it.
struct Results<'g> {
    graph: &'g Graph,
    run: RunKey,
    values: HashMap<TaskIndex, Value>,
}

/// The elements of these instances of a run, as far as they get any.
pub(super) async fn deal(
    db: &mut Session,
    (graph, run): (&Graph, RunKey),
    instances: Vec<Instance>,
) -> Result<Items, StoreError> {
    let mut dealt: BTreeMap<TaskIndex, Vec<u32>> = BTreeMap::new();
    for at in instances {
        if let Some(index) = at.map_index {
            dealt.entry(at.task).or_default().push(index);
        }
    }
    let mut items = Items::new();
    if dealt.is_empty() {
        return Ok(items);
    }
    let mut results = Results { graph, run, values: HashMap::new() };
    results.load(db, dealt.keys().copied()).await?;
    // The tasks of a group share their elements, so that these are split once.
    let mut shared: HashMap<GroupIndex, Vec<Value>> = HashMap::new();
    for (task, indices) in dealt {
        match graph.mapped_group(task) {
            Some(group) => {
                let elements = shared.entry(group).or_insert_with(|| results.elements(task));
                note(&mut items, (run, task), &indices, elements);
            }
            None => note(&mut items, (run, task), &indices, &results.elements(task)),
        }
    }
    Ok(items)
}

fn note(items: &mut Items, (run, task): (RunKey, TaskIndex), indices: &[u32], elements: &[Value]) {
    for &index in indices {
        if let Some(element) = elements.get(index as usize) {
            items.insert((run, task, index), element.to_string());
        }
    }
}

impl Results<'_> {
    async fn load(&mut self, db: &mut Session, tasks: impl Iterator<Item = TaskIndex>) -> Result<(), StoreError> {
        let sources: BTreeSet<TaskIndex> = tasks
            .filter_map(|task| self.graph.mapping(task))
            .flat_map(|mapping| mapping.sources().iter().copied())
            .collect();
        let (mapped, plain): (Vec<_>, Vec<_>) =
            sources.into_iter().partition(|&task| self.graph.mapping(task).is_some());
        if !plain.is_empty() {
            let keys: Vec<_> = plain.into_iter().map(|task| of(self.run, task)).collect();
            for (key, text) in xcom::returned(db, &keys).await? {
                self.values.insert(key.task, serde_json::from_str(&text).unwrap_or_default());
            }
        }
        if !mapped.is_empty() {
            let keys: Vec<_> = mapped.iter().map(|&task| (self.run, task)).collect();
            let mut lists: HashMap<TaskIndex, Vec<Value>> = mapped.into_iter().map(|task| (task, Vec::new())).collect();
            for (key, text) in xcom::returned_by_all(db, &keys).await? {
                let value: Value = serde_json::from_str(&text).unwrap_or_default();
                if !value.is_null() {
                    lists.entry(key.task).or_default().push(value);
                }
            }
            self.values.extend(lists.into_iter().map(|(task, list)| (task, Value::Array(list))));
        }
        Ok(())
    }

    /// The items of a task's instances. A source that cannot be split has no elements; the rules have refused it before.
    fn elements(&self, task: TaskIndex) -> Vec<Value> {
        let result = |id: &TaskId| self.graph.find(id).and_then(|task| self.values.get(&task).cloned());
        let split = |source: &MapSource| mapping::elements(source, &result).unwrap_or_default();
        match self.graph.mapped_group(task) {
            Some(group) => {
                let names = &self.graph.group(group).expand;
                let factors: Vec<Vec<Value>> = names.iter().map(|item| split(&item.over)).collect();
                mapping::group_items(names, &factors)
            }
            None => match self.graph.task(task).mapped() {
                Some(mapped) => mapping::product(&mapped.factors.into_iter().map(split).collect::<Vec<_>>()),
                None => Vec::new(),
            },
        }
    }
}
