//! The audit log: what every service that writes adds to it, and how people read it.

use flow_model::ids::{DagId, RunId, TenantId};
use flow_model::rest::event_logs::{EventLog, EventLogFilter};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;
use flow_store::event_log::{self, Event};
use flow_store::{Session, StoreError};
use serde_json::Value;

use crate::error::{Actor, PlatformActor, ServiceError};
use crate::local::LocalBroker;

/// Notes that a member or program of a tenant did something.
pub(crate) fn note(db: &mut Session, actor: &Actor, at: Millis, event: &str, extra: &Value) -> Result<(), StoreError> {
    let event = Event {
        tenant: Some(&actor.tenant),
        at,
        owner: &actor.name,
        event,
        extra: Some(extra.to_string()),
        ..Event::default()
    };
    event_log::append(db, &[event])
}

/// Notes that somebody did something to a run.
pub(crate) fn note_run(
    db: &mut Session,
    actor: &Actor,
    at: Millis,
    event: &str,
    (dag, run): (&DagId, &RunId),
    extra: &Value,
) -> Result<(), StoreError> {
    let event = Event {
        tenant: Some(&actor.tenant),
        at,
        owner: &actor.name,
        event,
        dag_id: Some(dag.as_str()),
        run_id: Some(run.as_str()),
        extra: (!extra.is_null()).then(|| extra.to_string()),
        ..Event::default()
    };
    event_log::append(db, &[event])
}

/// Notes that an administrator of the platform did something.
pub(crate) fn note_platform(
    db: &mut Session,
    actor: &PlatformActor,
    at: Millis,
    event: &str,
    extra: &Value,
) -> Result<(), StoreError> {
    let event = Event { at, owner: &actor.name, event, extra: Some(extra.to_string()), ..Event::default() };
    event_log::append(db, &[event])
}

impl LocalBroker {
    /// What happened in a tenant.
    pub async fn event_logs(
        &self,
        tenant: &TenantId,
        filter: &EventLogFilter,
        page: &PageRequest,
    ) -> Result<Page<EventLog>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(event_log::list(&mut db, Some(tenant), filter, page).await?)
    }

    /// What the platform's administrators did.
    pub async fn platform_event_logs(
        &self,
        filter: &EventLogFilter,
        page: &PageRequest,
    ) -> Result<Page<EventLog>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(event_log::list(&mut db, None, filter, page).await?)
    }

    /// One thing that happened in a tenant.
    pub async fn event_log(&self, tenant: &TenantId, id: i64) -> Result<EventLog, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = event_log::get(&mut db, tenant, id).await?;
        found.ok_or_else(|| ServiceError::not_found("event log", id))
    }
}
