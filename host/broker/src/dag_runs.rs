//! Runs, as people read them.

use flow_model::ids::{DagId, RunId, TenantId};
use flow_model::rest::dag_runs::{DagRun, DagRunFilter};
use flow_model::rest::{Page, PageRequest, Scope};
use flow_store::run::{self, RunRow};
use flow_store::{Session, view};

use crate::dags::known_dag;
use crate::error::ServiceError;
use crate::local::LocalBroker;

impl LocalBroker {
    /// The runs in `scope` that match `filter`. Configurations larger than 8 KiB are left out.
    pub async fn runs(
        &self,
        tenant: &TenantId,
        scope: &Scope,
        filter: &DagRunFilter,
        page: &PageRequest,
    ) -> Result<Page<DagRun>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        check_scope(&mut db, tenant, scope).await?;
        Ok(view::dag_runs::list(&mut db, tenant, scope, filter, page).await?)
    }

    /// One run.
    pub async fn run(&self, tenant: &TenantId, dag: &DagId, run: &RunId) -> Result<DagRun, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = view::dag_runs::get(&mut db, tenant, dag, run).await?;
        found.ok_or_else(|| ServiceError::not_found("DAG run", run))
    }
}

/// The run, which must be the tenant's.
pub(crate) async fn known_run(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    run: &RunId,
) -> Result<RunRow, ServiceError> {
    run::find(db, tenant, dag, run).await?.ok_or_else(|| ServiceError::not_found("DAG run", run))
}

/// Whether there is what a scope names. A run that is named without its DAG may be of any.
pub(crate) async fn check_scope(db: &mut Session, tenant: &TenantId, scope: &Scope) -> Result<(), ServiceError> {
    match (&scope.dag, &scope.run) {
        (Some(dag), Some(run)) => known_run(db, tenant, dag, run).await.map(drop),
        (Some(dag), None) => known_dag(db, tenant, dag).await.map(drop),
        (None, _) => Ok(()),
    }
}
