//! `flow-host dags`: what DAGs there are, and whether they run.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::{DagId, RunId};
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::rest::dags::DagPatch;
use flow_model::time::Millis;

use super::call::{Call, at, instant};
use super::clearing::ClearDag;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use super::tasks::TASKS;
use super::{input, runs, server, wait};
use crate::output::{Answer, Columns};

const DAGS: List = List {
    entries: "dags",
    columns: &["dag_id", "is_paused", "timetable_summary", "next_dagrun_run_after", "tags", "description"],
};
const VERSIONS: List =
    List { entries: "dag_versions", columns: &["version_number", "id", "bundle_name", "bundle_version", "created_at"] };
const NEXT: List = List {
    entries: "next_dag_runs",
    columns: &["logical_date", "data_interval_start", "data_interval_end", "run_after"],
};
const DAG: Columns = &[
    "dag_id",
    "description",
    "is_paused",
    "is_stale",
    "timetable_summary",
    "next_dagrun_run_after",
    "tags",
    "bundle_name",
    "bundle_version",
    "last_parsed_time",
    "has_import_errors",
];

/// What can be done with DAGs.
#[derive(Debug, Subcommand)]
pub(crate) enum Dags {
    /// List DAGs
    #[command(
        after_help = "Examples:\n  flow-host dags list\n  flow-host dags list --tag sales --paused false -o json"
    )]
    List(ListArgs),
    /// Show one DAG
    Get(DagArg),
    /// Show one DAG with everything known about it
    Details(DagArg),
    /// List the tasks of a DAG
    Tasks(DagArg),
    /// List the versions of a DAG
    Versions(PagedDag),
    /// List the runs of a DAG: the same as `flow-host runs list DAG`
    ListRuns(runs::ListArgs),
    /// Say when a DAG runs next by its schedule
    #[command(after_help = "Example:\n  flow-host dags next-execution etl --num-executions 5")]
    NextExecution(NextArgs),
    /// List why uploads were refused
    ListImportErrors(Page),
    /// Stop starting runs by schedule
    Pause(DagArg),
    /// Start runs by schedule again
    Unpause(DagArg),
    /// Start a run
    #[command(after_help = TRIGGER_EXAMPLES)]
    Trigger(TriggerArgs),
    /// Run the tasks of a DAG's runs again
    #[command(
        after_help = "Example:\n  flow-host dags clear etl --start-date 2026-01-01 --end-date 2026-01-31 --only-failed --dry-run"
    )]
    Clear(ClearDag),
    /// Delete a DAG with its runs
    Delete(DeleteArgs),
}

const TRIGGER_EXAMPLES: &str = r#"Examples:
  flow-host dags trigger hello
  flow-host dags trigger hello --conf '{"name": "Ada"}' --wait
  flow-host dags trigger etl --conf @conf.json --run-id first --wait
  flow-host dags trigger etl --run-after 2026-12-01T06:00:00Z
With --wait the exit code is 0 if the run succeeded, 1 if it failed."#;

/// A DAG.
#[derive(Debug, Args)]
pub(crate) struct DagArg {
    /// The DAG's id
    #[arg(value_name = "DAG")]
    dag: DagId,
}

/// A DAG and a part of a list.
#[derive(Debug, Args)]
pub(crate) struct PagedDag {
    #[command(flatten)]
    dag: DagArg,
    #[command(flatten)]
    page: Page,
}

/// Which DAGs to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only paused DAGs, or only those that are not
    #[arg(long, value_name = "BOOL")]
    paused: Option<bool>,
    /// Only DAGs with this tag; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only DAGs whose id matches this; `%` stands for any text
    #[arg(long, value_name = "TEXT")]
    pattern: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// What to trigger, and with what.
#[derive(Debug, Args)]
pub(crate) struct TriggerArgs {
    #[command(flatten)]
    dag: DagArg,
    /// The run's conf: a JSON object, or @FILE with one
    #[arg(short, long, value_name = "JSON|@FILE")]
    conf: Option<String>,
    /// The run's id; the server makes one if left out
    #[arg(short, long, value_name = "ID")]
    run_id: Option<RunId>,
    /// The run's logical date: a date, or an instant with its zone
    #[arg(short = 'e', long, visible_alias = "exec-date", value_name = "INSTANT", value_parser = instant)]
    logical_date: Option<Millis>,
    /// When the run may begin: a date, or an instant with its zone; until then it stays queued
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    run_after: Option<Millis>,
    /// A note for later
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Wait until the run has ended
    #[arg(short, long)]
    wait: bool,
}

/// How far to look ahead.
#[derive(Debug, Args)]
pub(crate) struct NextArgs {
    #[command(flatten)]
    dag: DagArg,
    /// How many runs to show at most
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    num_executions: u32,
}

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    dag: DagArg,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Verb for Dags {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(args) => {
                let call = Call::get(at!["dags"])
                    .with("paused", args.paused)
                    .with("dag_id_pattern", args.pattern)
                    .with_each("tags", &args.tags);
                session.list(DAGS, call, &args.page).await
            }
            Self::Get(DagArg { dag }) => session.object(Call::get(at!["dags", dag]), DAG).await,
            Self::Details(DagArg { dag }) => session.object(Call::get(at!["dags", dag, "details"]), &[]).await,
            Self::Tasks(DagArg { dag }) => session.list(TASKS, Call::get(at!["dags", dag, "tasks"]), &Page::ALL).await,
            Self::Versions(PagedDag { dag: DagArg { dag }, page }) => {
                session.list(VERSIONS, Call::get(at!["dags", dag, "dagVersions"]), &page).await
            }
            Self::ListRuns(args) => args.run(session).await,
            Self::NextExecution(NextArgs { dag: DagArg { dag }, num_executions }) => {
                session.rows(NEXT, Call::get(at!["dags", dag, "nextRuns"]).with("limit", Some(num_executions))).await
            }
            Self::ListImportErrors(page) => server::import_errors(session, &page).await,
            Self::Pause(DagArg { dag }) => set_paused(session, &dag, true).await,
            Self::Unpause(DagArg { dag }) => set_paused(session, &dag, false).await,
            Self::Trigger(args) => trigger(session, args).await,
            Self::Clear(args) => args.run(session).await,
            Self::Delete(DeleteArgs { dag: DagArg { dag }, yes }) => {
                input::confirm(&format!("Delete DAG `{dag}` with all its runs?"), yes)?;
                session.done(Call::delete(at!["dags", dag]), format!("deleted DAG `{dag}`")).await
            }
        }
    }
}

async fn set_paused(session: &Session, dag: &DagId, paused: bool) -> Result<Answer> {
    let line = format!("DAG `{dag}` is {}", if paused { "paused" } else { "not paused" });
    session.done(Call::patch(at!["dags", dag], DagPatch { is_paused: paused }), line).await
}

async fn trigger(session: &Session, args: TriggerArgs) -> Result<Answer> {
    let TriggerArgs { dag: DagArg { dag }, conf, run_id, logical_date, run_after, note, wait } = args;
    let conf = conf.map(|conf| input::object("--conf", conf)).transpose()?;
    let body = TriggerDagRun { dag_run_id: run_id, logical_date, run_after, conf, note, ..TriggerDagRun::default() };
    let run = session.client.answer(Call::post(at!["dags", dag, "dagRuns"], body)).await?;
    wait::made(session, &dag, run, wait).await
}
