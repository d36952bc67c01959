//! Running again: tasks of a run, whole runs, the tasks of a DAG in a range of dates.

use anyhow::Result;
use clap::Args;
use flow_model::ids::{DagId, TaskId};
use flow_model::rest::clearing::{ClearDagRun, ClearTaskInstances, TaskSelection};
use flow_model::time::Millis;

use super::call::{Call, at, instant};
use super::input;
use super::runs::RunArg;
use super::session::Session;
use super::tasks::STATES;
use crate::output::Answer;

/// Which tasks of a run to run again.
#[derive(Debug, Args)]
pub(crate) struct ClearTasks {
    #[command(flatten)]
    run: RunArg,
    /// The tasks' ids; all tasks if left out
    #[arg(value_name = "TASK")]
    tasks: Vec<TaskId>,
    /// Which one of a mapped task; may be given several times
    #[arg(long = "map-index", value_name = "N", requires = "tasks")]
    map_indices: Vec<u32>,
    #[command(flatten)]
    around: Around,
    /// Only tasks that are running
    #[arg(short = 'r', long, conflicts_with = "only_failed")]
    only_running: bool,
    #[command(flatten)]
    how: How,
}

/// Which run to run again.
#[derive(Debug, Args)]
pub(crate) struct ClearRun {
    #[command(flatten)]
    run: RunArg,
    /// Only the tasks that the DAG's latest version has in addition; nothing else runs again
    #[arg(long, conflicts_with = "only_failed")]
    only_new: bool,
    #[command(flatten)]
    how: How,
}

/// Which runs of a DAG to run again.
#[derive(Debug, Args)]
pub(crate) struct ClearDag {
    /// The DAG's id
    #[arg(value_name = "DAG")]
    dag: DagId,
    /// Only runs for this logical date and later ones: a date, or an instant with its zone
    #[arg(short, long, value_name = "INSTANT", value_parser = instant)]
    start_date: Option<Millis>,
    /// Only runs for this logical date and earlier ones
    #[arg(short, long, value_name = "INSTANT", value_parser = instant)]
    end_date: Option<Millis>,
    /// Only tasks that are running
    #[arg(short = 'r', long, conflicts_with = "only_failed")]
    only_running: bool,
    #[command(flatten)]
    how: How,
}

/// What else is meant besides a task of a run.
#[derive(Debug, Clone, Copy, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Around {
    /// Also the tasks that these wait for
    #[arg(short, long)]
    pub(super) upstream: bool,
    /// Also the tasks that wait for these
    #[arg(short, long)]
    pub(super) downstream: bool,
    /// Also those of earlier runs
    #[arg(long)]
    pub(super) past: bool,
    /// Also those of later runs
    #[arg(long)]
    pub(super) future: bool,
}

/// How to run things again.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// Only tasks that failed
    #[arg(short = 'f', long)]
    only_failed: bool,
    /// Go on with the DAG's latest version, or with the run's own; what the DAG says, if left out
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    latest_version: Option<bool>,
    /// A note for what runs again
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Only list what would run again
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl How {
    fn confirm(&self, what: &str) -> Result<()> {
        input::confirm(&format!("Run {what} again?"), self.yes || self.dry_run)
    }

    /// The body that asks for this, of every task of every run.
    fn body(self, only_running: bool) -> ClearTaskInstances {
        ClearTaskInstances {
            dry_run: self.dry_run,
            only_failed: Some(self.only_failed),
            only_running,
            run_on_latest_version: self.latest_version,
            note: self.note,
            ..ClearTaskInstances::default()
        }
    }
}

impl ClearTasks {
    /// Runs them again.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        let RunArg { dag, run } = self.run;
        self.how.confirm(&format!("tasks of run `{run}` of DAG `{dag}`"))?;
        let tasks = selection(self.tasks, &self.map_indices);
        let body = ClearTaskInstances {
            task_ids: (!tasks.is_empty()).then_some(tasks),
            dag_run_id: Some(run),
            include_upstream: self.around.upstream,
            include_downstream: self.around.downstream,
            include_past: self.around.past,
            include_future: self.around.future,
            ..self.how.body(self.only_running)
        };
        session.rows(STATES, Call::post(at!["dags", dag, "clearTaskInstances"], body)).await
    }
}

/// These tasks, or of each of them these instances.
fn selection(tasks: Vec<TaskId>, map_indices: &[u32]) -> Vec<TaskSelection> {
    if map_indices.is_empty() {
        return tasks.into_iter().map(TaskSelection::Task).collect();
    }
    let instances =
        |task: TaskId| map_indices.iter().map(move |&index| TaskSelection::Instance(task.clone(), index.into()));
    tasks.into_iter().flat_map(instances).collect()
}

impl ClearRun {
    /// Runs it again.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        let Self { run, only_new, how } = self;
        how.confirm(&format!("the tasks of run `{}` of DAG `{}`", run.run, run.dag))?;
        let How { only_failed, latest_version, note, dry_run, .. } = how;
        let body = ClearDagRun { dry_run, only_failed, only_new, run_on_latest_version: latest_version, note };
        let call = Call::post(run.path_to(&["clear"]), body);
        if dry_run {
            return session.rows(STATES, call).await;
        }
        session.done(call, format!("cleared run `{}` of DAG `{}`", run.run, run.dag)).await
    }
}

impl ClearDag {
    /// Runs them again.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        let Self { dag, start_date, end_date, only_running, how } = self;
        how.confirm(&format!("the tasks of all runs of DAG `{dag}` in this range"))?;
        let body = ClearTaskInstances { start_date, end_date, ..how.body(only_running) };
        session.rows(STATES, Call::post(at!["dags", dag, "clearTaskInstances"], body)).await
    }
}
