//! Why an attempt failed, and what that does to its task instance.

use serde::{Deserialize, Serialize};

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
