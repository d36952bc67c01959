//! The `xcom` interface: values that the tasks of one run hand to each other.

use flow_model::call::{Reply, limit};
use flow_model::callback::Happening;
use flow_model::ids::{DagId, EntryKey, RunId, TaskId};
use flow_model::work::{AttemptClaims, AttemptRole};
use flow_store::task_instance::TaskKey;
use flow_store::xcom::NewXcom;
use flow_store::{callback, run, xcom};

use super::runs::may_ask;
use super::{fenced, leased};
use crate::committer::{Push, Refusal};
use crate::error::ServiceError;
use crate::local::LocalBroker;
use crate::text::{NotJson, check_json};

impl LocalBroker {
    /// `xcom.push`
    pub(super) async fn xcom_push(
        &self,
        claims: &AttemptClaims,
        key: EntryKey,
        value: String,
    ) -> Result<Reply, ServiceError> {
        match check_json(&value, limit::XCOM) {
            Ok(()) => {}
            Err(NotJson::TooLarge(limit)) => {
                return Err(ServiceError::TooLarge { what: "value".to_owned(), limit });
            }
            Err(reason @ (NotJson::Malformed(_) | NotJson::TooDeep | NotJson::NotAnObject)) => {
                return Err(ServiceError::invalid("value", reason.to_string()));
            }
        }
        if matches!(claims.role, AttemptRole::Callback { .. }) {
            return self.push_for_task(claims, key, value).await;
        }
        let push = Push { attempt: claims.attempt, tenant: claims.tenant.clone(), key, value };
        match self.inner.committer.push(push).await {
            Ok(()) => Ok(Reply::Done),
            Err(Refusal::Fenced) => Err(fenced()),
            Err(refusal @ (Refusal::Taken | Refusal::Unavailable(_) | Refusal::Internal)) => Err(refusal.into()),
        }
    }

    /// `xcom.push` of a callback: the value is one of the task instance that it is about.
    async fn push_for_task(&self, claims: &AttemptClaims, key: EntryKey, value: String) -> Result<Reply, ServiceError> {
        let mut tx = self.inner.store.begin("push of a callback").await?;
        leased(&mut tx, &claims.tenant, claims.attempt).await?;
        let told = callback::of_attempt(&mut tx, &claims.tenant, claims.attempt).await?.ok_or_else(fenced)?;
        let happening: Happening = serde_json::from_str(&told).map_err(|_| ServiceError::Internal)?;
        let own = run::of_attempt(&mut tx, &claims.tenant, claims.attempt).await?;
        let (run, version) = own.ok_or_else(fenced)?;
        let version = self.inner.engine.versions.get(&mut tx, &claims.tenant, version).await?;
        let Some(task) = happening.task_id.and_then(|task| version.graph.find(&task)) else {
            return Err(ServiceError::Denied(
                "a callback that is about no task has nothing to store values for".to_owned(),
            ));
        };
        let task = TaskKey { run, task, map_index: happening.map_index };
        xcom::put(&mut tx, &[NewXcom { tenant: claims.tenant.clone(), task, key, value }], self.now())?;
        tx.commit().await?;
        Ok(Reply::Done)
    }

    /// `xcom.pull`
    pub(super) async fn xcom_pull(
        &self,
        claims: &AttemptClaims,
        (task, key): (&TaskId, &EntryKey),
        map_index: Option<u32>,
    ) -> Result<Reply, ServiceError> {
        let map_index = map_index.map_or(-1, i64::from);
        let found = self.pulled(claims, task, key, Some(map_index)).await?;
        let absent = || ServiceError::not_found("XCom", format!("{task}/{key}"));
        found.into_iter().next().map(Reply::Text).ok_or_else(absent)
    }

    /// `xcom.pull-all`
    pub(super) async fn xcom_pull_all(
        &self,
        claims: &AttemptClaims,
        (task, key): (&TaskId, &EntryKey),
    ) -> Result<Reply, ServiceError> {
        let found = self.pulled(claims, task, key, None).await?;
        let size: usize = found.iter().map(|value| value.len() + 1).sum();
        if size > limit::BULK {
            return Err(ServiceError::TooLarge { what: "answer".to_owned(), limit: limit::BULK });
        }
        Ok(Reply::Text(format!("[{}]", found.join(","))))
    }

    /// `xcom.pull-from`
    pub(super) async fn xcom_pull_from(
        &self,
        claims: &AttemptClaims,
        (dag, run_id): (&DagId, &RunId),
        (task, key): (&TaskId, &EntryKey),
        map_index: Option<u32>,
    ) -> Result<Reply, ServiceError> {
        may_ask(claims, dag)?;
        let absent = || ServiceError::not_found("XCom", format!("{dag}/{run_id}/{task}/{key}"));
        let mut db = self.inner.store.read().await?;
        run::of_attempt(&mut db, &claims.tenant, claims.attempt).await?.ok_or_else(fenced)?;
        let other = run::find(&mut db, &claims.tenant, dag, run_id).await?.ok_or_else(absent)?;
        let version = self.inner.engine.versions.get(&mut db, &claims.tenant, other.version).await?;
        let task = version.graph.find(task).ok_or_else(absent)?;
        let map_index = Some(map_index.map_or(-1, i64::from));
        let found = xcom::of_task(&mut db, (&claims.tenant, other.key), task, key, map_index).await?;
        found.into_iter().next().map(Reply::Text).ok_or_else(absent)
    }

    /// What a task of the attempt's own run stored. A task that is not in the DAG stored nothing.
    async fn pulled(
        &self,
        claims: &AttemptClaims,
        task: &TaskId,
        key: &EntryKey,
        map_index: Option<i64>,
    ) -> Result<Vec<String>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let own = run::of_attempt(&mut db, &claims.tenant, claims.attempt).await?;
        let (run, version) = own.ok_or_else(fenced)?;
        let version = self.inner.engine.versions.get(&mut db, &claims.tenant, version).await?;
        let Some(task) = version.graph.find(task) else { return Ok(Vec::new()) };
        Ok(xcom::of_task(&mut db, (&claims.tenant, run), task, key, map_index).await?)
    }
}
