//! `/auth/token`: a name and a password for a token.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::TenantId;
use crate::secret::Secret;

/// Who wants a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// The member's name; `name@tenant` for a client that cannot say the tenant otherwise.
    pub username: String,
    /// The member's password.
    pub password: Secret,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
}

/// A token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessToken {
    /// The token, to be sent as `Authorization: Bearer TOKEN`.
    pub access_token: String,
}
