//! `flow-host backfill`: runs of a DAG for a range of dates.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use flow_model::backfill::{MAX_ACTIVE_RUNS, Reprocess};
use flow_model::ids::DagId;
use flow_model::rest::backfills::NewBackfill;
use flow_model::time::Millis;

use super::call::{Call, at, instant};
use super::input;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use crate::output::{Answer, Columns};

const BACKFILLS: List = List {
    entries: "backfills",
    columns: &["id", "dag_id", "from_date", "to_date", "is_paused", "progress", "completed_at"],
};
const PLANNED: List = List {
    entries: "backfills",
    columns: &["dag_id", "dag_run_id", "logical_date", "data_interval_end", "reprocesses"],
};
const BACKFILL: Columns = &[
    "id",
    "dag_id",
    "from_date",
    "to_date",
    "reprocess_behavior",
    "run_backwards",
    "max_active_runs",
    "dag_run_conf",
    "is_paused",
    "progress",
    "replays",
    "triggering_user_name",
    "created_at",
    "completed_at",
];

/// What can be done with backfills.
#[derive(Debug, Subcommand)]
pub(crate) enum Backfill {
    /// Make the runs of a DAG for a range of dates, or say which those would be
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArgs),
    /// List backfills
    List(ListArgs),
    /// Show one backfill
    Get(IdArg),
    /// Make no further runs; those that were made go on
    Pause(IdArg),
    /// Go on making runs
    Unpause(IdArg),
    /// End a backfill; its runs that have begun go on
    Cancel(IdArg),
}

const CREATE_EXAMPLES: &str = "Examples:
  flow-host backfill create etl --from-date 2026-01-01 --to-date 2026-01-31 --dry-run
  flow-host backfill create etl --from-date 2026-01-01 --to-date 2026-01-31 --reprocess-behavior failed
  flow-host backfill create etl --from-date 2026-01-01 --to-date 2026-01-31 --reprocess-behavior completed --downstream";

/// A backfill.
#[derive(Debug, Args)]
pub(crate) struct IdArg {
    /// The backfill's number
    #[arg(value_name = "ID")]
    id: i64,
}

/// Which backfills to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those of this DAG
    #[arg(value_name = "DAG")]
    dag: Option<DagId>,
    /// Only those that have not ended, or only those that have
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    #[command(flatten)]
    page: Page,
}

/// What to make.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct CreateArgs {
    /// The DAG's id
    #[arg(value_name = "DAG")]
    dag: DagId,
    /// The first date: a date, or an instant with its zone
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    from_date: Millis,
    /// The last date, which is among them
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    to_date: Millis,
    /// Begin with the last date
    #[arg(long)]
    run_backwards: bool,
    /// The runs' conf: a JSON object, or @FILE with one
    #[arg(long, visible_alias = "conf", value_name = "JSON|@FILE")]
    dag_run_conf: Option<String>,
    /// What to do with runs that are there already
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = ReprocessArg::None)]
    reprocess_behavior: ReprocessArg,
    /// How many of the runs may be active at once
    #[arg(long, value_name = "N", default_value_t = MAX_ACTIVE_RUNS)]
    max_active_runs: u32,
    /// Run what is there again with the version of the DAG that it had
    #[arg(long)]
    keep_version: bool,
    /// Then replay the range for every DAG that uses what this one makes
    #[arg(long)]
    downstream: bool,
    /// Only say which runs would be made
    #[arg(long)]
    dry_run: bool,
}

/// What to do with runs that are there already.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ReprocessArg {
    /// Leave them alone
    None,
    /// Run the failed ones again
    Failed,
    /// Run all that have ended again
    Completed,
}

impl From<ReprocessArg> for Reprocess {
    fn from(what: ReprocessArg) -> Self {
        match what {
            ReprocessArg::None => Self::None,
            ReprocessArg::Failed => Self::Failed,
            ReprocessArg::Completed => Self::Completed,
        }
    }
}

impl Verb for Backfill {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Create(args) => create(session, args).await,
            Self::List(ListArgs { dag, active, page }) => {
                let call = Call::get(at!["backfills"]).with("dag_id", dag).with("active", active);
                session.list(BACKFILLS, call, &page).await
            }
            Self::Get(IdArg { id }) => session.object(Call::get(at!["backfills", id]), BACKFILL).await,
            Self::Pause(IdArg { id }) => change(session, id, "pause", "paused").await,
            Self::Unpause(IdArg { id }) => change(session, id, "unpause", "not paused").await,
            Self::Cancel(IdArg { id }) => change(session, id, "cancel", "cancelled").await,
        }
    }
}

async fn create(session: &Session, args: CreateArgs) -> Result<Answer> {
    let body = NewBackfill {
        dag_id: args.dag,
        from_date: args.from_date,
        to_date: args.to_date,
        run_backwards: args.run_backwards,
        dag_run_conf: args.dag_run_conf.map(|conf| input::object("--dag-run-conf", conf)).transpose()?,
        reprocess_behavior: args.reprocess_behavior.into(),
        max_active_runs: args.max_active_runs,
        run_on_latest_version: !args.keep_version,
        downstream: args.downstream,
    };
    if args.dry_run {
        return session.rows(PLANNED, Call::post(at!["backfills", "dry_run"], body)).await;
    }
    session.object(Call::post(at!["backfills"], body), BACKFILL).await
}

async fn change(session: &Session, id: i64, verb: &str, became: &str) -> Result<Answer> {
    session.done(Call::put(at!["backfills", id, verb], ()), format!("backfill {id} is {became}")).await
}
