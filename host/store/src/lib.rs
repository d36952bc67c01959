//! The metadata store: every SQL statement of flow-host, once, for SQLite and PostgreSQL.
//!
//! It loads, compares and swaps. What may follow what is for the model to say, and what happens together for the broker.

#[macro_use]
mod dialect;
mod error;
mod pool;

pub use error::StoreError;
pub use pool::{Session, Store, StoreConfig, Tx};
