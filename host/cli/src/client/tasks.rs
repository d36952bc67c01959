//! `flow-host tasks`: the tasks of DAGs and of runs.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::{DagId, RunId, TaskId};
use flow_model::rest::on_demand::RunTask;
use flow_model::time::Millis;

use super::call::{Call, at, instant};
use super::clearing::ClearTasks;
use super::listing::{List, Page};
use super::logs::LogsArgs;
use super::marking::{MarkGroup, MarkTask, NoteTask};
use super::questions::Questions;
use super::runs::RunArg;
use super::session::{Session, Verb};
use super::{input, logs, wait};
use crate::output::{Answer, Columns};

/// The task instances of a run.
pub(super) const STATES: List = List {
    entries: "task_instances",
    columns: &["task_id", "map_index", "state", "try_number", "start_date", "end_date", "duration"],
};
const TRIES: List = List {
    entries: "task_instances",
    columns: &["try_number", "state", "start_date", "end_date", "duration", "error_class", "error_message"],
};
const TASK: Columns = &[
    "dag_id",
    "dag_run_id",
    "task_id",
    "map_index",
    "state",
    "try_number",
    "max_tries",
    "queued_when",
    "start_date",
    "end_date",
    "duration",
    "error_class",
    "error_message",
    "progress",
    "usage.cpu_us",
    "usage.peak_memory_bytes",
    "hostname",
    "note",
];
const DEPENDENCIES: List = List { entries: "dependencies", columns: &["name", "reason"] };
/// The tasks of a DAG.
pub(super) const TASKS: List = List {
    entries: "tasks",
    columns: &["task_id", "trigger_rule", "retries", "upstream_task_ids", "downstream_task_ids"],
};

/// What can be done with tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum Tasks {
    /// List the tasks of a DAG
    List {
        /// The DAG's id
        #[arg(value_name = "DAG")]
        dag: DagId,
    },
    /// List the task instances of a run with their states
    #[command(visible_alias = "states-for-dag-run")]
    #[command(
        after_help = "Examples:\n  flow-host tasks states etl first --state failed\n  flow-host tasks states etl first --task clean"
    )]
    States(StatesArgs),
    /// Show one task instance
    Get(TaskArg),
    /// List the tries of a task instance
    Tries(TaskArg),
    /// Run tasks of a run again
    #[command(
        after_help = "Examples:\n  flow-host tasks clear etl first clean --downstream\n  flow-host tasks clear etl first load --map-index 3\n  flow-host tasks clear etl first --only-failed --yes"
    )]
    Clear(ClearTasks),
    /// Say how a task instance ended; what failed behind it gets another go
    #[command(
        after_help = "Examples:\n  flow-host tasks mark etl first clean success\n  flow-host tasks mark etl first clean skipped --downstream --future --dry-run"
    )]
    Mark(MarkTask),
    /// Say how all tasks of a group ended
    MarkGroup(MarkGroup),
    /// Note something about a task instance
    Note(NoteTask),
    /// Say why a task instance does not begin
    FailedDeps(TaskArg),
    /// Delete a task instance of a run that has ended, with its tries, results and logs
    Delete(DeleteArgs),
    /// Run one task now, in a run of its own
    #[command(
        after_help = "Examples:\n  flow-host tasks run etl clean --with-upstream --wait\n  flow-host tasks run etl report --conf '{\"day\": \"2026-01-31\"}'\nWith --wait the exit code is 0 if the run succeeded, 1 if it failed."
    )]
    Run(RunArgs),
    /// What tasks ask people: list, answer
    #[command(subcommand)]
    Input(Questions),
    /// Show what a task instance logged
    #[command(
        after_help = "Examples:\n  flow-host tasks logs etl first clean\n  flow-host tasks logs etl first clean --try 1\n  flow-host tasks logs etl first clean --follow"
    )]
    Logs(LogsArgs),
}

/// A task instance.
#[derive(Debug, Args)]
pub(crate) struct TaskArg {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// The task's id
    #[arg(value_name = "TASK")]
    pub(crate) task: TaskId,
    /// Which one of a mapped task
    #[arg(long, value_name = "N")]
    pub(crate) map_index: Option<u32>,
}

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    task: TaskArg,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// What to run, and with what.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The DAG's id
    #[arg(value_name = "DAG")]
    dag: DagId,
    /// The task's id
    #[arg(value_name = "TASK")]
    task: TaskId,
    /// Run all that it depends on before it; without that their results are null
    #[arg(long)]
    with_upstream: bool,
    /// The run's conf: a JSON object, or @FILE with one
    #[arg(short, long, value_name = "JSON|@FILE")]
    conf: Option<String>,
    /// The run's id; the server makes one if left out
    #[arg(short, long, value_name = "ID")]
    run_id: Option<RunId>,
    /// The run's logical date: a date, or an instant with its zone
    #[arg(short = 'e', long, value_name = "INSTANT", value_parser = instant)]
    logical_date: Option<Millis>,
    /// A note for later
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Wait until the run has ended
    #[arg(short, long)]
    wait: bool,
}

/// Which task instances to list.
#[derive(Debug, Args)]
pub(crate) struct StatesArgs {
    #[command(flatten)]
    run: RunArg,
    /// Only those in this state; may be given several times
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
    /// Only those of this task
    #[arg(long, value_name = "TASK")]
    task: Option<TaskId>,
    #[command(flatten)]
    page: Page,
}

impl TaskArg {
    /// The path of the task instance.
    pub(crate) fn path(&self) -> Vec<String> {
        let index = self.map_index.map(|index| index.to_string());
        self.path_above_index().into_iter().chain(index).collect()
    }

    /// The path of something of the task instance that takes the map index as a parameter.
    pub(crate) fn path_to(&self, rest: &[&str]) -> Vec<String> {
        self.path_above_index().into_iter().chain(rest.iter().map(|&segment| segment.to_owned())).collect()
    }

    fn path_above_index(&self) -> Vec<String> {
        self.run.path_to(&["taskInstances", self.task.as_str()])
    }
}

impl Verb for Tasks {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List { dag } => session.list(TASKS, Call::get(at!["dags", dag, "tasks"]), &Page::ALL).await,
            Self::States(StatesArgs { run, states, task, page }) => {
                let call = Call::get(run.path_to(&["taskInstances"])).with_each("state", &states).with("task_id", task);
                session.list(STATES, call, &page).await
            }
            Self::Get(task) => session.object(Call::get(task.path()), TASK).await,
            Self::Tries(task) => {
                let call = Call::get(task.path_to(&["tries"])).with("map_index", task.map_index);
                session.list(TRIES, call, &Page::ALL).await
            }
            Self::Clear(args) => args.run(session).await,
            Self::Mark(args) => args.run(session).await,
            Self::MarkGroup(args) => args.run(session).await,
            Self::Note(args) => args.run(session).await,
            Self::FailedDeps(task) => {
                let path = task.path().into_iter().chain(["dependencies".to_owned()]).collect();
                session.rows(DEPENDENCIES, Call::get(path)).await
            }
            Self::Delete(DeleteArgs { task, yes }) => {
                input::confirm(&format!("Delete task instance `{}` of run `{}`?", task.task, task.run.run), yes)?;
                let call = Call::delete(task.path_to(&[])).with("map_index", task.map_index);
                session.done(call, format!("deleted task instance `{}`", task.task)).await
            }
            Self::Run(args) => run_now(session, args).await,
            Self::Input(verb) => verb.run(session).await,
            Self::Logs(args) => logs::show(session, args).await,
        }
    }
}

async fn run_now(session: &Session, args: RunArgs) -> Result<Answer> {
    let RunArgs { dag, task, with_upstream, conf, run_id, logical_date, note, wait } = args;
    let conf = conf.map(|conf| input::object("--conf", conf)).transpose()?;
    let body =
        RunTask { dag_id: dag.clone(), task_id: task, with_upstream, dag_run_id: run_id, logical_date, conf, note };
    let run = session.client.answer(Call::post(at!["tasks", "run"], body)).await?;
    wait::made(session, &dag, run, wait).await
}
