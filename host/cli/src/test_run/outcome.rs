//! What came of a run: its task instances with their results, and the logs of those that failed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use flow_broker::ServiceError;
use flow_model::ids::{DagId, EntryKey, RunId, TaskId};
use flow_model::rest::dag_runs::DagRun;
use flow_model::rest::logs::{LogMessage, LogQuery};
use flow_model::rest::task_instances::{TaskInstance, TaskInstanceFilter};
use flow_model::rest::xcoms::XcomFilter;
use flow_model::rest::{PageRequest, Scope};
use flow_model::state::TaskInstanceState;
use serde_json::Value;

use super::hurry::Ending;
use super::stage::Stage;

/// The key of what a task returned.
const RETURN_VALUE: &str = "return_value";
/// How many entries are read at once.
const PAGE: u32 = 1_000;

/// What came of a run.
pub(super) struct Outcome {
    /// The run.
    pub(super) run: DagRun,
    /// Why it goes on no longer.
    pub(super) ending: Ending,
    /// How long it took by its own clock.
    pub(super) own_time: Duration,
    /// How long it took by everybody else's.
    pub(super) real_time: Duration,
    /// Its task instances, in the order of the DAG.
    pub(super) tasks: Vec<Played>,
}

/// What came of a task instance.
pub(super) struct Played {
    /// Where it stands.
    pub(super) instance: TaskInstance,
    /// What it returned, if anything.
    pub(super) result: Option<Value>,
    /// What its last try logged, if that failed.
    pub(super) log: Vec<LogMessage>,
}

impl Played {
    /// Its task.
    pub(super) fn task(&self) -> &TaskId {
        &self.instance.last_try.task_id
    }

    /// Its place among the instances of a mapped task.
    pub(super) fn map_index(&self) -> Option<u32> {
        u32::try_from(self.instance.last_try.map_index).ok()
    }

    /// Its state.
    pub(super) fn state(&self) -> TaskInstanceState {
        self.instance.last_try.state.unwrap_or(TaskInstanceState::None)
    }

    /// How it is called: `task`, or `task[2]`.
    pub(super) fn name(&self) -> String {
        match self.map_index() {
            Some(index) => format!("{}[{index}]", self.task()),
            None => self.task().to_string(),
        }
    }
}

/// Where a task instance is: its task and its map index, which is -1 for one that is not mapped.
type Place = (TaskId, i64);

/// Reads what came of a run.
pub(super) async fn read(stage: &Stage, dag: &DagId, run: &RunId) -> Result<(DagRun, Vec<Played>)> {
    let scope = Scope { dag: Some(dag.clone()), run: Some(run.clone()), task: None };
    let shown = stage.broker.run(&stage.actor.tenant, dag, run).await?;
    let results = results(stage, &scope).await?;
    let mut tasks = Vec::new();
    for instance in instances(stage, &scope).await? {
        let last = &instance.last_try;
        let place = (&last.task_id, u32::try_from(last.map_index).ok());
        let result = match results.get(&(last.task_id.clone(), last.map_index)) {
            Some(key) => result(stage, (dag, run), place, key).await?,
            None => None,
        };
        let log = match last.state {
            Some(TaskInstanceState::Failed) => log(stage, (dag, run), place, last.try_number).await?,
            Some(_) | None => Vec::new(),
        };
        tasks.push(Played { instance, result, log });
    }
    Ok((shown, tasks))
}

async fn instances(stage: &Stage, scope: &Scope) -> Result<Vec<TaskInstance>, ServiceError> {
    let mut all = Vec::new();
    loop {
        let page = page(all.len());
        let filter = TaskInstanceFilter::default();
        let found = stage.broker.task_instances(&stage.actor.tenant, scope, &filter, &page).await?;
        let is_last = found.entries.len() < PAGE as usize;
        all.extend(found.entries);
        if is_last {
            return Ok(all);
        }
    }
}

/// Which task instances have returned something.
async fn results(stage: &Stage, scope: &Scope) -> Result<BTreeMap<Place, EntryKey>, ServiceError> {
    let filter = XcomFilter { xcom_key: Some(RETURN_VALUE.to_owned()), ..XcomFilter::default() };
    let mut all = BTreeMap::new();
    let mut seen = 0;
    loop {
        let found = stage.broker.xcom_entries(&stage.actor.tenant, scope, &filter, &page(seen)).await?.entries;
        seen += found.len();
        let is_last = found.len() < PAGE as usize;
        all.extend(found.into_iter().map(|xcom| ((xcom.task_id, xcom.map_index), xcom.key)));
        if is_last {
            return Ok(all);
        }
    }
}

fn page(offset: usize) -> PageRequest {
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    PageRequest { limit: PAGE, offset, order_by: Vec::new() }
}

async fn result(
    stage: &Stage,
    run: (&DagId, &RunId),
    task: (&TaskId, Option<u32>),
    key: &EntryKey,
) -> Result<Option<Value>> {
    let entry = stage.broker.xcom_entry(&stage.actor.tenant, run, task, key).await?;
    Ok(Some(serde_json::from_str(entry.value.as_str())?))
}

async fn log(
    stage: &Stage,
    run: (&DagId, &RunId),
    task: (&TaskId, Option<u32>),
    try_number: u32,
) -> Result<Vec<LogMessage>, ServiceError> {
    let whole = LogQuery { full_content: true, token: None };
    match stage.broker.task_log(&stage.actor.tenant, run, task, try_number, &whole).await {
        Ok(log) => Ok(log.content),
        // It failed before its first try.
        Err(ServiceError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
