//! The one place that changes state: authorises, brokers, schedules.
//!
//! [`LocalBroker`] has two faces. To workers it is a [`flow_model::port::Broker`]. To the API it is a set of services, one
//! file per resource: reads take the tenant they are for, writes take the [`Actor`] who asks and are audited.

mod audit;
mod capabilities;
mod connections;
mod error;
mod keys;
mod local;
mod passwords;
mod secrets;
mod tenants;
mod tokens;
mod users;
mod variables;

pub use error::{Actor, PlatformActor, ServiceError};
pub use keys::{PublicKey, SigningKey};
pub use local::{Admit, BrokerConfig, LocalBroker};
