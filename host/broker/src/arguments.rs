//! What a claimed task gets to work with: its run, its configuration, and its arguments with results in place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flow_model::call::limit;
use flow_model::dag::Argument;
use flow_model::graph::{Graph, TaskIndex};
use flow_model::ids::{RunKey, TaskId};
use flow_model::params;
use flow_store::run::{self, RunWithConf};
use flow_store::task_instance::{self, TaskKey};
use flow_store::{Session, StoreError, xcom};
use serde_json::value::RawValue;

use crate::assets::triggering_events;
use crate::engine::{Engine, Version};
use crate::plan::of;

/// Runs, results and elements, loaded for many tasks at once.
pub(crate) struct Briefing {
    runs: HashMap<RunKey, (RunWithConf, Arc<Version>)>,
    /// What single instances returned.
    results: HashMap<TaskKey, String>,
    /// What all instances of mapped tasks returned, as JSON arrays.
    lists: HashMap<(RunKey, TaskIndex), String>,
    items: HashMap<TaskKey, String>,
    /// The asset events that runs were made for, as JSON arrays.
    events: HashMap<RunKey, String>,
}

/// The arguments of a task are larger than may be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task's arguments are {size} bytes of JSON, more than the {} that can be handed over", limit::BULK)]
pub(crate) struct TooMuch {
    size: usize,
}

/// Whose result an argument is.
enum Whose {
    /// That of one instance.
    One(TaskKey),
    /// Those of all instances of a mapped task.
    All(RunKey, TaskIndex),
}

impl Briefing {
    pub(crate) async fn load(db: &mut Session, engine: &Engine, tasks: &[TaskKey]) -> Result<Self, StoreError> {
        let mut keys: Vec<RunKey> = tasks.iter().map(|task| task.run).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut runs = HashMap::with_capacity(keys.len());
        for found in run::with_conf(db, &keys).await? {
            let version = engine.versions.get(db, &found.run.tenant, found.run.version).await?;
            let params = &version.graph.spec().params;
            // Tasks see what the run was given, and the defaults of what it was not.
            let conf = if params.is_empty() { found.conf } else { Some(params::merged(params, found.conf.as_deref())) };
            runs.insert(found.run.key, (RunWithConf { conf, ..found }, version));
        }
        let events = triggering_events(db, runs.values().map(|(found, _)| &found.run)).await?;
        let mut briefing = Self { runs, results: HashMap::new(), lists: HashMap::new(), items: HashMap::new(), events };
        briefing.load_results(db, tasks).await?;
        let mapped: Vec<TaskKey> = tasks.iter().copied().filter(|task| task.map_index.is_some()).collect();
        if !mapped.is_empty() {
            briefing.items = task_instance::items(db, &mapped).await?.into_iter().collect();
        }
        Ok(briefing)
    }

    async fn load_results(&mut self, db: &mut Session, tasks: &[TaskKey]) -> Result<(), StoreError> {
        let (mut single, mut whole) = (Vec::new(), Vec::new());
        for task in tasks {
            let Some((_, version)) = self.runs.get(&task.run) else { continue };
            for id in results_of(&version.graph, task.task) {
                match whose(&version.graph, *task, id) {
                    Some(Whose::One(key)) => single.push(key),
                    Some(Whose::All(run, index)) => whole.push((run, index)),
                    None => {}
                }
            }
        }
        single.sort_unstable();
        single.dedup();
        if !single.is_empty() {
            self.results = xcom::returned(db, &single).await?.into_iter().collect();
        }
        whole.sort_unstable();
        whole.dedup();
        if !whole.is_empty() {
            let mut lists: HashMap<(RunKey, TaskIndex), Vec<String>> = HashMap::new();
            for (key, value) in xcom::returned_by_all(db, &whole).await? {
                lists.entry((key.run, key.task)).or_default().push(value);
            }
            self.lists = lists.into_iter().map(|(key, values)| (key, format!("[{}]", values.join(",")))).collect();
        }
        Ok(())
    }

    /// The run of a task that was loaded, and its version.
    pub(crate) fn run(&self, key: RunKey) -> Option<(&RunWithConf, &Arc<Version>)> {
        self.runs.get(&key).map(|(run, version)| (run, version))
    }

    /// The run's configuration, one JSON object.
    pub(crate) fn conf(&self, key: RunKey) -> &str {
        self.runs.get(&key).and_then(|(run, _)| run.conf.as_deref()).unwrap_or("{}")
    }

    /// The asset events that the run was made for, one JSON array.
    pub(crate) fn triggering_events(&self, key: RunKey) -> &str {
        self.events.get(&key).map_or("[]", String::as_str)
    }

    /// The arguments as one JSON array, put together from texts without parsing more than their outline.
    pub(crate) fn arguments(&self, key: TaskKey) -> Result<String, TooMuch> {
        let Some((_, version)) = self.runs.get(&key.run) else { return Ok("[]".to_owned()) };
        let task = version.graph.task(key.task);
        let from_conf = task.arguments.iter().any(|argument| matches!(argument, Argument::Conf(_)));
        let conf: Members = if from_conf { outline(self.conf(key.run)) } else { Members::new() };
        let item = Item::read(self.items.get(&key).map(String::as_str), task.expand_kwargs.is_some());
        let mut factor = 0;
        let mut text = String::from("[");
        for argument in &task.arguments {
            if text.len() > 1 {
                text.push(',');
            }
            match argument {
                Argument::Literal(value) => text.push_str(&value.to_string()),
                Argument::Output(task) => text.push_str(self.result(key, version, task)),
                Argument::Outputs(tasks) => {
                    let results: Vec<&str> = tasks.iter().map(|task| self.result(key, version, task)).collect();
                    text.push('[');
                    text.push_str(&results.join(","));
                    text.push(']');
                }
                Argument::Conf(name) => text.push_str(member(&conf, name)),
                Argument::Keyword(name) | Argument::GroupItem(name) => text.push_str(member(&item.members, name)),
                Argument::Expand(_) => {
                    text.push_str(item.factors.get(factor).map_or("null", |value| value.get()));
                    factor += 1;
                }
            }
            if text.len() > limit::BULK {
                return Err(TooMuch { size: text.len() });
            }
        }
        text.push(']');
        Ok(text)
    }

    /// What a task of the run returned; `null` if it returned nothing.
    fn result(&self, key: TaskKey, version: &Version, task: &TaskId) -> &str {
        match whose(&version.graph, key, task) {
            Some(Whose::One(key)) => self.results.get(&key).map_or("null", String::as_str),
            Some(Whose::All(run, index)) => self.lists.get(&(run, index)).map_or("[]", String::as_str),
            None => "null",
        }
    }
}

type Members = BTreeMap<String, Box<RawValue>>;

/// The elements of a mapped instance.
#[derive(Default)]
struct Item {
    factors: Vec<Box<RawValue>>,
    members: Members,
}

impl Item {
    /// A task's own item is an array with one element per factor, that of a mapped group an object. The one factor of
    /// `expand_kwargs` is an object of keywords.
    fn read(text: Option<&str>, keywords: bool) -> Self {
        let Some(text) = text else { return Self::default() };
        let factors: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
        let members = match factors.first() {
            Some(only) if keywords => outline(only.get()),
            Some(_) => Members::new(),
            None => outline(text),
        };
        Self { factors, members }
    }
}

fn outline(text: &str) -> Members {
    serde_json::from_str(text).unwrap_or_default()
}

fn member<'a>(members: &'a Members, name: &str) -> &'a str {
    members.get(name).map_or("null", |value| value.get())
}

/// Between tasks of one mapped group an instance gets what its counterpart returned; of a mapped task anybody else gets
/// what all instances did.
fn whose(graph: &Graph, key: TaskKey, task: &TaskId) -> Option<Whose> {
    let index = graph.find(task)?;
    if graph.mapping(index).is_none() {
        return Some(Whose::One(of(key.run, index)));
    }
    if graph.is_aligned(index, key.task) && key.map_index.is_some() {
        return Some(Whose::One(TaskKey { task: index, ..key }));
    }
    Some(Whose::All(key.run, index))
}

/// The tasks whose results are among the arguments of `task`.
fn results_of(graph: &Graph, task: TaskIndex) -> impl Iterator<Item = &TaskId> {
    graph.task(task).arguments.iter().flat_map(|argument| match argument {
        Argument::Output(task) => std::slice::from_ref(task),
        Argument::Outputs(tasks) => tasks.as_slice(),
        Argument::Literal(_)
        | Argument::Conf(_)
        | Argument::Expand(_)
        | Argument::Keyword(_)
        | Argument::GroupItem(_) => &[],
    })
}
