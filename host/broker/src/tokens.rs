//! Issued tokens: what is remembered of them, so that one can be revoked by its id. Signing is for the API's door.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flow_model::ids::{TenantId, TokenId};
use flow_model::port::TenantScope;
use flow_model::quota;
use flow_model::rest::tokens::{Token, TokenBody, WorkerTokenBody};
use flow_model::rest::{Page, PageRequest};
use flow_model::roles::{Need, Role};
use flow_model::run::TriggeredBy;
use flow_model::time::Millis;
use flow_model::token::{Holder, IssuedToken, MAX_LIFE};
use flow_store::{Session, token};
use lru::LruCache;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::audit;
use crate::error::{Actor, PlatformActor, ServiceError};
use crate::local::{Inner, LocalBroker};

const DEFAULT_LIFE: Duration = Duration::from_hours(30 * 24);
const MIN_LIFE: Duration = Duration::from_mins(1);
/// For how long an expired token still shows in lists.
const REMEMBERED_MS: i64 = 30 * 24 * 3_600_000;

/// Tokens looked up lately, so that a request costs no query. An answer is used for a second at most: that is how long a
/// token that another process revoked may still open the door of this one.
pub(crate) struct LiveTokens {
    kept: Mutex<LruCache<TokenId, (IssuedToken, Millis)>>,
    revoked: Notify,
}

const KEPT: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// How often whoever goes on for long asks whether its token was revoked by another node.
const LISTENING: Duration = Duration::from_secs(15);
const FRESH: Duration = Duration::from_secs(1);

impl LiveTokens {
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::new(LruCache::new(KEPT)), revoked: Notify::new() }
    }

    fn get(&self, id: TokenId, now: Millis) -> Option<IssuedToken> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, read_at) = kept.get(&id)?;
        (now.since(*read_at) < FRESH && now >= *read_at).then(|| token.clone())
    }

    fn put(&self, token: IssuedToken, now: Millis) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).put(token.id, (token, now));
    }

    /// Forgets everything, after tokens were revoked.
    pub(crate) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.revoked.notify_waiters();
    }
}

/// A token about to be issued.
pub(crate) struct NewToken {
    pub(crate) subject: String,
    pub(crate) holder: Holder,
    pub(crate) note: Option<String>,
    pub(crate) life: Duration,
}

impl Inner {
    /// Remembers a token that is being issued.
    pub(crate) async fn issue(&self, db: &mut Session, new: NewToken) -> Result<IssuedToken, ServiceError> {
        let now = self.now();
        let issued = IssuedToken {
            id: TokenId::mint(now, self.random()),
            subject: new.subject,
            holder: new.holder,
            note: new.note,
            created_at: now,
            expires_at: now.after(new.life),
            revoked_at: None,
        };
        token::forget_expired(db, Millis(now.0.saturating_sub(REMEMBERED_MS))).await?;
        token::insert(db, &issued).await?;
        Ok(issued)
    }
}

impl LocalBroker {
    /// The token of this id, if it is neither expired nor revoked.
    pub async fn live_token(&self, id: TokenId) -> Result<Option<IssuedToken>, ServiceError> {
        let now = self.now();
        if let Some(token) = self.inner.live_tokens.get(id, now) {
            return Ok(Some(token).filter(|token| token.is_live(now)));
        }
        let mut db = self.inner.store.read().await?;
        let Some(found) = token::find(&mut db, id).await? else { return Ok(None) };
        self.inner.live_tokens.put(found.clone(), now);
        Ok(Some(found).filter(|token| token.is_live(now)))
    }

    /// Returns when a token has ended: at once if it is revoked here, after a while if it is elsewhere.
    pub async fn token_ended(&self, id: TokenId) {
        loop {
            let revoked = self.inner.live_tokens.revoked.notified();
            let left = match self.live_token(id).await {
                Ok(Some(token)) => token.expires_at.since(self.now()),
                Ok(None) => return,
                // A database that does not answer for a moment ends nothing.
                Err(_) => LISTENING,
            };
            drop(timeout(left.min(LISTENING), revoked).await);
        }
    }

    /// The tokens of a tenant's members and programs.
    pub async fn tokens(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Token>, ServiceError> {
        self.list_tokens(Some(tenant), page).await
    }

    /// The tokens of the platform's administrators and of workers.
    pub async fn platform_tokens(&self, page: &PageRequest) -> Result<Page<Token>, ServiceError> {
        self.list_tokens(None, page).await
    }

    async fn list_tokens(&self, tenant: Option<&TenantId>, page: &PageRequest) -> Result<Page<Token>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = token::list(&mut db, tenant, page).await?;
        Ok(found.map(Token::from))
    }

    /// Issues a token within the actor's tenant, of at most the actor's role.
    pub async fn issue_token(&self, actor: &Actor, body: TokenBody) -> Result<IssuedToken, ServiceError> {
        if !actor.role.meets(Need::AtLeast(body.role)) {
            return Err(ServiceError::Denied(format!(
                "a token of role {} is more than your own role",
                body.role.as_str()
            )));
        }
        let mut tx = self.inner.store.begin("issue token").await?;
        let issued = self.issue_within(&mut tx, &actor.tenant, body).await?;
        audit::note(&mut tx, actor, issued.created_at, "post_token", &about(&issued))?;
        tx.commit().await?;
        Ok(issued)
    }

    /// Issues a token within a tenant on behalf of the platform. The tenant's own audit log says so.
    pub async fn issue_tenant_token(
        &self,
        actor: &PlatformActor,
        tenant: &TenantId,
        body: TokenBody,
    ) -> Result<IssuedToken, ServiceError> {
        let mut tx = self.inner.store.begin("issue tenant token").await?;
        let issued = self.issue_within(&mut tx, tenant, body).await?;
        let seen = Actor {
            tenant: tenant.clone(),
            name: format!("platform:{}", actor.name),
            role: Role::Admin,
            by: TriggeredBy::RestApi,
        };
        audit::note(&mut tx, &seen, issued.created_at, "post_token", &about(&issued))?;
        tx.commit().await?;
        Ok(issued)
    }

    async fn issue_within(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        body: TokenBody,
    ) -> Result<IssuedToken, ServiceError> {
        if body.role == Role::PlatformAdmin {
            return Err(ServiceError::invalid("role", "use viewer, user, op or admin for a token of a tenant"));
        }
        let new = NewToken {
            subject: subject(body.subject)?,
            holder: Holder::Tenant { tenant: tenant.clone(), role: body.role },
            note: body.note,
            life: life(body.expires_in)?,
        };
        let allowed = self.inner.locked_tenant(db, tenant).await?.quota.tokens;
        quota::admit("tokens", token::count_live(db, tenant, self.now()).await?, 1, allowed)?;
        self.inner.issue(db, new).await
    }

    /// Issues a token to an administrator of the platform.
    pub async fn issue_platform_token(
        &self,
        actor: &PlatformActor,
        body: TokenBody,
    ) -> Result<IssuedToken, ServiceError> {
        if body.role != Role::PlatformAdmin {
            return Err(ServiceError::invalid("role", "use platform-admin, or ask for a token of a tenant"));
        }
        self.issue_beside(actor, body.subject, Holder::Platform, (body.note, body.expires_in)).await
    }

    /// Issues a token to a worker.
    pub async fn issue_worker_token(
        &self,
        actor: &PlatformActor,
        body: WorkerTokenBody,
    ) -> Result<IssuedToken, ServiceError> {
        let scope = body.tenants.map_or(TenantScope::All, TenantScope::Only);
        self.issue_beside(actor, body.subject, Holder::Worker(scope), (body.note, body.expires_in)).await
    }

    async fn issue_beside(
        &self,
        actor: &PlatformActor,
        name: String,
        holder: Holder,
        (note, expires_in): (Option<String>, Option<u64>),
    ) -> Result<IssuedToken, ServiceError> {
        let new = NewToken { subject: subject(name)?, holder, note, life: life(expires_in)? };
        let mut tx = self.inner.store.begin("issue platform token").await?;
        if let Holder::Worker(TenantScope::Only(tenants)) = &new.holder {
            for tenant in tenants {
                self.inner.locked_tenant(&mut tx, tenant).await?;
            }
        }
        let issued = self.inner.issue(&mut tx, new).await?;
        audit::note_platform(&mut tx, actor, issued.created_at, "post_token", &about(&issued))?;
        tx.commit().await?;
        Ok(issued)
    }

    /// Revokes a token of the actor's tenant.
    pub async fn revoke_token(&self, actor: &Actor, id: TokenId) -> Result<(), ServiceError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("revoke token").await?;
        if !token::revoke(&mut tx, Some(&actor.tenant), id, now).await? {
            return Err(ServiceError::not_found("token", id));
        }
        audit::note(&mut tx, actor, now, "delete_token", &json!({"id": id}))?;
        tx.commit().await?;
        self.inner.live_tokens.clear();
        Ok(())
    }

    /// Revokes a token of an administrator of the platform or of a worker.
    pub async fn revoke_platform_token(&self, actor: &PlatformActor, id: TokenId) -> Result<(), ServiceError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("revoke platform token").await?;
        if !token::revoke(&mut tx, None, id, now).await? {
            return Err(ServiceError::not_found("token", id));
        }
        audit::note_platform(&mut tx, actor, now, "delete_token", &json!({"id": id}))?;
        tx.commit().await?;
        self.inner.live_tokens.clear();
        Ok(())
    }

    /// Whether the platform was ever given an administrator.
    pub async fn has_platform_token(&self) -> Result<bool, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let now = self.now();
        let page = PageRequest { limit: 1_000, ..PageRequest::default() };
        let found = token::list(&mut db, None, &page).await?;
        Ok(found.entries.iter().any(|token| token.holder == Holder::Platform && token.is_live(now)))
    }
}

fn about(issued: &IssuedToken) -> serde_json::Value {
    let token = Token::from(issued.clone());
    json!({
        "id": token.id, "subject": token.subject, "audience": token.audience, "role": token.role,
        "tenants": token.tenants, "expires_at": token.expires_at,
    })
}

fn subject(name: String) -> Result<String, ServiceError> {
    if (1..=250).contains(&name.len()) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(ServiceError::invalid("subject", "use 1 to 250 bytes without control characters"))
}

fn life(expires_in: Option<u64>) -> Result<Duration, ServiceError> {
    let life = expires_in.map_or(DEFAULT_LIFE, Duration::from_secs);
    if (MIN_LIFE..=MAX_LIFE).contains(&life) {
        return Ok(life);
    }
    Err(ServiceError::invalid("expires_in", format!("use {} to {} seconds", MIN_LIFE.as_secs(), MAX_LIFE.as_secs())))
}
