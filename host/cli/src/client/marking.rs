//! Saying how runs and tasks ended, and noting things about them.

use anyhow::Result;
use clap::{Args, ValueEnum};
use flow_model::ids::GroupId;
use flow_model::rest::Change;
use flow_model::rest::dag_runs::{DagRunPatch, RunTarget};
use flow_model::rest::task_instances::{TaskInstancePatch, TaskTarget};

use super::call::Call;
use super::clearing::Around;
use super::runs::RunArg;
use super::session::Session;
use super::tasks::{STATES, TaskArg};
use crate::output::Answer;

/// How a task ended, as people say it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TaskState {
    /// It has succeeded
    Success,
    /// It has failed
    Failed,
    /// It was skipped
    Skipped,
}

/// What becomes of a run, as people say it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RunState {
    /// It has succeeded, with all its tasks
    Success,
    /// It has failed: what runs is stopped
    Failed,
    /// It goes on: what had ended and not succeeded runs again
    Queued,
}

/// Which task instances ended, and how.
#[derive(Debug, Args)]
pub(crate) struct MarkTask {
    #[command(flatten)]
    task: TaskArg,
    /// How it ended
    #[arg(value_name = "STATE")]
    state: TaskState,
    #[command(flatten)]
    around: Around,
    /// Only list what would be marked
    #[arg(long)]
    dry_run: bool,
}

/// Which group of tasks ended, and how.
#[derive(Debug, Args)]
pub(crate) struct MarkGroup {
    #[command(flatten)]
    run: RunArg,
    /// The group's id
    #[arg(value_name = "GROUP")]
    group: GroupId,
    /// How its tasks ended
    #[arg(value_name = "STATE")]
    state: TaskState,
    #[command(flatten)]
    around: Around,
    /// Only list what would be marked
    #[arg(long)]
    dry_run: bool,
}

/// What becomes of a run.
#[derive(Debug, Args)]
pub(crate) struct MarkRun {
    #[command(flatten)]
    run: RunArg,
    /// What becomes of it
    #[arg(value_name = "STATE")]
    state: RunState,
}

/// A note about a task instance.
#[derive(Debug, Args)]
pub(crate) struct NoteTask {
    #[command(flatten)]
    task: TaskArg,
    /// What to note; an empty text removes the note
    #[arg(value_name = "TEXT")]
    text: String,
}

/// A note about a run.
#[derive(Debug, Args)]
pub(crate) struct NoteRun {
    #[command(flatten)]
    run: RunArg,
    /// What to note; an empty text removes the note
    #[arg(value_name = "TEXT")]
    text: String,
}

fn patch(state: TaskState, around: Around) -> TaskInstancePatch {
    let target = match state {
        TaskState::Success => TaskTarget::Success,
        TaskState::Failed => TaskTarget::Failed,
        TaskState::Skipped => TaskTarget::Skipped,
    };
    TaskInstancePatch {
        new_state: Some(target),
        note: Change::Keep,
        include_upstream: around.upstream,
        include_downstream: around.downstream,
        include_past: around.past,
        include_future: around.future,
    }
}

/// The path as it is, or where it is only said what would happen.
fn rehearsed(mut path: Vec<String>, dry_run: bool) -> Vec<String> {
    path.extend(dry_run.then(|| "dry_run".to_owned()));
    path
}

impl MarkTask {
    /// Says so.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        let path = rehearsed(self.task.path(), self.dry_run);
        session.rows(STATES, Call::patch(path, patch(self.state, self.around))).await
    }
}

impl MarkGroup {
    /// Says so.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        let path = self.run.path_to(&["taskGroupInstances", self.group.as_str()]);
        let path = rehearsed(path, self.dry_run);
        session.rows(STATES, Call::patch(path, patch(self.state, self.around))).await
    }
}

impl MarkRun {
    /// Says so.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        let (target, what) = match self.state {
            RunState::Success => (RunTarget::Success, "has succeeded"),
            RunState::Failed => (RunTarget::Failed, "has failed"),
            RunState::Queued => (RunTarget::Queued, "goes on"),
        };
        let line = format!("run `{}` of DAG `{}` {what}", self.run.run, self.run.dag);
        let body = DagRunPatch { state: Some(target), ..DagRunPatch::default() };
        session.done(Call::patch(self.run.path(), body), line).await
    }
}

impl NoteTask {
    /// Notes it.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        let body = TaskInstancePatch { note: Change::To(Some(self.text)), ..TaskInstancePatch::default() };
        session.rows(STATES, Call::patch(self.task.path(), body)).await
    }
}

impl NoteRun {
    /// Notes it.
    pub(crate) async fn run(self, session: &Session) -> Result<Answer> {
        let line = format!("noted about run `{}` of DAG `{}`", self.run.run, self.run.dag);
        let body = DagRunPatch { note: Change::To(Some(self.text)), ..DagRunPatch::default() };
        session.done(Call::patch(self.run.path(), body), line).await
    }
}
