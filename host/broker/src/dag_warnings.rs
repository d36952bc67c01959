//! What keeps tasks of DAGs from ever running as things are, as people read it.

use flow_model::ids::TenantId;
use flow_model::rest::dag_warnings::{DagWarning, DagWarningFilter};
use flow_model::rest::{Page, PageRequest};
use flow_store::view;

use crate::error::ServiceError;
use crate::local::LocalBroker;

impl LocalBroker {
    /// The warnings about a tenant's DAGs.
    pub async fn dag_warnings(
        &self,
        tenant: &TenantId,
        filter: &DagWarningFilter,
        page: &PageRequest,
    ) -> Result<Page<DagWarning>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(view::dag_warnings::list(&mut db, tenant, filter, page).await?)
    }
}
