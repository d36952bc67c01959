//! A claimable piece of work and how an attempt at it ends.
//!
//! Running a task and parsing a module are kinds of the same thing: same lease, same fencing, same sandbox, same log.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dag::{HttpCheck, HumanInputSpec, WaitSpec};
use crate::ids::{AttemptId, DagId, Digest, ModuleName, RunId, TaskId, TenantId};
use crate::time::Millis;
use crate::timetable::{DataInterval, NextRun, Restriction};
use crate::uses::Uses;

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
    Http(HttpCheck),
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
    /// The run's configuration: one JSON object as text.
    pub conf: String,
    /// The task's arguments, results of upstream tasks in place: one JSON array as text.
    pub arguments: String,
    /// Where a task that waited goes on; `None` at the begin of a try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// Events of assets that the run was made for: one JSON array as text.
    #[serde(default = "no_elements")]
    pub triggering_asset_events: String,
    /// When the sensor looked for the first time, if the task is one that has looked before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_poke: Option<Millis>,
    /// The name of the exported retry policy that is asked if this try fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<String>,
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

/// What one attempt may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttemptLimits {
    /// CPU time in milliseconds.
    pub cpu_ms: u64,
    /// Wall-clock time in milliseconds, waits included.
    pub wall_ms: u64,
    /// Linear memory of all the component's memories together, in bytes.
    pub memory_bytes: u64,
    /// Captured log, in bytes.
    pub log_bytes: u64,
}

impl Default for AttemptLimits {
    /// One minute of CPU, one hour of wall-clock time, 256 MiB, 1 MiB of log.
    fn default() -> Self {
        Self { cpu_ms: 60_000, wall_ms: 3_600_000, memory_bytes: 256 << 20, log_bytes: 1 << 20 }
    }
}

impl AttemptLimits {
    /// The wall-clock limit as a span.
    pub fn wall(&self) -> Duration {
        Duration::from_millis(self.wall_ms)
    }

    /// The CPU limit as a span.
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.cpu_ms)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AttemptEnd {
    /// The task succeeded.
    Success {
        /// What it returned: one JSON text.
        value: Option<String>,
    },
    /// The task had nothing to do.
    Skipped {
        /// Why.
        reason: String,
    },
    /// The task chose which of its direct downstream tasks go on; the others are skipped.
    Branch {
        /// Ids of tasks or groups; with none all are skipped.
        follow: Vec<String>,
        /// What it returned: one JSON text.
        value: Option<String>,
    },
    /// The task ended well and what is downstream of it has nothing to do.
    ShortCircuit {
        /// What it returned: one JSON text.
        value: Option<String>,
    },
    /// The task waits without a slot and goes on when its trigger fires.
    Deferred(Deferral),
    /// The task wants to be run again at an instant, as the same try.
    Reschedule {
        /// When.
        at: Millis,
    },
    /// The task waits for a person.
    AwaitingInput {
        /// What the person is asked.
        form: Box<HumanInputSpec>,
        /// Where the task goes on with the answer; `None` if the answer is the task's result.
        resume_key: Option<String>,
    },
    /// The trigger has seen nothing yet.
    Pending {
        /// When to look again.
        until: Millis,
    },
    /// The trigger has fired.
    Fired {
        /// What happened: one JSON text.
        event: String,
    },
    /// The timetable's answer; `None` for no further run.
    NextRun(Option<NextRun>),
    /// The module described its DAGs.
    Parsed {
        /// A JSON array of [`crate::dag::DagSpec`] as text, not yet looked at.
        dags: String,
    },
    /// The attempt failed.
    Failed(Failure),
}

impl AttemptEnd {
    /// What a task returned, if it ended well and returned something: one JSON text.
    pub fn value(&self) -> Option<&String> {
        match self {
            Self::Success { value } | Self::Branch { follow: _, value } | Self::ShortCircuit { value } => value.as_ref(),
            Self::Skipped { .. }
            | Self::Deferred(_)
            | Self::Reschedule { .. }
            | Self::AwaitingInput { .. }
            | Self::Pending { .. }
            | Self::Fired { .. }
            | Self::NextRun(_)
            | Self::Parsed { .. }
            | Self::Failed(_) => None,
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Success { .. }
            | Self::Branch { .. }
            | Self::ShortCircuit { .. }
            | Self::Skipped { .. }
            | Self::Deferred(_)
            | Self::Reschedule { .. }
            | Self::AwaitingInput { .. }
            | Self::Pending { .. }
            | Self::Fired { .. }
            | Self::NextRun(_)
            | Self::Parsed { .. } => None,
        }
    }

    /// About how many bytes of a guest's it carries.
    pub fn size(&self) -> usize {
        match self {
            Self::Success { value } | Self::ShortCircuit { value } => value.as_ref().map_or(0, String::len),
            Self::Branch { follow, value } => {
                follow.iter().map(String::len).sum::<usize>() + value.as_ref().map_or(0, String::len)
            }
            Self::Skipped { reason } => reason.len(),
            Self::Deferred(deferral) => match &deferral.trigger {
                DeferTrigger::Guest { trigger, kwargs } => trigger.len() + kwargs.len(),
                DeferTrigger::Host { .. } => 0,
            },
            Self::AwaitingInput { form, .. } => form.body.as_ref().map_or(0, String::len),
            Self::Fired { event } => event.len(),
            Self::Parsed { dags } => dags.len(),
            Self::Failed(failure) => failure.message.len(),
            Self::Reschedule { .. } | Self::Pending { .. } | Self::NextRun(_) => 0,
        }
    }
}

/// How a task waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deferral {
    /// For what.
    pub trigger: DeferTrigger,
    /// Handed back when the task goes on.
    pub resume_key: String,
    /// How long at most, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// What a deferred task waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeferTrigger {
    /// A trigger that the module exports.
    Guest {
        /// Its name.
        trigger: String,
        /// Handed to it at each look: one JSON text.
        kwargs: String,
    },
    /// Something the host knows by itself.
    Host {
        /// What.
        wait: Box<WaitSpec>,
    },
}

/// What a retry policy makes of a failure. It cannot give more tries than the task has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum RetryDecision {
    /// As the task says.
    Default,
    /// Another try, if there is one left.
    Retry {
        /// The pause before it, in milliseconds, in place of the task's.
        delay_ms: Option<u64>,
        /// Why.
        reason: Option<String>,
    },
    /// No other try.
    Fail {
        /// Why.
        reason: Option<String>,
    },
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure it is.
    pub class: ErrorClass,
    /// What went wrong, for the module's owner. It never holds host paths or other tenants' data.
    pub message: String,
    /// Where in the tenant's source, if the guest said so.
    pub location: Option<SourceLocation>,
}

/// A place in a tenant's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLocation {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u32>,
}

/// Every way an attempt can fail, as `contract.md` §1 names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// The guest said so, and another try may help.
    Error,
    /// The guest said so, and another try will not help.
    Fatal,
    /// A trap or a non-zero exit.
    GuestBug,
    /// The CPU budget is used up.
    CpuLimit,
    /// The wall-clock limit passed.
    Timeout,
    /// The guest died after it was denied memory.
    MemoryLimit,
    /// The guest's stack overflowed.
    StackOverflow,
    /// The guest broke the component model's rules.
    AbiViolation,
    /// A quota that is not CPU, time or memory is used up.
    Quota,
    /// A user, or the end of the run, stopped the attempt.
    Cancelled,
    /// There was no room to run it. It is queued again and no try is consumed.
    Capacity,
    /// The host failed.
    HostError,
    /// The worker vanished: its lease expired.
    Lost,
}

impl ErrorClass {
    /// All classes, in the order of their declaration.
    pub const ALL: [Self; 13] = [
        Self::Error,
        Self::Fatal,
        Self::GuestBug,
        Self::CpuLimit,
        Self::Timeout,
        Self::MemoryLimit,
        Self::StackOverflow,
        Self::AbiViolation,
        Self::Quota,
        Self::Cancelled,
        Self::Capacity,
        Self::HostError,
        Self::Lost,
    ];

    /// The class's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Fatal => "fatal",
            Self::GuestBug => "guest-bug",
            Self::CpuLimit => "cpu-limit",
            Self::Timeout => "timeout",
            Self::MemoryLimit => "memory-limit",
            Self::StackOverflow => "stack-overflow",
            Self::AbiViolation => "abi-violation",
            Self::Quota => "quota",
            Self::Cancelled => "cancelled",
            Self::Capacity => "capacity",
            Self::HostError => "host-error",
            Self::Lost => "lost",
        }
    }

    /// The class with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.code() == code)
    }

    /// What the class does to the task instance.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Error | Self::GuestBug | Self::CpuLimit | Self::Timeout | Self::MemoryLimit | Self::HostError => {
                Verdict::Retry
            }
            Self::Fatal | Self::StackOverflow | Self::AbiViolation | Self::Quota | Self::Cancelled => Verdict::Fail,
            Self::Capacity | Self::Lost => Verdict::Requeue,
        }
    }
}

/// What follows from a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another try, if the task's policy has one left.
    Retry,
    /// The task instance fails at once.
    Fail,
    /// The same try again: the attempt says nothing about the task.
    Requeue,
}

/// What an attempt spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall-clock time in microseconds.
    pub wall_us: u64,
    /// The most linear memory held at once, in bytes.
    pub peak_memory_bytes: u64,
}

/// One captured line of an attempt's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogLine {
    /// When the host received it.
    pub timestamp: Millis,
    /// How much it matters.
    pub level: LogLevel,
    /// Where it came from.
    pub source: LogSource,
    /// The text as the guest wrote it, control characters and all; escape it before showing it.
    pub event: String,
    /// Structured values that came with it: a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<serde_json::Value>,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// Progress.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

/// Which way a log line took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// The `log` interface.
    Log,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The host itself: how an attempt ended, where a log was cut.
    Host,
}
