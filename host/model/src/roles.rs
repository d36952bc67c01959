//! Who may do what: the roles of people, and the interfaces that each kind of attempt may use.

use serde::{Deserialize, Serialize};

use crate::call::Family;
use crate::work::AttemptRole;

/// What a person's or a program's `api` token allows. Each of the first four includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads DAGs, runs, logs and results of the tenant.
    Viewer,
    /// Also triggers, clears, cancels and pauses.
    User,
    /// Also uploads modules, and writes variables and connections.
    Op,
    /// Also manages the tenant's members and tokens.
    Admin,
    /// Manages tenants and workers, and sees none of the tenants' data.
    PlatformAdmin,
}

/// What a route of the API asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// At least this role within the tenant.
    AtLeast(Role),
    /// The platform's administration.
    Platform,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::User, Self::Op, Self::Admin, Self::PlatformAdmin];

    /// The role's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::User => "user",
            Self::Op => "op",
            Self::Admin => "admin",
            Self::PlatformAdmin => "platform-admin",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// How far the role reaches within a tenant; `None` for the one that has no tenant.
    fn rank(self) -> Option<u8> {
        match self {
            Self::Viewer => Some(0),
            Self::User => Some(1),
            Self::Op => Some(2),
            Self::Admin => Some(3),
            Self::PlatformAdmin => None,
        }
    }

    /// Whether the role meets `need`.
    pub fn meets(self, need: Need) -> bool {
        match need {
            Need::Platform => self == Self::PlatformAdmin,
            Need::AtLeast(least) => match (self.rank(), least.rank()) {
                (Some(have), Some(need)) => have >= need,
                (None, _) | (_, None) => false,
            },
        }
    }
}

impl AttemptRole {
    /// Whether an attempt of this kind may use an interface at all (`contract.md` §1). What it may reach through it is
    /// for its `uses` to say.
    pub fn may_use(&self, family: Family) -> bool {
        self.interfaces().contains(&family)
    }

    fn interfaces(&self) -> &'static [Family] {
        match self {
            Self::Task { .. } => &[
                Family::VariableRead,
                Family::VariableWrite,
                Family::Connection,
                Family::Xcom,
                Family::TaskState,
                Family::TaskInstance,
                Family::Runs,
                Family::Assets,
            ],
            Self::Parse { .. } => &[Family::VariableRead],
            Self::Trigger { .. } => &[Family::Connection, Family::TaskState],
            Self::Timetable { .. } => &[],
            Self::Callback { .. } => {
                &[Family::VariableRead, Family::VariableWrite, Family::Connection, Family::Xcom, Family::Runs]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_as_a_table() {
        let at_least = [Role::Viewer, Role::User, Role::Op, Role::Admin].map(Need::AtLeast);
        for (role, expected, platform) in [
            (Role::Viewer, [true, false, false, false], false),
            (Role::User, [true, true, false, false], false),
            (Role::Op, [true, true, true, false], false),
            (Role::Admin, [true, true, true, true], false),
            (Role::PlatformAdmin, [false, false, false, false], true),
        ] {
            assert_eq!(at_least.map(|need| role.meets(need)), expected, "{role:?}");
            assert_eq!(role.meets(Need::Platform), platform, "{role:?}");
        }
    }
}
