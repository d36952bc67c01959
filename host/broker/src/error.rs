//! Who asks a service for something, and why a service refuses.

use flow_model::ids::{InvalidName, TaskId, TenantId};
use flow_model::quota::OverQuota;
use flow_model::roles::Role;
use flow_model::run::TriggeredBy;
use flow_store::StoreError;

/// A member of a tenant, or a program with a token of the tenant. Whether the role suffices was checked at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The tenant that everything the actor does happens in.
    pub tenant: TenantId,
    /// The name under which the actor appears in the event log.
    pub name: String,
    /// What the actor may do.
    pub role: Role,
    /// By what the actor asks, as runs record it that are triggered so.
    pub by: TriggeredBy,
}

/// An administrator of the platform, who has no tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformActor {
    /// The name under which the actor appears in the event log.
    pub name: String,
}

/// Why a service did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// There is no such object, or it is another tenant's.
    #[error("{kind} {name:?} was not found{hint}")]
    NotFound {
        /// What kind of object, such as "DAG".
        kind: &'static str,
        /// Which one was asked for.
        name: String,
        /// What to do, if there is something to do.
        hint: &'static str,
    },
    /// The object exists already, or its state does not allow the change.
    #[error("{what}: {reason}")]
    Conflict {
        /// Which object.
        what: String,
        /// What stands against it, and what to do.
        reason: String,
    },
    /// The request is malformed.
    #[error("{what} is not valid: {reason}")]
    Invalid {
        /// Which part of the request.
        what: String,
        /// What is wrong with it, and what is accepted.
        reason: String,
    },
    /// The request is well-formed, and what it asks for is not possible here.
    #[error("{what} is not valid: {reason}")]
    Refused {
        /// Which part of the request.
        what: String,
        /// What is wrong with it, and what is accepted.
        reason: String,
    },
    /// A part of the request is over its limit.
    #[error("{what} is too large: at most {limit} bytes are accepted")]
    TooLarge {
        /// Which part.
        what: String,
        /// The most accepted, in bytes.
        limit: usize,
    },
    /// A quota of the tenant is used up.
    #[error("quota used up: {0}")]
    Quota(String),
    /// The actor may not do this.
    #[error("not allowed: {0}")]
    Denied(String),
    /// The control plane or its database cannot answer now.
    #[error("unavailable: {0}; try again")]
    Unavailable(String),
    /// A bug of ours. The details are in the host's log, not here.
    #[error("internal error; the host's log says more")]
    Internal,
}

impl ServiceError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::Conflict { .. } => "conflict",
            Self::Invalid { .. } => "invalid",
            Self::Refused { .. } => "refused",
            Self::TooLarge { .. } => "too-large",
            Self::Quota(_) => "quota",
            Self::Denied(_) => "denied",
            Self::Unavailable(_) => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// There is no `kind` of this name.
    #[expect(clippy::needless_pass_by_value, reason = "ids are passed as they are, references and texts alike")]
    pub fn not_found(kind: &'static str, name: impl ToString) -> Self {
        Self::NotFound { kind, name: name.to_string(), hint: "" }
    }

    /// There is no instance of the task without a map index, since it has some with one.
    pub(crate) fn is_mapped(task: &TaskId) -> Self {
        Self::NotFound { kind: "task instance", name: task.to_string(), hint: "; it is mapped: add its map index" }
    }

    /// `what` stands in the way of itself.
    pub fn conflict(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Conflict { what: what.into(), reason: reason.into() }
    }

    /// `what` is malformed.
    pub fn invalid(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), reason: reason.into() }
    }

    /// `what` is not possible here.
    pub fn refused(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), reason: reason.into() }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists(what) => Self::conflict(what, "it exists already"),
            StoreError::Unavailable(reason) => Self::Unavailable(reason),
            StoreError::Unsortable { .. } => Self::invalid("order_by", error.to_string()),
            StoreError::Inconsistent { .. } | StoreError::Statement(_) | StoreError::Migrate(_) => {
                tracing::error!(code = error.code(), %error, "the store failed");
                Self::Internal
            }
        }
    }
}

impl From<OverQuota> for ServiceError {
    fn from(error: OverQuota) -> Self {
        Self::Quota(error.to_string())
    }
}

impl From<InvalidName> for ServiceError {
    fn from(error: InvalidName) -> Self {
        Self::invalid(format!("{} {:?}", error.kind, error.shown), error.reason)
    }
}

impl From<flow_model::advance::Refusal> for ServiceError {
    fn from(refused: flow_model::advance::Refusal) -> Self {
        tracing::error!(%refused, "the rules refused what a user may do");
        Self::Internal
    }
}
