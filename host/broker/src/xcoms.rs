//! `XComs`, as people read and change them.

use flow_model::call::limit;
use flow_model::ids::{DagId, EntryKey, RunId, TaskId, TenantId};
use flow_model::rest::xcoms::{Xcom, XcomEntry, XcomFilter};
use flow_model::rest::{JsonText, Page, PageRequest, Scope};
use flow_store::task_instance::TaskKey;
use flow_store::xcom::{self, NewXcom};
use flow_store::{Tx, view};
use serde_json::json;

use crate::audit;
use crate::dag_runs::check_scope;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

/// Whose an `XCom` is, and its key.
pub type XcomName<'a> = ((&'a DagId, &'a RunId), (&'a TaskId, Option<u32>), &'a EntryKey);

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

    /// Stores an `XCom` that is not there yet.
    pub async fn create_xcom(
        &self,
        actor: &Actor,
        name: XcomName<'_>,
        value: JsonText,
    ) -> Result<XcomEntry, ServiceError> {
        let (tx, place, present) = self.locked_xcom(actor, name).await?;
        if present {
            return Err(ServiceError::conflict(format!("XCom {:?}", name.2.as_str()), "it exists already; PATCH it"));
        }
        self.put_xcom(tx, actor, (name, place), value).await
    }

    /// Gives an `XCom` another value.
    pub async fn patch_xcom(
        &self,
        actor: &Actor,
        name: XcomName<'_>,
        value: JsonText,
    ) -> Result<XcomEntry, ServiceError> {
        let (tx, place, present) = self.locked_xcom(actor, name).await?;
        if !present {
            return Err(ServiceError::not_found("XCom", name.2));
        }
        self.put_xcom(tx, actor, (name, place), value).await
    }

    /// Deletes an `XCom`.
    pub async fn delete_xcom(&self, actor: &Actor, name: XcomName<'_>) -> Result<(), ServiceError> {
        let (mut tx, place, _) = self.locked_xcom(actor, name).await?;
        if !xcom::delete(&mut tx, &actor.tenant, &place, name.2).await? {
            return Err(ServiceError::not_found("XCom", name.2));
        }
        let extra = json!({"task_id": name.1.0, "key": name.2});
        audit::note_run(&mut tx, actor, self.now(), "delete_xcom", name.0, &extra)?;
        Ok(tx.commit().await?)
    }

    /// Where an `XCom` belongs, and whether it is there, with its run locked.
    async fn locked_xcom(
        &self,
        actor: &Actor,
        ((dag, run), task, key): XcomName<'_>,
    ) -> Result<(Tx, TaskKey, bool), ServiceError> {
        let (mut tx, _) = self.locked_run("change XCom", &actor.tenant, dag, run).await?;
        let (place, _) = self.inner.known_task(&mut tx, &actor.tenant, (dag, run), task).await?;
        let present = view::xcoms::get(&mut tx, &actor.tenant, place, key).await?.is_some();
        Ok((tx, place, present))
    }

    async fn put_xcom(
        &self,
        mut tx: Tx,
        actor: &Actor,
        ((run, task, key), place): (XcomName<'_>, TaskKey),
        value: JsonText,
    ) -> Result<XcomEntry, ServiceError> {
        if value.as_str().len() > limit::XCOM {
            return Err(ServiceError::TooLarge { what: "value".to_owned(), limit: limit::XCOM });
        }
        let new = NewXcom { tenant: actor.tenant.clone(), task: place, key: key.clone(), value: value.into() };
        xcom::put(&mut tx, &[new], self.now())?;
        let extra = json!({"task_id": task.0, "key": key});
        audit::note_run(&mut tx, actor, self.now(), "put_xcom", run, &extra)?;
        tx.commit().await?;
        self.xcom_entry(&actor.tenant, run, task, key).await
    }
}
