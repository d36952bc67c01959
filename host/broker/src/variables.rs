//! Variables as people see them: masked where the key, or a member of the JSON value, sounds secret.

use flow_model::call::limit;
use flow_model::ids::{TenantId, VariableKey};
use flow_model::quota;
use flow_model::rest::variables::{Variable, VariableBody, VariablePatch};
use flow_model::rest::{Names, Page, PageRequest};
use flow_model::secret::masked;
use flow_store::variable::{self, SealedVariable};
use flow_store::{Session, key};
use serde_json::{Value, json};

use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::{Inner, LocalBroker};
use crate::secrets::{Key, Place};

const MAX_DESCRIPTION: usize = 5_000;

impl Inner {
    /// The data key of a tenant.
    pub(crate) async fn data_key(&self, db: &mut Session, tenant: &TenantId) -> Result<Key, ServiceError> {
        let wrapped = key::data_key(db, tenant).await?.ok_or_else(|| ServiceError::not_found("tenant", tenant))?;
        Ok(self.secrets.unwrap(&wrapped)?)
    }
}

impl LocalBroker {
    /// The variables of a tenant whose keys are among `names`.
    pub async fn variables(
        &self,
        tenant: &TenantId,
        names: Names<'_>,
        page: &PageRequest,
    ) -> Result<Page<Variable>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = variable::list(&mut db, tenant, names, page).await?;
        let key = self.inner.data_key(&mut db, tenant).await?;
        let entries = found.entries.into_iter().map(|sealed| shown(&key, tenant, sealed));
        Ok(Page { entries: entries.collect::<Result<_, _>>()?, total: found.total })
    }

    /// One variable.
    pub async fn variable(&self, tenant: &TenantId, name: &VariableKey) -> Result<Variable, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = variable::get(&mut db, tenant, name).await?.ok_or_else(|| absent(name))?;
        let key = self.inner.data_key(&mut db, tenant).await?;
        shown(&key, tenant, found)
    }

    /// Creates a variable.
    pub async fn create_variable(&self, actor: &Actor, body: VariableBody) -> Result<Variable, ServiceError> {
        check_team(body.team_name.as_deref())?;
        let (now, name) = (self.now(), body.key);
        let mut tx = self.inner.store.begin("create variable").await?;
        let allowed = self.inner.locked_tenant(&mut tx, &actor.tenant).await?.quota.variables;
        let key = self.inner.data_key(&mut tx, &actor.tenant).await?;
        let sealed = self.inner.sealed_variable(&key, &actor.tenant, &name, (body.value, body.description))?;
        if !variable::insert(&mut tx, &actor.tenant, &sealed, now).await? {
            return Err(ServiceError::conflict(format!("variable {:?}", name.as_str()), "it exists already"));
        }
        quota::admit("variables", variable::count(&mut tx, &actor.tenant).await? - 1, 1, allowed)?;
        audit::note(&mut tx, actor, now, "post_variable", &json!({"key": name}))?;
        tx.commit().await?;
        shown(&key, &actor.tenant, sealed)
    }

    /// Changes a variable; what `patch` leaves out stays as it is.
    pub async fn patch_variable(
        &self,
        actor: &Actor,
        name: &VariableKey,
        patch: VariablePatch,
    ) -> Result<Variable, ServiceError> {
        check_team(patch.team_name.as_deref())?;
        if patch.key.as_ref().is_some_and(|key| key != name) {
            return Err(ServiceError::invalid("key", "the key in the body differs from the one in the path"));
        }
        let now = self.now();
        let mut tx = self.inner.store.begin("patch variable").await?;
        let key = self.inner.data_key(&mut tx, &actor.tenant).await?;
        let mut sealed = variable::get(&mut tx, &actor.tenant, name).await?.ok_or_else(|| absent(name))?;
        let description = patch.description.apply(sealed.description.take());
        sealed = match patch.value {
            Some(value) => self.inner.sealed_variable(&key, &actor.tenant, name, (value, description))?,
            None => SealedVariable { description: checked_description(description)?, ..sealed },
        };
        if !variable::update(&mut tx, &actor.tenant, &sealed, now).await? {
            return Err(absent(name));
        }
        audit::note(&mut tx, actor, now, "patch_variable", &json!({"key": name}))?;
        tx.commit().await?;
        shown(&key, &actor.tenant, sealed)
    }

    /// Deletes a variable.
    pub async fn delete_variable(&self, actor: &Actor, name: &VariableKey) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("delete variable").await?;
        if !variable::delete(&mut tx, &actor.tenant, name).await? {
            return Err(absent(name));
        }
        audit::note(&mut tx, actor, self.now(), "delete_variable", &json!({"key": name}))?;
        Ok(tx.commit().await?)
    }
}

impl Inner {
    /// A variable ready to be stored.
    pub(crate) fn sealed_variable(
        &self,
        key: &Key,
        tenant: &TenantId,
        name: &VariableKey,
        (value, description): (Value, Option<String>),
    ) -> Result<SealedVariable, ServiceError> {
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        if text.len() > limit::VALUE {
            return Err(ServiceError::TooLarge { what: "value".to_owned(), limit: limit::VALUE });
        }
        let value = key.seal(&self.entropy, &Place::Variable(tenant, name), text.as_bytes());
        Ok(SealedVariable { key: name.clone(), value, description: checked_description(description)? })
    }
}

fn absent(name: &VariableKey) -> ServiceError {
    ServiceError::not_found("variable", name)
}

fn shown(key: &Key, tenant: &TenantId, sealed: SealedVariable) -> Result<Variable, ServiceError> {
    let value = key.open_text(&Place::Variable(tenant, &sealed.key), &sealed.value)?;
    Ok(Variable {
        value: masked(sealed.key.as_str(), &value),
        key: sealed.key,
        description: sealed.description,
        is_encrypted: true,
        team_name: None,
    })
}

/// Airflow's teams are what tenants are here; a body may name none.
pub(crate) fn check_team(team: Option<&str>) -> Result<(), ServiceError> {
    match team {
        Some(_) => Err(ServiceError::invalid("team_name", "there are no teams; leave it out")),
        None => Ok(()),
    }
}

/// A description that a database can hold and a list can show.
pub(crate) fn checked_description(description: Option<String>) -> Result<Option<String>, ServiceError> {
    match &description {
        Some(text) if text.len() > MAX_DESCRIPTION => {
            Err(ServiceError::TooLarge { what: "description".to_owned(), limit: MAX_DESCRIPTION })
        }
        Some(text) if text.contains('\0') => Err(ServiceError::invalid("description", "it holds a NUL")),
        Some(_) | None => Ok(description),
    }
}
