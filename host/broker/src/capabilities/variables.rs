//! The `variables` interface: values in clear, for tasks that declared their keys.

use flow_model::call::{Reply, limit};
use flow_model::ids::VariableKey;
use flow_model::work::AttemptClaims;
use flow_model::{quota, uses};
use flow_store::variable;
use serde_json::Value;

use super::{declared, fenced, leased};
use crate::error::ServiceError;
use crate::local::Inner;
use crate::secrets::Place;

impl Inner {
    /// `variables.get`
    pub(super) async fn variable_get(&self, claims: &AttemptClaims, key: &VariableKey) -> Result<Reply, ServiceError> {
        declared(&claims.uses.variables, key.as_str())?;
        let mut db = self.store.read().await?;
        let found = variable::value_for(&mut db, &claims.tenant, claims.attempt, key).await?;
        let (wrapped, sealed) = found.ok_or_else(fenced)?;
        let sealed = sealed.ok_or_else(|| ServiceError::not_found("variable", key))?;
        let value = self.secrets.unwrap(&wrapped)?.open_text(&Place::Variable(&claims.tenant, key), &sealed)?;
        Ok(Reply::Text(value))
    }

    /// `variables.keys`
    pub(super) async fn variable_keys(
        &self,
        claims: &AttemptClaims,
        prefix: &str,
        page: u32,
    ) -> Result<Reply, ServiceError> {
        if prefix.len() > 250 || prefix.contains('\0') {
            return Err(ServiceError::invalid("prefix", "use the beginning of a key, at most 250 bytes"));
        }
        let mut db = self.store.read().await?;
        leased(&mut db, &claims.tenant, claims.attempt).await?;
        let keys = variable::keys(&mut db, &claims.tenant, prefix).await?;
        let covered = keys.into_iter().filter(|key| uses::covers(&claims.uses.variables, key));
        let (size, page) = (limit::KEYS_PAGE as usize, page as usize);
        Ok(Reply::Keys(covered.skip(size.saturating_mul(page)).take(size).collect()))
    }

    /// `variables.set`
    pub(super) async fn variable_set(
        &self,
        claims: &AttemptClaims,
        key: &VariableKey,
        value: &str,
    ) -> Result<Reply, ServiceError> {
        declared(&claims.uses.variables, key.as_str())?;
        let (tenant, now) = (&claims.tenant, self.now());
        let mut tx = self.store.begin("variables.set").await?;
        leased(&mut tx, tenant, claims.attempt).await?;
        let allowed = self.locked_tenant(&mut tx, tenant).await?.quota.variables;
        let data_key = self.data_key(&mut tx, tenant).await?;
        let present = variable::get(&mut tx, tenant, key).await?;
        let is_new = present.is_none();
        let description = present.and_then(|present| present.description);
        let sealed = self.sealed_variable(&data_key, tenant, key, (Value::String(value.to_owned()), description))?;
        if is_new {
            quota::admit("variables", variable::count(&mut tx, tenant).await?, 1, allowed)?;
            variable::insert(&mut tx, tenant, &sealed, now).await?;
        } else {
            variable::update(&mut tx, tenant, &sealed, now).await?;
        }
        tx.commit().await?;
        Ok(Reply::Done)
    }

    /// `variables.delete`
    pub(super) async fn variable_delete(
        &self,
        claims: &AttemptClaims,
        key: &VariableKey,
    ) -> Result<Reply, ServiceError> {
        declared(&claims.uses.variables, key.as_str())?;
        let mut tx = self.store.begin("variables.delete").await?;
        leased(&mut tx, &claims.tenant, claims.attempt).await?;
        if !variable::delete(&mut tx, &claims.tenant, key).await? {
            return Err(ServiceError::not_found("variable", key));
        }
        tx.commit().await?;
        Ok(Reply::Done)
    }
}
