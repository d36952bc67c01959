//! What task instances remember between their tries, as people see and change it.

use flow_model::call::limit;
use flow_model::ids::{DagId, EntryKey, RunId, TaskId, TenantId};
use flow_model::quota;
use flow_model::rest::task_states::{TaskState, TaskStateBody, TaskStatePatch};
use flow_model::rest::{JsonText, Page, PageRequest};
use flow_model::time::Millis;
use flow_store::task_instance::TaskKey;
use flow_store::{Tx, task_state, view};
use serde_json::json;

use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::text::{NotJson, check_json};

/// A task instance by its names.
pub type InstanceName<'a> = ((&'a DagId, &'a RunId), (&'a TaskId, Option<u32>));

impl LocalBroker {
    /// What a task instance remembers.
    pub async fn task_states(
        &self,
        tenant: &TenantId,
        (run, task): InstanceName<'_>,
        page: &PageRequest,
    ) -> Result<Page<TaskState>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let (place, _) = self.inner.known_task(&mut db, tenant, run, task).await?;
        Ok(view::task_states::list(&mut db, tenant, place, page).await?)
    }

    /// What a task instance remembers under `key`.
    pub async fn task_state(
        &self,
        tenant: &TenantId,
        (run, task): InstanceName<'_>,
        key: &EntryKey,
    ) -> Result<TaskState, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let (place, _) = self.inner.known_task(&mut db, tenant, run, task).await?;
        view::task_states::get(&mut db, tenant, place, key).await?.ok_or_else(|| absent(key))
    }

    /// Makes a task instance remember something, in place of what it remembered under `key`.
    pub async fn put_task_state(
        &self,
        actor: &Actor,
        instance: InstanceName<'_>,
        key: &EntryKey,
        body: TaskStateBody,
    ) -> Result<(), ServiceError> {
        let (tx, place) = self.locked_task_state(actor, instance).await?;
        self.keep_task_state(tx, actor, (instance, place), key, (body.value, body.expires_at)).await
    }

    /// Gives something that a task instance remembers another value.
    pub async fn patch_task_state(
        &self,
        actor: &Actor,
        instance: InstanceName<'_>,
        key: &EntryKey,
        patch: TaskStatePatch,
    ) -> Result<(), ServiceError> {
        let (mut tx, place) = self.locked_task_state(actor, instance).await?;
        let present = view::task_states::get(&mut tx, &actor.tenant, place, key).await?.ok_or_else(|| absent(key))?;
        self.keep_task_state(tx, actor, (instance, place), key, (patch.value, present.expires_at)).await
    }

    /// Makes a task instance forget `key`, if it remembers it, or everything without a key.
    pub async fn delete_task_state(
        &self,
        actor: &Actor,
        instance: InstanceName<'_>,
        key: Option<&EntryKey>,
    ) -> Result<(), ServiceError> {
        let (mut tx, place) = self.locked_task_state(actor, instance).await?;
        let map_index = Some(place.map_index.map_or(-1, i64::from));
        task_state::remove(&mut tx, (&actor.tenant, place.run), (place.task, map_index), key).await?;
        self.note_task_state(tx, actor, "delete_task_state", instance, json!({ "key": key })).await
    }

    /// Makes all instances of a task forget everything.
    pub async fn clear_task_states(
        &self,
        actor: &Actor,
        run: (&DagId, &RunId),
        task: &TaskId,
    ) -> Result<(), ServiceError> {
        let (mut tx, row) = self.locked_run("clear task state", &actor.tenant, run.0, run.1).await?;
        let version = self.inner.engine.versions.get(&mut tx, &actor.tenant, row.version).await?;
        let index = version.graph.find(task).ok_or_else(|| ServiceError::not_found("task instance", task))?;
        task_state::remove(&mut tx, (&actor.tenant, row.key), (index, None), None).await?;
        self.note_task_state(tx, actor, "delete_task_state", (run, (task, None)), json!({ "all": true })).await
    }

    /// A task instance whose run is locked.
    async fn locked_task_state(
        &self,
        actor: &Actor,
        ((dag, run), task): InstanceName<'_>,
    ) -> Result<(Tx, TaskKey), ServiceError> {
        let (mut tx, _) = self.locked_run("change task state", &actor.tenant, dag, run).await?;
        let (place, _) = self.inner.known_task(&mut tx, &actor.tenant, (dag, run), task).await?;
        Ok((tx, place))
    }

    async fn keep_task_state(
        &self,
        mut tx: Tx,
        actor: &Actor,
        (instance, place): (InstanceName<'_>, TaskKey),
        key: &EntryKey,
        (value, expires_at): (JsonText, Option<Millis>),
    ) -> Result<(), ServiceError> {
        check_value(&value)?;
        let others = task_state::count_others_of(&mut tx, &actor.tenant, &place, key).await?;
        quota::admit("task state keys", others, 1, limit::STATE_KEYS)?;
        let of = (&actor.tenant, &place);
        task_state::put(&mut tx, of, key, (value.as_str(), expires_at), self.now()).await?;
        self.note_task_state(tx, actor, "put_task_state", instance, json!({ "key": key })).await
    }

    async fn note_task_state(
        &self,
        mut tx: Tx,
        actor: &Actor,
        event: &str,
        (run, (task, map_index)): InstanceName<'_>,
        mut extra: serde_json::Value,
    ) -> Result<(), ServiceError> {
        extra["task_id"] = json!(task);
        extra["map_index"] = json!(map_index.map_or(-1, i64::from));
        audit::note_run(&mut tx, actor, self.now(), event, run, &extra)?;
        Ok(tx.commit().await?)
    }
}

fn absent(key: &EntryKey) -> ServiceError {
    ServiceError::not_found("task state", key)
}

/// Refuses what cannot be kept.
pub(crate) fn check_value(value: &JsonText) -> Result<(), ServiceError> {
    if value.as_str() == "null" {
        return Err(ServiceError::invalid("value", "it is null; DELETE the key instead"));
    }
    check_json(value.as_str(), limit::VALUE).map_err(|error| match error {
        NotJson::TooLarge(limit) => ServiceError::TooLarge { what: "value".to_owned(), limit },
        NotJson::Malformed(_) | NotJson::TooDeep | NotJson::NotAnObject => {
            ServiceError::invalid("value", error.to_string())
        }
    })
}
