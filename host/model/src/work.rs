//! A claimable piece of work and how an attempt at it ends.
//!
//! Running a task and parsing a module are kinds of the same thing: same lease, same fencing, same sandbox, same log.

use serde::{Deserialize, Serialize};

use crate::dag::HttpCheck;
use crate::ids::{AttemptId, DagId, Digest, ModuleName, RunId, TaskId, TenantId};
use crate::time::Millis;
use crate::timetable::{DataInterval, Restriction};
use crate::uses::Uses;

mod end;
mod failure;
mod limits;
mod log;

pub use end::{AttemptEnd, DeferTrigger, Deferral, RetryDecision};
pub use failure::{ErrorClass, Failure, SourceLocation, Verdict};
pub use limits::{AttemptLimits, Usage};
pub use log::{LogLevel, LogLine, LogSource};

/// One claimed piece of work: everything a worker needs to run it, and the right to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// The right to act for this attempt.
    pub grant: Grant,
    /// The component to run.
    pub module: Digest,
    /// What to call in it.
    pub job: Job,
    /// What the attempt may spend.
    pub limits: AttemptLimits,
}

/// What an attempt is allowed to do, as the broker issued it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Who the attempt is and what it may use.
    pub claims: AttemptClaims,
    /// The claims as a signed token. Empty inside the control plane's process, where claims never leave the host.
    #[serde(default)]
    pub token: String,
}

impl std::fmt::Debug for Grant {
    /// Leaves out the token, so that no log line can hold it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant").field("claims", &self.claims).finish_non_exhaustive()
    }
}

/// The subject of an `attempt` token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptClaims {
    /// The attempt; as soon as its work item is gone the grant is worthless.
    pub attempt: AttemptId,
    /// On whose behalf.
    pub tenant: TenantId,
    /// What the attempt does, which decides what it may call.
    pub role: AttemptRole,
    /// What its task declared.
    pub uses: Uses,
    /// When the grant ends, unless it is renewed.
    pub expires: Millis,
}

/// What an attempt does, and for which object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum AttemptRole {
    /// Runs one try of a task instance.
    Task {
        /// The DAG.
        dag: DagId,
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
        /// The index of a mapped instance.
        map_index: Option<u32>,
        /// Which try, from 1.
        try_number: u32,
    },
    /// Asks a module for its DAGs.
    Parse {
        /// The module.
        module: ModuleName,
        /// Its version, from 1.
        version: u32,
    },
    /// Looks whether what a deferred task instance waits for has happened.
    Trigger {
        /// The DAG.
        dag: DagId,
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
        /// The index of a mapped instance.
        map_index: Option<u32>,
        /// Which try, from 1.
        try_number: u32,
    },
    /// Asks a timetable of the module for a DAG's next run.
    Timetable {
        /// The DAG.
        dag: DagId,
    },
    /// Runs a callback.
    Callback {
        /// The DAG.
        dag: DagId,
        /// The run.
        run: RunId,
        /// Which of the callback's tries, from 1.
        try_number: u32,
    },
}

/// What to call in the component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// `tasks.run`
    Task(Box<TaskContext>),
    /// `dags.describe`, with clocks fixed at `now` and random numbers seeded by the module's digest.
    Parse {
        /// What the guest's clocks answer.
        now: Millis,
    },
    /// `triggers.poll`
    Trigger {
        /// Which of the module's triggers.
        trigger: String,
        /// What the task handed to it: one JSON text.
        kwargs: String,
    },
    /// A request that the worker makes itself, for a task that waits for its answer.
    Http {
        /// What is asked, and which answers end the wait.
        check: HttpCheck,
        /// How long to wait after an answer that does not, in milliseconds.
        poke_interval_ms: u64,
    },
    /// `timetables.next`
    Timetable(TimetableQuery),
    /// `callbacks.run`
    Callback {
        /// Which of the module's callbacks.
        function: String,
        /// What the DAG hands to it: one JSON text.
        arguments: String,
        /// What happened: one JSON object as text.
        event: String,
    },
}

/// What a timetable of a module is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimetableQuery {
    /// Which of the module's timetables.
    pub timetable: String,
    /// What the DAG hands to it: one JSON text.
    pub params: String,
    /// The data interval of the latest scheduled run.
    pub last: Option<DataInterval>,
    /// What limits the runs.
    pub restriction: Restriction,
    /// What the guest's clocks answer.
    pub now: Millis,
}

/// `wit/task-instance.wit`'s `context`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskContext {
    /// The DAG.
    pub dag_id: DagId,
    /// The run.
    pub run_id: RunId,
    /// The task.
    pub task_id: TaskId,
    /// Which of the module's functions runs it.
    pub function: String,
    /// The index of a mapped instance.
    pub map_index: Option<u32>,
    /// Which try, from 1.
    pub try_number: u32,
    /// How many tries there can be.
    pub max_tries: u32,
    /// What the run stands for.
    pub logical_date: Option<Millis>,
    /// Start of the data interval.
    pub data_interval_start: Option<Millis>,
    /// End of the data interval.
    pub data_interval_end: Option<Millis>,
    /// The run's configuration over the DAG's params: one JSON object as text.
    pub conf: String,
    /// The task's arguments, results of upstream tasks in place: one JSON array as text.
    pub arguments: String,
    /// Where a task that waited goes on; `None` at the begin of a try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// Events of assets that the run was made for: one JSON array as text.
    #[serde(default = "no_elements")]
    pub triggering_asset_events: String,
    /// The key of the partition that the run stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key: Option<String>,
    /// When the sensor looked for the first time, if the task is one that has looked before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_poke: Option<Millis>,
    /// The name of the exported retry policy that is asked if this try fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<String>,
    /// How lists call the instance, unless it says otherwise itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_label: Option<String>,
}

fn no_elements() -> String {
    "[]".to_owned()
}

/// Where a deferred task goes on, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// What the task said when it deferred itself.
    pub key: String,
    /// What came of the wait: one JSON text.
    pub event: Result<String, String>,
}
