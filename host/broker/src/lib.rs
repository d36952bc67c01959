//! The one place that changes state: authorises, brokers, schedules.
//!
//! [`LocalBroker`] has two faces. To workers it is a [`flow_model::port::Broker`]. To the API it is a set of services, one
//! file per resource: reads take the tenant they are for, writes take the [`Actor`] who asks and are audited.

mod arguments;
mod audit;
mod capabilities;
mod claim;
mod clean;
mod committer;
mod connections;
mod create;
mod dag_changes;
mod dag_runs;
mod dag_versions;
mod dags;
mod engine;
mod error;
mod events;
mod jobs;
mod keys;
mod leases;
mod local;
mod logs;
mod modules;
mod monitor;
mod parses;
mod passwords;
mod plan;
mod port;
mod reshape;
mod run_changes;
mod schedules;
mod secrets;
mod task_changes;
mod task_instances;
mod tasks;
mod tenants;
mod text;
mod timekeeper;
mod tokens;
mod triggers;
mod users;
mod variables;
mod versions;
mod watching;
mod xcoms;

pub use clean::{Cleaned, clean};
pub use error::{Actor, PlatformActor, ServiceError};
pub use keys::{PublicKey, SigningKey};
pub use leases::GRANT_LIFE;
pub use local::{Admit, BrokerConfig, LocalBroker};
pub use modules::{Upload, UploadError};
pub use run_changes::Cleared;
pub use watching::StateEvents;
