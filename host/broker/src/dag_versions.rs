//! Versions of DAGs, as people read them.

use flow_model::dag::DagSpec;
use flow_model::ids::{DagId, TenantId};
use flow_model::rest::dag_versions::{DagSource, DagVersion, DagVersionFilter};
use flow_model::rest::{Page, PageRequest};
use flow_store::{StoreError, dag_version, view};

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

    /// What a module says of a DAG, in a version of it or in the newest.
    pub async fn dag_source(
        &self,
        tenant: &TenantId,
        dag: &DagId,
        number: Option<u32>,
    ) -> Result<DagSource, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = match number {
            Some(number) => dag_version::numbered(&mut db, tenant, dag, number).await?,
            None => dag_version::latest(&mut db, tenant, dag).await?,
        };
        let row = found.ok_or_else(|| match number {
            Some(number) => ServiceError::not_found("DAG version", format!("{dag} {number}")),
            None => ServiceError::not_found("DAG", dag),
        })?;
        let broken = |error: serde_json::Error| StoreError::Inconsistent {
            column: "dag_version.spec",
            reason: error.to_string(),
        };
        let spec: DagSpec = serde_json::from_str(&row.spec).map_err(broken)?;
        Ok(DagSource {
            content: serde_json::to_string_pretty(&spec).map_err(broken)?,
            dag_id: row.dag_id,
            version_number: row.number,
            dag_display_name: spec.shown_name(),
        })
    }
}
