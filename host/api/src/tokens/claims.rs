//! What tokens say: the registered claims that all have, and each audience's own.

use flow_model::ids::{TenantId, TokenId};
use flow_model::port::TenantScope;
use flow_model::roles::Role;
use flow_model::time::Millis;
use flow_model::work::AttemptClaims;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ISSUER, Stamp};

/// The claims of RFC 7519 that every token must have, instants in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Registered {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: String,
    pub(crate) exp: u64,
    pub(crate) nbf: u64,
    pub(crate) iat: u64,
    pub(crate) jti: TokenId,
}

impl Registered {
    pub(crate) fn new(stamp: Stamp, audience: &str, now: Millis) -> Self {
        Self {
            iss: ISSUER.to_owned(),
            aud: audience.to_owned(),
            sub: stamp.subject,
            // A token never outlives its second: an instant within it counts as the whole of it.
            exp: seconds(stamp.expires),
            nbf: seconds(now),
            iat: seconds(now),
            jti: stamp.jti,
        }
    }
}

pub(super) fn seconds(instant: Millis) -> u64 {
    u64::try_from(instant.0.div_euclid(1000)).unwrap_or(0)
}

/// All claims of one token, as they are signed.
#[derive(Serialize)]
pub(super) struct Claims<T> {
    #[serde(flatten)]
    pub(super) registered: Registered,
    #[serde(flatten)]
    pub(super) own: T,
}

/// The claims that belong to one audience.
pub(crate) trait Own: Serialize + DeserializeOwned {
    /// The audience.
    const AUDIENCE: &'static str;
    /// The longest token that is looked at, in bytes.
    const MAX_LENGTH: usize;
}

/// A person's or a program's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApiClaims {
    /// Whose data it reaches; none for the platform's administration.
    pub(crate) tenant: Option<TenantId>,
    /// What it may do there.
    pub(crate) role: Role,
}

impl Own for ApiClaims {
    const AUDIENCE: &'static str = "api";
    const MAX_LENGTH: usize = 4 << 10;
}

/// A worker process's token. Its job is to claim, and it can do nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerClaims {
    /// Whose work it may have.
    pub(crate) tenants: TenantScope,
}

impl Own for WorkerClaims {
    const AUDIENCE: &'static str = "worker";
    const MAX_LENGTH: usize = 16 << 10;
}

/// The host side of one attempt. Guests never see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AttemptToken {
    /// Who the attempt is and what it may use; its id is the token's subject too.
    #[serde(flatten)]
    pub(crate) claims: AttemptClaims,
}

impl Own for AttemptToken {
    const AUDIENCE: &'static str = "attempt";
    /// A task may declare many names in its `uses`.
    const MAX_LENGTH: usize = 64 << 10;
}
