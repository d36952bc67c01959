//! What an upload's inspection finds: the component's outline, or why it is refused.
//!
//! The sandbox answers with these, the API shows them; neither has to know the other.

use serde::{Deserialize, Serialize};

use crate::dag::{DagSpec, DeadlineSpec, Native, TaskSpec, WaitFor};
use crate::ids::Digest;
use crate::schedule::ScheduleSpec;

/// The outline of a component that was accepted and compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Inspection {
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The interfaces it imports, by full name.
    pub imports: Vec<String>,
    /// The interfaces it exports, by full name.
    pub exports: Vec<String>,
    /// How long it took to compile, in milliseconds; 0 if its code was at hand.
    pub compile_ms: u64,
}

/// What a module may export beside its DAGs and tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Optional {
    /// `triggers`
    Triggers,
    /// `timetables`
    Timetables,
    /// `callbacks`
    Callbacks,
    /// `retry-policies`
    RetryPolicies,
}

impl Optional {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Triggers, Self::Timetables, Self::Callbacks, Self::RetryPolicies];

    /// The interface's name in the contract.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Triggers => "triggers",
            Self::Timetables => "timetables",
            Self::Callbacks => "callbacks",
            Self::RetryPolicies => "retry-policies",
        }
    }

    /// Whether `exports`, as [`Inspection::exports`] has them, name the interface.
    pub fn is_among(self, exports: &[String]) -> bool {
        exports.iter().any(|name| {
            name.strip_prefix("flow:host/").and_then(|rest| rest.split('@').next()) == Some(self.interface())
        })
    }
}

/// Refuses a DAG that names triggers, callbacks, retry policies or a timetable of a module that exports none. Which triggers
/// its tasks wait for in the middle of their work shows only when they run.
pub fn check_exports(spec: &DagSpec, exports: &[String]) -> Result<(), String> {
    let of_task = |wanted: fn(&TaskSpec) -> bool, has: &str| {
        spec.tasks.iter().find(|task| wanted(task)).map(|task| format!("task {:?} {has}", task.task_id.as_str()))
    };
    for interface in Optional::ALL {
        let needs = match interface {
            Optional::Triggers => of_task(begins_with_a_trigger, "waits for a trigger"),
            Optional::Timetables => {
                let custom = spec.schedule.as_ref().and_then(ScheduleSpec::custom);
                custom.map(|(timetable, _)| format!("its schedule is timetable {timetable:?}"))
            }
            Optional::Callbacks => with_callback(spec).map(|who| format!("{who} has a callback")),
            Optional::RetryPolicies => of_task(|task| task.retry_policy.is_some(), "has a retry policy"),
        };
        if let Some(why) = needs.filter(|_| !interface.is_among(exports)) {
            return Err(missing(interface, &why));
        }
    }
    Ok(())
}

fn begins_with_a_trigger(task: &TaskSpec) -> bool {
    matches!(&task.native, Some(Native::Wait(wait)) if matches!(wait.until, WaitFor::Trigger(_)))
}

fn missing(interface: Optional, why: &str) -> String {
    format!("{why}, but the module does not export `{}`: export it, or leave that out", interface.interface())
}

/// The first part of the DAG that has a callback.
fn with_callback(spec: &DagSpec) -> Option<String> {
    let calls = |deadlines: &[DeadlineSpec]| deadlines.iter().any(|deadline| deadline.callback.is_some());
    if !spec.callbacks.is_empty() || calls(&spec.deadlines) {
        return Some("it".to_owned());
    }
    let task = spec.tasks.iter().find(|task| !task.callbacks.is_empty() || calls(&task.deadlines));
    let group = spec.groups.iter().find(|group| calls(&group.deadlines));
    task.map(|task| format!("task {:?}", task.task_id.as_str()))
        .or_else(|| group.map(|group| format!("group {:?}", group.group_id.as_str())))
}

/// Why a component is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "rejection", content = "detail", rename_all = "kebab-case")]
pub enum Rejection {
    /// There are no bytes.
    #[error("the upload is empty: send the component's bytes as the body")]
    Empty,
    /// It does not begin as WebAssembly does.
    #[error("the upload is not WebAssembly: it does not begin with the bytes `\\0asm`")]
    NotWasm,
    /// It is native code.
    #[error("the upload is precompiled or native code: upload the WebAssembly component itself, the host compiles it")]
    Precompiled,
    /// It is a core module.
    #[error(
        "the upload is a core module, not a component: build it with `--target wasm32-wasip2` or `cargo component`"
    )]
    CoreModule,
    /// It has too many bytes.
    #[error("the component has {size} bytes, more than the {limit} that are accepted")]
    TooBig {
        /// Its size.
        size: u64,
        /// The most accepted.
        limit: u64,
    },
    /// It is cut off, damaged, or uses a WebAssembly proposal that is not enabled.
    #[error("the component is not valid: {0}")]
    Malformed(String),
    /// It imports what the host does not offer.
    #[error(
        "the component imports `{0}`, which this host does not offer: only flow:host and the clocks, random, io and cli \
         parts of WASI 0.2 can be imported"
    )]
    ForbiddenImport(String),
    /// It was built for another version of the contract.
    #[error(
        "the module was built for flow:host@{found}, this host offers {offered}: rebuild it with an SDK for {offered}"
    )]
    WrongVersion {
        /// The version it names.
        found: String,
        /// The version there is.
        offered: String,
    },
    /// It does not export what every module must.
    #[error("the component does not export `{0}`: a module must export the flow:host interfaces dags and tasks")]
    MissingExport(String),
    /// It disagrees with the contract about a function or a type.
    #[error("the component does not fit the contract: {0}")]
    WrongSignature(String),
    /// It needs more than any attempt may have.
    #[error("the component needs more than an attempt can have: {0}")]
    TooDemanding(String),
    /// It takes too much time or memory to compile.
    #[error("the component could not be compiled within the host's limits ({0}): make it smaller or split it")]
    TooExpensive(String),
    /// The compiler failed on it.
    #[error("the component made the compiler fail ({0})")]
    CompilerFailed(String),
    /// The host could not look at it now.
    #[error("the host could not inspect the component now ({0}): try again")]
    Unavailable(String),
}

/// What a rejection says about the upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionKind {
    /// It is something else than a component.
    NotAComponent,
    /// It is a component that cannot run here.
    Invalid,
    /// It is too large.
    TooBig,
    /// Nothing: the host is at fault.
    HostFault,
}

impl Rejection {
    /// The rejection's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotWasm => "not-wasm",
            Self::Precompiled => "precompiled",
            Self::CoreModule => "core-module",
            Self::TooBig { .. } => "too-big",
            Self::Malformed(_) => "malformed",
            Self::ForbiddenImport(_) => "forbidden-import",
            Self::WrongVersion { .. } => "wrong-version",
            Self::MissingExport(_) => "missing-export",
            Self::WrongSignature(_) => "wrong-signature",
            Self::TooDemanding(_) => "too-demanding",
            Self::TooExpensive(_) => "too-expensive",
            Self::CompilerFailed(_) => "compiler-failed",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whose fault it is, and of what kind.
    pub fn kind(&self) -> RejectionKind {
        match self {
            Self::Empty | Self::NotWasm | Self::Precompiled | Self::CoreModule => RejectionKind::NotAComponent,
            Self::TooBig { .. } => RejectionKind::TooBig,
            Self::Malformed(_)
            | Self::ForbiddenImport(_)
            | Self::WrongVersion { .. }
            | Self::MissingExport(_)
            | Self::WrongSignature(_)
            | Self::TooDemanding(_)
            | Self::TooExpensive(_)
            | Self::CompilerFailed(_) => RejectionKind::Invalid,
            Self::Unavailable(_) => RejectionKind::HostFault,
        }
    }
}
