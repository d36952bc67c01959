//! `flow-host tasks input`: what tasks ask people, and answering them.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::human_input::Answer as Given;
use flow_model::ids::{DagId, RunId};
use serde_json::Value;

use super::call::{Call, at};
use super::input;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use super::tasks::TaskArg;
use crate::output::{Answer, Columns};

const QUESTIONS: List = List {
    entries: "hitl_details",
    columns: &[
        "task_instance.dag_id",
        "task_instance.dag_run_id",
        "task_instance.task_id",
        "task_instance.map_index",
        "subject",
        "options",
        "created_at",
        "response_timeout_at",
        "chosen_options",
        "responded_by_user.name",
    ],
};
const QUESTION: Columns = &[
    "subject",
    "body",
    "options",
    "multiple",
    "defaults",
    "params",
    "assigned_users",
    "created_at",
    "response_timeout_at",
    "chosen_options",
    "params_input",
    "responded_by_user.name",
    "responded_at",
];
const RESPONSE: Columns = &["chosen_options", "params_input", "responded_by.name", "responded_at"];

/// What can be done with questions.
#[derive(Debug, Subcommand)]
pub(crate) enum Questions {
    /// List what tasks wait for people to answer
    List(ListArgs),
    /// Show what a task instance asks, or asked last
    Get(TaskArg),
    /// Answer what a task instance asks
    #[command(
        after_help = "Examples:\n  flow-host tasks input answer report first release publish\n  flow-host tasks input answer report first release publish --params '{\"copies\": 3}'"
    )]
    Answer(AnswerArgs),
}

/// Which questions to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The DAG's id; all DAGs if left out
    #[arg(value_name = "DAG")]
    dag: Option<DagId>,
    /// The run's id; all runs if left out
    #[arg(value_name = "RUN", requires = "dag")]
    run: Option<RunId>,
    /// Also those that need no answer any more
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    page: Page,
}

/// An answer.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    #[command(flatten)]
    task: TaskArg,
    /// What is chosen
    #[arg(value_name = "OPTION", required = true)]
    options: Vec<String>,
    /// The further fields: a JSON object, or @FILE with one
    #[arg(short, long, value_name = "JSON|@FILE")]
    params: Option<String>,
}

fn path(task: &TaskArg) -> Vec<String> {
    let index = task.map_index.map_or_else(|| "-1".to_owned(), |index| index.to_string());
    task.path_to(&[&index, "hitlDetails"])
}

impl Verb for Questions {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(ListArgs { dag, run, all, page }) => {
                let dag = dag.map_or_else(|| "~".to_owned(), |dag| dag.to_string());
                let run = run.map_or_else(|| "~".to_owned(), |run| run.to_string());
                let state = (!all).then_some("awaiting_input");
                let call = Call::get(at!["dags", dag, "dagRuns", run, "hitlDetails"]).with("state", state);
                session.list(QUESTIONS, call, &page).await
            }
            Self::Get(task) => session.object(Call::get(path(&task)), QUESTION).await,
            Self::Answer(AnswerArgs { task, options, params }) => {
                let params = params.map(|params| input::object("--params", params)).transpose()?;
                let params_input: BTreeMap<String, Value> = match params {
                    Some(params) => serde_json::from_str(params.as_str())?,
                    None => BTreeMap::new(),
                };
                let answer = Given { chosen_options: options, params_input };
                session.object(Call::patch(path(&task), answer), RESPONSE).await
            }
        }
    }
}
