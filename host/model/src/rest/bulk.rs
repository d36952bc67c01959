//! Many changes to objects of one kind in one request.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to do, in this order. `C` is an object to create, `U` a change to one that it names, `D` names one to delete.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkBody<C, U, D = String> {
    /// The actions.
    pub actions: Vec<BulkAction<C, U, D>>,
}

/// One thing to do to many objects.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum BulkAction<C, U, D = String> {
    /// Create these.
    Create {
        /// The objects.
        entities: Vec<C>,
        /// What to do about those that exist already.
        #[serde(default)]
        action_on_existence: OnExistence,
    },
    /// Change these.
    Update {
        /// The changes, each with its object's name.
        entities: Vec<U>,
        /// If given, the only members of each that count.
        #[serde(default)]
        update_mask: Option<Vec<String>>,
        /// What to do about those that do not exist.
        #[serde(default)]
        action_on_non_existence: OnAbsence,
    },
    /// Delete these.
    Delete {
        /// The objects' names.
        entities: Vec<D>,
        /// What to do about those that do not exist.
        #[serde(default)]
        action_on_non_existence: OnAbsence,
    },
}

/// What to do about objects that are to be created and exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnExistence {
    /// Then the action does nothing at all.
    #[default]
    Fail,
    /// They stay as they are.
    Skip,
    /// They are replaced.
    Overwrite,
}

/// What to do about objects that are to be changed or deleted and do not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnAbsence {
    /// Then the action does nothing at all.
    #[default]
    Fail,
    /// They are left out.
    Skip,
}

/// What became of each kind of action; null where none of the kind was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct BulkResponse {
    /// What was created.
    pub create: Option<BulkResult>,
    /// What was changed.
    pub update: Option<BulkResult>,
    /// What was deleted.
    pub delete: Option<BulkResult>,
}

/// What became of the actions of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct BulkResult {
    /// The names of the objects with which it was done.
    pub success: Vec<String>,
    /// Why it was not done with others.
    pub errors: Vec<BulkError>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkError {
    /// The reason.
    pub error: String,
    /// The status with which a request for it alone would have been answered.
    pub status_code: u16,
}
