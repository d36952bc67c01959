//! Versions of DAGs, as people read them.

use flow_model::ids::{DagId, TenantId};
use flow_model::rest::dag_versions::{DagVersion, DagVersionFilter};
use flow_model::rest::{Page, PageRequest};
use flow_store::view;

use crate::dags::known_dag;
use crate::error::ServiceError;
use crate::local::LocalBroker;

impl LocalBroker {
    /// The versions of a DAG, or of all, that match `filter`.
    pub async fn dag_versions(
        &self,
        tenant: &TenantId,
        dag: Option<&DagId>,
        filter: &DagVersionFilter,
        page: &PageRequest,
    ) -> Result<Page<DagVersion>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        if let Some(dag) = dag {
            known_dag(&mut db, tenant, dag).await?;
        }
        Ok(view::dag_versions::list(&mut db, tenant, dag, filter, page).await?)
    }

    /// One version of a DAG.
    pub async fn dag_version(&self, tenant: &TenantId, dag: &DagId, number: u32) -> Result<DagVersion, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = view::dag_versions::get(&mut db, tenant, dag, number).await?;
        found.ok_or_else(|| ServiceError::not_found("DAG version", format!("{dag} {number}")))
    }
}
