//! `/api/v2/tokens`: issued tokens of people, programs and workers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{TenantId, TokenId};
use crate::port::TenantScope;
use crate::roles::Role;
use crate::time::Millis;
use crate::token::{Audience, Holder, IssuedToken};

/// An issued token, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its `jti`, by which it is revoked.
    pub id: TokenId,
    /// Which door it opens.
    pub audience: Audience,
    /// Whose data it reaches; null for the platform's own.
    pub tenant: Option<TenantId>,
    /// Who holds it.
    pub subject: String,
    /// What its holder may do; null for workers.
    pub role: Option<Role>,
    /// Whom a worker may serve; null otherwise, and null for a worker that may serve every tenant.
    pub tenants: Option<Vec<TenantId>>,
    /// What its owner noted about it.
    pub note: Option<String>,
    /// When it was issued.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Millis>,
}

/// A token to issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// Who will hold it; it appears in the event log.
    pub subject: String,
    /// What its holder may do: at most what the asking token may.
    pub role: Role,
    /// A note for later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long it lives, in seconds: 1 minute to 400 days; 30 days if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// A worker token to issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerTokenBody {
    /// Which worker will hold it.
    pub subject: String,
    /// Whom it may serve; every tenant if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Vec<TenantId>>,
    /// A note for later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How long it lives, in seconds: 1 minute to 400 days; 30 days if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// A token that was just issued. This is the only time it is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// What is remembered of it.
    #[serde(flatten)]
    pub token: Token,
    /// The token, to be sent as `Authorization: Bearer TOKEN`.
    pub access_token: String,
}

impl From<IssuedToken> for Token {
    fn from(issued: IssuedToken) -> Self {
        let audience = issued.holder.audience();
        let (tenant, role, tenants) = match issued.holder {
            Holder::Tenant { tenant, role } => (Some(tenant), Some(role), None),
            Holder::Platform => (None, Some(Role::PlatformAdmin), None),
            Holder::Worker(TenantScope::All) => (None, None, None),
            Holder::Worker(TenantScope::Only(tenants)) => (None, None, Some(tenants)),
        };
        Self {
            id: issued.id,
            audience,
            tenant,
            subject: issued.subject,
            role,
            tenants,
            note: issued.note,
            created_at: issued.created_at,
            expires_at: issued.expires_at,
            revoked_at: issued.revoked_at,
        }
    }
}
