//! The `task-state` interface: what a task instance remembers between its tries.

use flow_model::call::{Reply, limit};
use flow_model::ids::EntryKey;
use flow_model::quota;
use flow_model::work::AttemptClaims;
use flow_store::task_state;

use super::{fenced, leased};
use crate::error::ServiceError;
use crate::local::Inner;

impl Inner {
    /// `task-state.get`
    pub(super) async fn state_get(&self, claims: &AttemptClaims, key: &EntryKey) -> Result<Reply, ServiceError> {
        let mut db = self.store.read().await?;
        let found = task_state::get(&mut db, &claims.tenant, claims.attempt, key).await?.ok_or_else(fenced)?;
        found.map(Reply::Text).ok_or_else(|| ServiceError::not_found("task state", key))
    }

    /// `task-state.set`
    pub(super) async fn state_set(
        &self,
        claims: &AttemptClaims,
        key: &EntryKey,
        value: &str,
    ) -> Result<Reply, ServiceError> {
        if value.len() > limit::VALUE {
            return Err(ServiceError::TooLarge { what: "value".to_owned(), limit: limit::VALUE });
        }
        if value.contains('\0') {
            return Err(ServiceError::invalid("value", "it holds a NUL, which not every database can keep"));
        }
        let (tenant, attempt) = (&claims.tenant, claims.attempt);
        let mut tx = self.store.begin("task-state.set").await?;
        leased(&mut tx, tenant, attempt).await?;
        let others = task_state::count_others(&mut tx, tenant, attempt, key).await?;
        quota::admit("task state keys", others, 1, limit::STATE_KEYS)?;
        task_state::set(&mut tx, (tenant, attempt), key, value, self.now()).await?;
        tx.commit().await?;
        Ok(Reply::Done)
    }

    /// `task-state.delete` and, without a key, `task-state.clear`
    pub(super) async fn state_delete(
        &self,
        claims: &AttemptClaims,
        key: Option<&EntryKey>,
    ) -> Result<Reply, ServiceError> {
        let mut tx = self.store.begin("task-state.delete").await?;
        leased(&mut tx, &claims.tenant, claims.attempt).await?;
        task_state::delete(&mut tx, &claims.tenant, claims.attempt, key).await?;
        tx.commit().await?;
        Ok(Reply::Done)
    }
}
