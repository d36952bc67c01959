//! The members of a tenant, and logging in.

use std::time::Duration;

use flow_model::ids::{TenantId, Username};
use flow_model::quota;
use flow_model::rest::users::{User, UserBody, UserPatch};
use flow_model::rest::{Page, PageRequest};
use flow_model::roles::Role;
use flow_model::run::TriggeredBy;
use flow_model::secret::Secret;
use flow_model::token::{Holder, IssuedToken};
use flow_store::member::{self, Member};
use flow_store::{Session, dag_favorite, token};
use serde_json::json;

use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::tokens::NewToken;

/// How long a token lives that was got by logging in: as long as Airflow's.
const LOGIN_LIFE: Duration = Duration::from_hours(24);

impl LocalBroker {
    /// The members of a tenant.
    pub async fn users(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<User>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(member::list(&mut db, tenant, page).await?)
    }

    /// One member of a tenant.
    pub async fn user(&self, tenant: &TenantId, username: &Username) -> Result<User, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(member::get(&mut db, tenant, username).await?.ok_or_else(|| absent(username))?.user)
    }

    /// Adds a member.
    pub async fn create_user(&self, actor: &Actor, body: UserBody) -> Result<User, ServiceError> {
        check_role(body.role)?;
        let password_hash = self.inner.passwords.hash(&body.password, self.inner.random()).await?;
        let now = self.now();
        let user = User { username: body.username, role: body.role, created_at: now, updated_at: now };
        let new = Member { user, password_hash };
        let mut tx = self.inner.store.begin("create user").await?;
        let allowed = self.inner.locked_tenant(&mut tx, &actor.tenant).await?.quota.users;
        if !member::insert(&mut tx, &actor.tenant, &new).await? {
            return Err(ServiceError::conflict(format!("user {:?}", new.user.username.as_str()), "it exists already"));
        }
        quota::admit("users", member::count(&mut tx, &actor.tenant).await? - 1, 1, allowed)?;
        let extra = json!({"username": new.user.username, "role": new.user.role});
        audit::note(&mut tx, actor, now, "post_user", &extra)?;
        tx.commit().await?;
        Ok(new.user)
    }

    /// Changes a member's role or password, and ends the member's tokens.
    pub async fn patch_user(&self, actor: &Actor, username: &Username, patch: UserPatch) -> Result<User, ServiceError> {
        patch.role.map_or(Ok(()), check_role)?;
        let password_hash = match &patch.password {
            Some(password) => Some(self.inner.passwords.hash(password, self.inner.random()).await?),
            None => None,
        };
        let now = self.now();
        let mut tx = self.inner.store.begin("patch user").await?;
        self.inner.locked_tenant(&mut tx, &actor.tenant).await?;
        let mut changed = member::get(&mut tx, &actor.tenant, username).await?.ok_or_else(|| absent(username))?;
        let demoted = patch.role.is_some_and(|role| role != Role::Admin) && changed.user.role == Role::Admin;
        if demoted {
            keep_an_admin(&mut tx, &actor.tenant, username).await?;
        }
        changed.user.role = patch.role.unwrap_or(changed.user.role);
        changed.user.updated_at = now;
        changed.password_hash = password_hash.unwrap_or(changed.password_hash);
        member::update(&mut tx, &actor.tenant, &changed).await?;
        token::revoke_subject(&mut tx, &actor.tenant, username.as_str(), now).await?;
        let extra = json!({"username": username, "role": patch.role, "password": patch.password.is_some()});
        audit::note(&mut tx, actor, now, "patch_user", &extra)?;
        tx.commit().await?;
        self.inner.live_tokens.clear();
        Ok(changed.user)
    }

    /// Removes a member, and ends the member's tokens.
    pub async fn delete_user(&self, actor: &Actor, username: &Username) -> Result<(), ServiceError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("delete user").await?;
        self.inner.locked_tenant(&mut tx, &actor.tenant).await?;
        let found = member::get(&mut tx, &actor.tenant, username).await?.ok_or_else(|| absent(username))?;
        if found.user.role == Role::Admin {
            keep_an_admin(&mut tx, &actor.tenant, username).await?;
        }
        member::delete(&mut tx, &actor.tenant, username).await?;
        dag_favorite::forget(&mut tx, &actor.tenant, username.as_str()).await?;
        token::revoke_subject(&mut tx, &actor.tenant, username.as_str(), now).await?;
        audit::note(&mut tx, actor, now, "delete_user", &json!({"username": username}))?;
        tx.commit().await?;
        self.inner.live_tokens.clear();
        Ok(())
    }

    /// A token for whoever knows the password of `login`, which is `TENANT/USERNAME` or `USERNAME@TENANT`; `None` if it is
    /// wrong in any part, after the same work.
    pub async fn log_in(&self, login: &str, password: &Secret) -> Result<Option<IssuedToken>, ServiceError> {
        let named = split_login(login);
        let found = match &named {
            Some((tenant, username)) => {
                let mut db = self.inner.store.read().await?;
                member::get(&mut db, tenant, username).await?
            }
            None => None,
        };
        let hash = found.as_ref().map(|member| member.password_hash.clone());
        let fits = self.inner.passwords.verify(password, hash).await?;
        let (Some((tenant, _)), Some(member), true) = (named, found, fits) else { return Ok(None) };
        self.begin_session(tenant, &member).await
    }

    async fn begin_session(&self, tenant: TenantId, member: &Member) -> Result<Option<IssuedToken>, ServiceError> {
        let mut tx = self.inner.store.begin("log in").await?;
        // The password was compared outside the transaction; a member who was changed meanwhile logs in anew.
        let present = member::get(&mut tx, &tenant, &member.user.username).await?;
        if present.as_ref() != Some(member) {
            return Ok(None);
        }
        let user = &member.user;
        let actor = Actor {
            tenant: tenant.clone(),
            name: user.username.to_string(),
            role: user.role,
            by: TriggeredBy::RestApi,
        };
        let new = NewToken {
            subject: user.username.to_string(),
            holder: Holder::Tenant { tenant, role: user.role },
            note: Some("login".to_owned()),
            life: LOGIN_LIFE,
        };
        let issued = self.inner.issue(&mut tx, new).await?;
        audit::note(&mut tx, &actor, issued.created_at, "login", &json!({"token": issued.id}))?;
        tx.commit().await?;
        Ok(Some(issued))
    }
}

fn absent(username: &Username) -> ServiceError {
    ServiceError::not_found("user", username)
}

fn check_role(role: Role) -> Result<(), ServiceError> {
    match role {
        Role::Viewer | Role::User | Role::Op | Role::Admin => Ok(()),
        Role::PlatformAdmin => Err(ServiceError::invalid("role", "use viewer, user, op or admin")),
    }
}

/// A tenant whose last administrator went could not be managed any more.
async fn keep_an_admin(db: &mut Session, tenant: &TenantId, leaving: &Username) -> Result<(), ServiceError> {
    if member::other_admins(db, tenant, leaving).await? > 0 {
        return Ok(());
    }
    Err(ServiceError::conflict(
        format!("user {:?}", leaving.as_str()),
        "it is the tenant's last admin; give another user that role first",
    ))
}

fn split_login(login: &str) -> Option<(TenantId, Username)> {
    let (tenant, username) = match login.split_once('/') {
        Some((tenant, username)) => (tenant, username),
        None => login.rsplit_once('@').map(|(username, tenant)| (tenant, username))?,
    };
    Some((tenant.parse().ok()?, username.parse().ok()?))
}
