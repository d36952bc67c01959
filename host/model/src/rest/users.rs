//! `/api/v2/users`: the members of a tenant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::Username;
use crate::roles::Role;
use crate::secret::Secret;
use crate::time::Millis;

/// A member of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The member's name, unique within the tenant.
    pub username: Username,
    /// What the member may do.
    pub role: Role,
    /// When the member was added.
    pub created_at: Millis,
    /// When the member's role or password was last changed.
    pub updated_at: Millis,
}

/// A member to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserBody {
    /// The member's name.
    pub username: Username,
    /// The member's password: 8 to 1,024 bytes.
    pub password: Secret,
    /// What the member may do: `viewer`, `user`, `op` or `admin`.
    pub role: Role,
}

/// Changes to a member. Any change ends the member's tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// The new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// The new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}
