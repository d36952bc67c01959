//! Tenants: the platform's administration.

use flow_model::ids::TenantId;
use flow_model::quota::{Policy, Quota};
use flow_model::rest::tenants::{Tenant, TenantBody, TenantPatch, TenantUsage};
use flow_model::rest::users::User;
use flow_model::rest::{Page, PageRequest};
use flow_model::roles::Role;
use flow_store::member::{self, Member};
use flow_store::{Session, blob, key, module, tenant};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::audit;
use crate::error::{PlatformActor, ServiceError};
use crate::local::{Inner, LocalBroker};

impl Inner {
    /// A tenant, which stays as it is until the transaction ends.
    pub(crate) async fn locked_tenant(&self, db: &mut Session, name: &TenantId) -> Result<Tenant, ServiceError> {
        let found = if tenant::lock(db, name).await? { tenant::get(db, name).await? } else { None };
        found.ok_or_else(|| ServiceError::not_found("tenant", name))
    }
}

impl LocalBroker {
    /// All tenants.
    pub async fn tenants(&self, page: &PageRequest) -> Result<Page<Tenant>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(tenant::list(&mut db, page).await?)
    }

    /// One tenant.
    pub async fn tenant(&self, name: &TenantId) -> Result<Tenant, ServiceError> {
        let mut db = self.inner.store.read().await?;
        tenant::get(&mut db, name).await?.ok_or_else(|| ServiceError::not_found("tenant", name))
    }

    /// Creates a tenant with its data key and, if given, its first administrator.
    pub async fn create_tenant(&self, actor: &PlatformActor, body: TenantBody) -> Result<Tenant, ServiceError> {
        check_description(body.description.as_deref())?;
        let now = self.now();
        let admin = match body.admin {
            Some(admin) => {
                let password_hash = self.inner.passwords.hash(&admin.password, self.inner.random()).await?;
                let user = User { username: admin.username, role: Role::Admin, created_at: now, updated_at: now };
                Some(Member { user, password_hash })
            }
            None => None,
        };
        let new = Tenant {
            name: body.name,
            description: body.description,
            quota: body.quota,
            policy: body.policy,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.inner.store.begin("create tenant").await?;
        if !tenant::insert(&mut tx, &new).await? {
            return Err(ServiceError::conflict(format!("tenant {:?}", new.name.as_str()), "it exists already"));
        }
        key::insert_data_key(&mut tx, &self.inner.secrets.new_data_key(&new.name), now).await?;
        if let Some(admin) = &admin {
            member::insert(&mut tx, &new.name, admin).await?;
        }
        audit::note_platform(&mut tx, actor, now, "post_tenant", &json!({"tenant": new.name}))?;
        tx.commit().await?;
        Ok(new)
    }

    /// Changes what a tenant is called.
    pub async fn patch_tenant(
        &self,
        actor: &PlatformActor,
        name: &TenantId,
        patch: TenantPatch,
    ) -> Result<Tenant, ServiceError> {
        self.change_tenant(actor, name, "patch_tenant", |tenant| {
            tenant.description = patch.description.apply(tenant.description.take());
            check_description(tenant.description.as_deref())
        })
        .await
    }

    /// Changes how much a tenant may have; keys that `patch` leaves out keep their value.
    pub async fn patch_quota(
        &self,
        actor: &PlatformActor,
        name: &TenantId,
        patch: Map<String, Value>,
    ) -> Result<Quota, ServiceError> {
        let changed = self.change_tenant(actor, name, "patch_quota", |tenant| {
            tenant.quota = merged("quota", &tenant.quota, patch)?;
            Ok(())
        });
        Ok(changed.await?.quota)
    }

    /// Changes what a tenant may not do; keys that `patch` leaves out keep their value.
    pub async fn patch_policy(
        &self,
        actor: &PlatformActor,
        name: &TenantId,
        patch: Map<String, Value>,
    ) -> Result<Policy, ServiceError> {
        let changed = self.change_tenant(actor, name, "patch_policy", |tenant| {
            tenant.policy = merged("policy", &tenant.policy, patch)?;
            Ok(())
        });
        Ok(changed.await?.policy)
    }

    async fn change_tenant(
        &self,
        actor: &PlatformActor,
        name: &TenantId,
        event: &str,
        change: impl FnOnce(&mut Tenant) -> Result<(), ServiceError> + Send,
    ) -> Result<Tenant, ServiceError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("change tenant").await?;
        let mut changed = self.inner.locked_tenant(&mut tx, name).await?;
        change(&mut changed)?;
        changed.updated_at = now;
        tenant::update(&mut tx, &changed).await?;
        let extra = json!({"tenant": name, "quota": changed.quota, "policy": changed.policy});
        audit::note_platform(&mut tx, actor, now, event, &extra)?;
        tx.commit().await?;
        Ok(changed)
    }

    /// How much of its quota a tenant has in use now, and what its attempts have used.
    pub async fn tenant_usage(&self, name: &TenantId) -> Result<TenantUsage, ServiceError> {
        let now = self.now();
        self.tenant(name).await?;
        let mut db = self.inner.store.read().await?;
        Ok(tenant::usage(&mut db, name, now).await?)
    }

    /// Deletes a tenant and everything it has. Its attempts are fenced and its tokens open nothing any more.
    pub async fn delete_tenant(&self, actor: &PlatformActor, name: &TenantId) -> Result<(), ServiceError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("delete tenant").await?;
        self.inner.locked_tenant(&mut tx, name).await?;
        let digests = module::digests(&mut tx, name, None).await?;
        tenant::delete(&mut tx, name).await?;
        blob::sweep(&mut tx, &digests).await?;
        audit::note_platform(&mut tx, actor, now, "delete_tenant", &json!({"tenant": name}))?;
        tx.commit().await?;
        self.inner.live_tokens.clear();
        Ok(())
    }
}

fn check_description(description: Option<&str>) -> Result<(), ServiceError> {
    match description {
        Some(text) if text.len() > 5_000 => Err(ServiceError::TooLarge { what: "description".into(), limit: 5_000 }),
        Some(_) | None => Ok(()),
    }
}

/// `present` with the members of `patch` in place of its own.
fn merged<T: Serialize + DeserializeOwned>(
    what: &str,
    present: &T,
    patch: Map<String, Value>,
) -> Result<T, ServiceError> {
    let invalid = |error: serde_json::Error| ServiceError::invalid(what, error.to_string());
    let mut whole = serde_json::to_value(present).map_err(invalid)?;
    if let Some(members) = whole.as_object_mut() {
        members.extend(patch);
    }
    serde_json::from_value(whole).map_err(invalid)
}
