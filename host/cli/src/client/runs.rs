//! `flow-host runs`: runs of DAGs.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::{DagId, RunId};
use flow_model::rest::dag_runs::{DagRunPatch, RunTarget};

use super::call::{Call, at};
use super::clearing::ClearRun;
use super::listing::{List, Page};
use super::marking::{MarkRun, NoteRun};
use super::session::{Session, Verb};
use super::{input, wait};
use crate::output::{Answer, Columns};

const RUNS: List = List {
    entries: "dag_runs",
    columns: &["dag_id", "dag_run_id", "state", "run_type", "logical_date", "start_date", "end_date"],
};

const CALLBACKS: List = List {
    entries: "callbacks",
    columns: &["id", "event", "function", "state", "try_number", "created_at", "ended_at", "error_message"],
};
const DEADLINES: List =
    List { entries: "deadlines", columns: &["name", "task_id", "group_id", "deadline_time", "missed", "missed_at"] };

/// What people see of one run.
pub(super) const RUN: Columns = &[
    "dag_id",
    "dag_run_id",
    "state",
    "run_type",
    "conf",
    "logical_date",
    "data_interval_start",
    "data_interval_end",
    "run_after",
    "start_date",
    "end_date",
    "duration",
    "triggered_by",
    "triggering_user_name",
    "bundle_version",
    "note",
];

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List runs, of one DAG or of all
    #[command(
        after_help = "Examples:\n  flow-host runs list etl --state failed\n  flow-host runs list --order-by -start_date --limit 10"
    )]
    List(ListArgs),
    /// Show one run
    Get(RunArg),
    /// Wait until a run has ended; the exit code is 0 if it succeeded, 1 if it failed
    Wait(RunArg),
    /// List what ran, or will run, after something had happened in a run
    Callbacks(RunArg),
    /// List by when what of a run has to be done, and what was not
    Deadlines(RunArg),
    /// End a run as failed, with the tasks it has running
    Cancel(RunArg),
    /// Run the tasks of a run again
    Clear(ClearRun),
    /// Say what becomes of a run
    Mark(MarkRun),
    /// Note something about a run
    Note(NoteRun),
    /// Delete a run with everything it left
    Delete(DeleteArgs),
}

/// A run.
#[derive(Debug, Args)]
pub(crate) struct RunArg {
    /// The DAG's id
    #[arg(value_name = "DAG")]
    pub(crate) dag: DagId,
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(crate) run: RunId,
}

/// Which runs to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The DAG's id; all DAGs if left out
    #[arg(value_name = "DAG")]
    dag: Option<DagId>,
    /// Only runs in this state; may be given several times
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
    #[command(flatten)]
    page: Page,
}

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    run: RunArg,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl RunArg {
    /// The run's path, to go on from.
    pub(crate) fn path(&self) -> Vec<String> {
        at!["dags", self.dag, "dagRuns", self.run]
    }

    /// The path of something of the run.
    pub(crate) fn path_to(&self, rest: &[&str]) -> Vec<String> {
        self.path().into_iter().chain(rest.iter().map(|&segment| segment.to_owned())).collect()
    }
}

impl ListArgs {
    /// Lists the runs asked for.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        // `~` stands for every DAG, as in Airflow's API.
        let dag = self.dag.map_or_else(|| "~".to_owned(), |dag| dag.to_string());
        let call = Call::get(at!["dags", dag, "dagRuns"]).with_each("state", &self.states);
        session.list(RUNS, call, &self.page).await
    }
}

impl Verb for Runs {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(args) => args.run(session).await,
            Self::Get(run) => session.object(Call::get(run.path()), RUN).await,
            Self::Wait(run) => wait::until_ended(session, &run.dag, &run.run).await,
            Self::Callbacks(run) => session.list(CALLBACKS, Call::get(run.path_to(&["callbacks"])), &Page::ALL).await,
            Self::Deadlines(run) => session.list(DEADLINES, Call::get(run.path_to(&["deadlines"])), &Page::ALL).await,
            Self::Cancel(run) => {
                let line = format!("cancelled run `{}` of DAG `{}`", run.run, run.dag);
                session
                    .done(
                        Call::patch(
                            run.path(),
                            DagRunPatch { state: Some(RunTarget::Failed), ..DagRunPatch::default() },
                        ),
                        line,
                    )
                    .await
            }
            Self::Clear(args) => args.run(session).await,
            Self::Mark(args) => args.run(session).await,
            Self::Note(args) => args.run(session).await,
            Self::Delete(DeleteArgs { run, yes }) => {
                input::confirm(&format!("Delete run `{}` of DAG `{}`?", run.run, run.dag), yes)?;
                session.done(Call::delete(run.path()), format!("deleted run `{}` of DAG `{}`", run.run, run.dag)).await
            }
        }
    }
}
