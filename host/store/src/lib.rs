//! The metadata store: every SQL statement of flow-host, once, for SQLite and PostgreSQL.
//!
//! It loads, compares and swaps. What may follow what is for the model to say, and what happens together for the broker.

#[macro_use]
mod dialect;

pub mod asset;
pub mod backfill;
pub mod blob;
pub mod callback;
mod checkup;
mod column;
pub mod connection;
pub mod dag;
pub mod dag_favorite;
pub mod dag_pool;
pub mod dag_version;
pub mod deadline;
mod delivery;
mod error;
pub mod event_log;
pub mod expansion;
pub mod human_input;
pub mod import_error;
pub mod job;
pub mod key;
pub mod lane;
mod listing;
pub mod log;
pub mod member;
pub mod metering;
pub mod module;
mod pool;
pub mod run;
mod session;
pub mod slot_pool;
pub mod step;
mod tally;
pub mod task_instance;
pub mod task_state;
pub mod task_try;
pub mod tenant;
pub mod token;
pub mod variable;
pub mod view;
pub mod work;
pub mod xcom;

pub use checkup::Checkup;
pub use error::StoreError;
pub use pool::{Store, StoreConfig};
pub use session::{Session, Tx};
pub use tally::Tally;
