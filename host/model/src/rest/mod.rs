//! The bodies of the public HTTP API, shared by the server, the broker that fills them and the command line.
//!
//! Names and shapes are Airflow's REST API v2 wherever it has the resource.

mod change;
pub mod connections;
pub mod event_logs;
pub mod import_errors;
pub mod login;
pub mod modules;
mod page;
pub mod state_events;
pub mod tenants;
pub mod tokens;
pub mod users;
pub mod variables;

pub use change::Change;
pub use page::{Page, PageRequest};
