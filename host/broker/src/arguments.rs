//! What a claimed task gets to work with: its run, its configuration, and its arguments with results in place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flow_model::call::limit;
use flow_model::dag::Argument;
use flow_model::graph::TaskIndex;
use flow_model::ids::{RunKey, TaskId};
use flow_model::work::TaskContext;
use flow_store::run::{self, RunWithConf};
use flow_store::task_instance::TaskKey;
use flow_store::{Session, StoreError, xcom};
use serde_json::value::RawValue;

use crate::engine::Engine;
use crate::plan::of;
use crate::versions::Version;

/// Runs and results, loaded for many tasks at once.
pub(crate) struct Briefing {
    runs: HashMap<RunKey, (RunWithConf, Arc<Version>)>,
    results: HashMap<(RunKey, TaskIndex), String>,
}

/// The arguments of a task are larger than may be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task's arguments are {size} bytes of JSON, more than the {} that can be handed over", limit::BULK)]
pub(crate) struct TooMuch {
    size: usize,
}

impl Briefing {
    pub(crate) async fn load(db: &mut Session, engine: &Engine, tasks: &[TaskKey]) -> Result<Self, StoreError> {
        let mut keys: Vec<RunKey> = tasks.iter().map(|task| task.run).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut runs = HashMap::with_capacity(keys.len());
        for found in run::with_conf(db, &keys).await? {
            let version = engine.versions.get(db, &found.run.tenant, found.run.version).await?;
            runs.insert(found.run.key, (found, version));
        }
        let mut wanted: Vec<TaskKey> = Vec::new();
        for task in tasks {
            if let Some((_, version)) = runs.get(&task.run) {
                wanted.extend(results_of(version, task.task).map(|index| of(task.run, index)));
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        let results = if wanted.is_empty() { Vec::new() } else { xcom::returned(db, &wanted).await? };
        Ok(Self { runs, results: results.into_iter().collect() })
    }

    /// The run of a task that was loaded, and its version.
    pub(crate) fn run(&self, key: RunKey) -> Option<(&RunWithConf, &Arc<Version>)> {
        self.runs.get(&key).map(|(run, version)| (run, version))
    }

    /// What the guest is told about the try it is to run.
    pub(crate) fn context(&self, key: TaskKey, try_number: u32) -> Option<Result<TaskContext, TooMuch>> {
        let (found, version) = self.runs.get(&key.run)?;
        let (run, task) = (&found.run, version.graph.task(key.task));
        let conf = found.conf.clone().unwrap_or_else(|| "{}".to_owned());
        let arguments = match self.arguments(key, version, &conf) {
            Ok(arguments) => arguments,
            Err(refused) => return Some(Err(refused)),
        };
        Some(Ok(TaskContext {
            dag_id: run.dag_id.clone(),
            run_id: run.run_id.clone(),
            task_id: task.task_id.clone(),
            function: task.function.clone(),
            map_index: key.map_index,
            try_number,
            max_tries: task.retries.saturating_add(1).max(try_number),
            logical_date: run.logical_date,
            data_interval_start: run.interval.map(|interval| interval.start),
            data_interval_end: run.interval.map(|interval| interval.end),
            conf,
            arguments,
        }))
    }

    /// The arguments as one JSON array, put together from texts without parsing them.
    fn arguments(&self, key: TaskKey, version: &Version, conf: &str) -> Result<String, TooMuch> {
        let arguments = &version.graph.task(key.task).arguments;
        let from_conf = arguments.iter().any(|argument| matches!(argument, Argument::Conf(_)));
        let conf: BTreeMap<String, Box<RawValue>> =
            if from_conf { serde_json::from_str(conf).unwrap_or_default() } else { BTreeMap::new() };
        let mut text = String::from("[");
        for argument in arguments {
            if text.len() > 1 {
                text.push(',');
            }
            match argument {
                Argument::Literal(value) => text.push_str(&value.to_string()),
                Argument::Output(task) => text.push_str(self.result(key.run, version, task)),
                Argument::Outputs(tasks) => {
                    let results: Vec<&str> = tasks.iter().map(|task| self.result(key.run, version, task)).collect();
                    text.push('[');
                    text.push_str(&results.join(","));
                    text.push(']');
                }
                Argument::Conf(name) => text.push_str(conf.get(name).map_or("null", |value| value.get())),
            }
            if text.len() > limit::BULK {
                return Err(TooMuch { size: text.len() });
            }
        }
        text.push(']');
        Ok(text)
    }

    /// What a task of the run returned; `null` if it returned nothing.
    fn result(&self, run: RunKey, version: &Version, task: &TaskId) -> &str {
        let index = version.graph.find(task);
        index.and_then(|index| self.results.get(&(run, index))).map_or("null", String::as_str)
    }
}

/// The tasks whose results are among the arguments of `task`.
fn results_of(version: &Version, task: TaskIndex) -> impl Iterator<Item = TaskIndex> + '_ {
    let arguments = version.graph.task(task).arguments.iter();
    let named = arguments.flat_map(|argument| match argument {
        Argument::Output(task) => std::slice::from_ref(task),
        Argument::Outputs(tasks) => tasks.as_slice(),
        Argument::Literal(_) | Argument::Conf(_) => &[],
    });
    named.filter_map(|id| version.graph.find(id))
}
