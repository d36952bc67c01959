//! Assets: data that tasks update and that runs are made for.
//!
//! What a DAG says of them, when enough of them have been updated for a run, and what a successful task publishes.

mod claims;
mod expression;
pub mod partition;
mod publication;

pub use claims::{
    AliasSpec, AssetSpec, Claims, DEFAULT_GROUP, Reference, ReferenceKind, check, condition, references, together,
};
pub use expression::{AssetExpression, AssetRef, Identity, Leaf, Updated};
pub use publication::{Emission, MAX_EMISSIONS, Outlets, Publication, publications};
