//! `XComs`, as people read them.

use flow_model::ids::{DagId, EntryKey, RunId, TaskId, TenantId};
use flow_model::rest::xcoms::{Xcom, XcomEntry, XcomFilter};
use flow_model::rest::{Page, PageRequest, Scope};
use flow_store::view;

use crate::dag_runs::check_scope;
use crate::error::ServiceError;
use crate::local::LocalBroker;

impl LocalBroker {
    /// The `XComs` in `scope` that match `filter`, without their values.
    pub async fn xcom_entries(
        &self,
        tenant: &TenantId,
        scope: &Scope,
        filter: &XcomFilter,
        page: &PageRequest,
    ) -> Result<Page<Xcom>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        check_scope(&mut db, tenant, scope).await?;
        Ok(view::xcoms::list(&mut db, tenant, scope, filter, page).await?)
    }

    /// One `XCom` with its value.
    pub async fn xcom_entry(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: (&TaskId, Option<u32>),
        key: &EntryKey,
    ) -> Result<XcomEntry, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let (place, _) = self.inner.known_task(&mut db, tenant, run, task).await?;
        let found = view::xcoms::get(&mut db, tenant, place, key).await?;
        found.ok_or_else(|| ServiceError::not_found("XCom", key))
    }
}
