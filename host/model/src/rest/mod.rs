//! The bodies of the public HTTP API, shared by the server, the broker that fills them and the command line.
//!
//! Names and shapes are Airflow's REST API v2 wherever it has the resource. A list's filter is a `…Filter` that derives
//! `Deserialize` with defaults and `IntoParams`: the API reads it from the query as it is and hands it to the service.

pub mod asset_states;
pub mod assets;
pub mod backfills;
pub mod batch;
pub mod bulk;
pub mod callbacks;
mod change;
pub mod clearing;
pub mod connections;
pub mod dag_runs;
pub mod dag_stats;
pub mod dag_versions;
pub mod dag_warnings;
pub mod dags;
mod dates;
pub mod event_logs;
pub mod health;
pub mod human_input;
pub mod import_errors;
pub mod jobs;
mod json_text;
pub mod login;
pub mod logs;
pub mod modules;
pub mod on_demand;
mod page;
mod pattern;
pub mod pools;
mod scope;
pub mod state_events;
pub mod task_instances;
pub mod task_states;
pub mod task_traits;
pub mod tasks;
pub mod tenants;
mod timing;
pub mod tokens;
pub mod users;
pub mod variables;
pub mod xcoms;

pub use change::Change;
pub use dates::{Dates, NewestRun};
pub use json_text::JsonText;
pub use page::{Names, Page, PageRequest};
pub use scope::Scope;
