//! A verb with its answer, and why a verb is refused.

use flow_model::ids::AttemptId;
use flow_model::port::BrokerError;
use flow_store::StoreError;
use tokio::sync::oneshot;

use crate::error::ServiceError;

/// A verb that waits for its answer.
pub(super) struct Ask<V, A> {
    pub(super) verb: V,
    /// What to answer once the transaction is committed.
    pub(super) outcome: Result<A, Refusal>,
    reply: oneshot::Sender<Result<A, Refusal>>,
}

impl<V, A> Ask<V, A> {
    pub(super) fn new(verb: V) -> (Self, oneshot::Receiver<Result<A, Refusal>>) {
        let (reply, answer) = oneshot::channel();
        (Self { verb, outcome: Err(Refusal::Internal), reply }, answer)
    }

    /// Sends the outcome. Whoever no longer waits does not want it.
    pub(super) fn answer(self) {
        drop(self.reply.send(self.outcome));
    }

    /// Sends a refusal instead.
    pub(super) fn refuse(self, refusal: Refusal) {
        drop(self.reply.send(Err(refusal)));
    }
}

/// Why the committer did not do what a verb asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The attempt is not the one that counts.
    Fenced,
    /// The run id or the logical date is taken.
    Taken,
    /// The database cannot answer now.
    Unavailable(String),
    /// A bug of ours; it was logged.
    Internal,
}

impl Refusal {
    /// The committer has ended.
    pub(super) fn closing() -> Self {
        Self::Unavailable("the control plane is shutting down".to_owned())
    }

    /// To a worker, about an attempt.
    pub(crate) fn about(self, attempt: AttemptId) -> BrokerError {
        match self {
            Self::Fenced => BrokerError::Fenced(attempt),
            Self::Taken | Self::Internal => BrokerError::Unavailable("internal error".to_owned()),
            Self::Unavailable(reason) => BrokerError::Unavailable(reason),
        }
    }
}

impl From<&StoreError> for Refusal {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => Self::Unavailable(reason.clone()),
            StoreError::Exists(_)
            | StoreError::Inconsistent { .. }
            | StoreError::Unsortable { .. }
            | StoreError::Statement(_)
            | StoreError::Migrate(_) => {
                tracing::error!(code = error.code(), %error, "the store failed");
                Self::Internal
            }
        }
    }
}

impl From<Refusal> for ServiceError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unavailable(reason) => Self::Unavailable(reason),
            Refusal::Fenced | Refusal::Taken | Refusal::Internal => Self::Internal,
        }
    }
}
