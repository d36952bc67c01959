//! The store's functions on both databases, and the two schemas against each other.

mod assets;
mod lanes;
mod plans;
mod queue;
mod rows;
mod schema;
mod seed;
