//! Issued tokens: who holds one and what it is for.
//!
//! The token of an attempt is not among them: it is a [`crate::work::Grant`] and lives as long as its attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, TokenId};
use crate::port::TenantScope;
use crate::roles::Role;
use crate::time::Millis;

/// The longest that an issued token can live: 400 days.
pub const MAX_LIFE: Duration = Duration::from_hours(400 * 24);

/// Whom a token was issued to, which decides its audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A member of a tenant or a program acting for it; audience `api`.
    Tenant {
        /// The tenant.
        tenant: TenantId,
        /// What the holder may do in it; never [`Role::PlatformAdmin`].
        role: Role,
    },
    /// An administrator of the platform; audience `api`.
    Platform,
    /// A worker process; audience `worker`.
    Worker(TenantScope),
}

/// What the host remembers of a token it issued. The token itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// Its `jti`.
    pub id: TokenId,
    /// Its `sub`: a member's name, or what whoever asked for it called its holder.
    pub subject: String,
    /// Whom it was issued to.
    pub holder: Holder,
    /// What its owner noted about it.
    pub note: Option<String>,
    /// Its `iat`.
    pub created_at: Millis,
    /// Its `exp`.
    pub expires_at: Millis,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Millis>,
}

/// Which door a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// The public API.
    Api,
    /// The worker door, to claim and renew.
    Worker,
}

impl Holder {
    /// Which door the holder's token opens.
    pub fn audience(&self) -> Audience {
        match self {
            Self::Tenant { .. } | Self::Platform => Audience::Api,
            Self::Worker(_) => Audience::Worker,
        }
    }
}

impl IssuedToken {
    /// Whether the token still opens anything at `now`.
    pub fn is_live(&self, now: Millis) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}
