//! What guests may ask for while they run.
//!
//! A call is answered for its grant alone: the role must have the interface, the task must have declared the name, and the
//! attempt must hold its lease in the same statement or transaction that answers.

mod connections;
mod runs;
mod task_instance;
mod task_state;
mod variables;
mod xcom;

use flow_model::call::{Call, CallError, Family, Reply};
use flow_model::ids::{AttemptId, TenantId};
use flow_model::uses;
use flow_model::work::AttemptClaims;
use flow_store::{Session, work};

use crate::assets::Said;
use crate::error::ServiceError;
use crate::local::{Inner, LocalBroker};

impl From<ServiceError> for CallError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound { .. } => Self::NotFound,
            ServiceError::Conflict { .. } => Self::Conflict,
            ServiceError::Invalid { what, reason } | ServiceError::Refused { what, reason } => {
                Self::Invalid(format!("{what}: {reason}"))
            }
            ServiceError::TooLarge { .. } => Self::TooLarge,
            ServiceError::Quota(what) => Self::Quota(what),
            ServiceError::Denied(_) => Self::Denied,
            ServiceError::Unavailable(reason) => Self::Unavailable(reason),
            ServiceError::Internal => Self::Unavailable(error.to_string()),
        }
    }
}

/// Whether the grant reaches the interface at all: its role has it, and the grant has not expired.
pub(crate) fn authorise(claims: &AttemptClaims, family: Family, inner: &Inner) -> Result<(), CallError> {
    let allowed = claims.role.may_use(family) && inner.now() < claims.expires;
    if allowed { Ok(()) } else { Err(CallError::Denied) }
}

impl Inner {
    /// Answers a call of one of these families; `None` for a call of another.
    pub(crate) async fn call_catalog(&self, claims: &AttemptClaims, call: &Call) -> Option<Result<Reply, CallError>> {
        if let Err(denied) = authorise(claims, call.family(), self) {
            return Some(Err(denied));
        }
        let answer = match call {
            Call::VariableGet { key } => self.variable_get(claims, key).await,
            Call::VariableSet { key, value } => self.variable_set(claims, key, value).await,
            Call::VariableDelete { key } => self.variable_delete(claims, key).await,
            Call::VariableKeys { prefix, page } => self.variable_keys(claims, prefix, *page).await,
            Call::ConnectionGet { id } => self.connection_get(claims, id).await,
            Call::StateGet { key } => self.state_get(claims, key).await,
            Call::StateSet { key, value } => self.state_set(claims, key, value).await,
            Call::StateDelete { key } => self.state_delete(claims, Some(key)).await,
            Call::StateClear => self.state_delete(claims, None).await,
            Call::XcomPush { .. }
            | Call::XcomPull { .. }
            | Call::XcomPullAll { .. }
            | Call::XcomPullFrom { .. }
            | Call::Progress { .. }
            | Call::RunTrigger { .. }
            | Call::RunState { .. }
            | Call::RunCounts { .. }
            | Call::PreviousSuccess
            | Call::AssetEmit { .. }
            | Call::AssetEvents { .. } => return None,
        };
        Some(answer.map_err(CallError::from))
    }
}

impl LocalBroker {
    /// Answers any call.
    pub(crate) async fn answer_call(&self, claims: &AttemptClaims, call: Call) -> Result<Reply, CallError> {
        if let Some(answer) = self.inner.call_catalog(claims, &call).await {
            return answer;
        }
        let answer = match call {
            Call::XcomPush { key, value } => self.xcom_push(claims, key, value).await,
            Call::XcomPull { task, key, map_index } => self.xcom_pull(claims, (&task, &key), map_index).await,
            Call::XcomPullAll { task, key } => self.xcom_pull_all(claims, (&task, &key)).await,
            Call::XcomPullFrom { dag, run_id, task, key, map_index } => {
                self.xcom_pull_from(claims, (&dag, &run_id), (&task, &key), map_index).await
            }
            Call::Progress { fraction } => self.progress(claims, fraction).await,
            Call::RunTrigger { dag, conf, logical_date, run_id } => {
                self.run_trigger(claims, (dag, run_id), conf, logical_date).await
            }
            Call::RunState { dag, run_id } => self.run_state(claims, &dag, &run_id).await,
            Call::RunCounts { dag, states } => self.run_counts(claims, &dag, &states).await,
            Call::PreviousSuccess => self.previous_success(claims).await,
            Call::AssetEmit { asset, extra, alias, partition_key } => {
                self.asset_emit(claims, &asset, Said { extra, alias, partition_key }).await
            }
            Call::AssetEvents { asset, since, limit } => self.asset_events(claims, &asset, since, limit).await,
            Call::VariableGet { .. }
            | Call::VariableSet { .. }
            | Call::VariableDelete { .. }
            | Call::VariableKeys { .. }
            | Call::ConnectionGet { .. }
            | Call::StateGet { .. }
            | Call::StateSet { .. }
            | Call::StateDelete { .. }
            | Call::StateClear => Err(ServiceError::Internal),
        };
        answer.map_err(CallError::from)
    }
}

/// The task did not declare that it uses `name`.
fn declared(patterns: &[String], name: &str) -> Result<(), ServiceError> {
    if uses::covers(patterns, name) {
        return Ok(());
    }
    Err(ServiceError::Denied(format!("{name:?} is not declared in `uses`")))
}

/// The attempt holds its lease, and keeps it until the transaction ends.
async fn leased(db: &mut Session, tenant: &TenantId, attempt: AttemptId) -> Result<(), ServiceError> {
    if work::holds_lease(db, tenant, attempt).await? { Ok(()) } else { Err(fenced()) }
}

fn fenced() -> ServiceError {
    ServiceError::Denied("the attempt is fenced".to_owned())
}
