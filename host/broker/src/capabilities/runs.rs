//! The `runs` interface: other runs of the tenant, as far as the task declared their DAGs. A DAG may ask about itself.

use flow_model::call::Reply;
use flow_model::ids::{DagId, RunId};
use flow_model::run::TriggeredBy;
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::work::{AttemptClaims, AttemptRole};
use flow_store::{dag, run};

use super::{declared, fenced, leased};
use crate::error::ServiceError;
use crate::local::LocalBroker;
use crate::triggers::Trigger;

impl LocalBroker {
    /// `runs.trigger`
    pub(super) async fn run_trigger(
        &self,
        claims: &AttemptClaims,
        (dag, run_id): (DagId, Option<RunId>),
        conf: Option<String>,
        logical_date: Option<Millis>,
    ) -> Result<Reply, ServiceError> {
        declared(&claims.uses.dags, dag.as_str())?;
        leased(&mut self.inner.store.read().await?, &claims.tenant, claims.attempt).await?;
        let trigger = Trigger { run_id, logical_date, conf, ..Trigger::new(dag, TriggeredBy::Operator) };
        let run = self.trigger(&claims.tenant, trigger).await?;
        Ok(Reply::Text(run.run_id.to_string()))
    }

    /// `runs.state`
    pub(super) async fn run_state(
        &self,
        claims: &AttemptClaims,
        dag: &DagId,
        run_id: &RunId,
    ) -> Result<Reply, ServiceError> {
        may_ask(claims, dag)?;
        let mut db = self.inner.store.read().await?;
        leased(&mut db, &claims.tenant, claims.attempt).await?;
        let found = run::find(&mut db, &claims.tenant, dag, run_id).await?;
        found.map(|run| Reply::RunState(run.state)).ok_or_else(|| ServiceError::not_found("DAG run", run_id))
    }

    /// `runs.counts`
    pub(super) async fn run_counts(
        &self,
        claims: &AttemptClaims,
        dag: &DagId,
        states: &[RunState],
    ) -> Result<Reply, ServiceError> {
        may_ask(claims, dag)?;
        let mut db = self.inner.store.read().await?;
        leased(&mut db, &claims.tenant, claims.attempt).await?;
        if dag::find(&mut db, &claims.tenant, dag).await?.is_none() {
            return Err(ServiceError::not_found("DAG", dag));
        }
        let counts = run::counts(&mut db, &claims.tenant, dag).await?;
        let wanted = |state: &RunState| states.is_empty() || states.contains(state);
        Ok(Reply::Count(counts.iter().filter(|(state, _)| wanted(state)).map(|(_, n)| n).sum()))
    }

    /// `runs.previous-success`
    pub(super) async fn previous_success(&self, claims: &AttemptClaims) -> Result<Reply, ServiceError> {
        let (dag, run_id) = own_run(&claims.role)?;
        let mut db = self.inner.store.read().await?;
        leased(&mut db, &claims.tenant, claims.attempt).await?;
        let own = run::find(&mut db, &claims.tenant, dag, run_id).await?.ok_or_else(fenced)?;
        let Some(logical_date) = own.logical_date else { return Ok(Reply::Instant(None)) };
        Ok(Reply::Instant(run::previous_success(&mut db, &claims.tenant, dag, logical_date).await?))
    }
}

/// A DAG that is not the attempt's own must be among its `uses`.
pub(super) fn may_ask(claims: &AttemptClaims, dag: &DagId) -> Result<(), ServiceError> {
    match own_run(&claims.role) {
        Ok((own, _)) if own == dag => Ok(()),
        Ok(_) | Err(_) => declared(&claims.uses.dags, dag.as_str()),
    }
}

fn own_run(role: &AttemptRole) -> Result<(&DagId, &RunId), ServiceError> {
    match role {
        AttemptRole::Task { dag, run, .. }
        | AttemptRole::Trigger { dag, run, .. }
        | AttemptRole::Callback { dag, run, .. } => Ok((dag, run)),
        AttemptRole::Parse { .. } | AttemptRole::Timetable { .. } => {
            Err(ServiceError::Denied("a parse or a timetable belongs to no run".to_owned()))
        }
    }
}
