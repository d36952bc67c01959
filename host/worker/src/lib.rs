//! Claims work through the broker port and runs it in the sandbox.
//!
//! A [`Worker`] cannot tell which door its broker is: the control plane's own process, or HTTP ([`RemoteBroker`]). It
//! decides nothing about tasks: it reports how attempts ended, and stops those that no longer count.

mod attempt;
mod backoff;
mod brokered;
mod held;
mod http_check;
mod outbox;
mod remote;
mod wire;
mod worker;

pub use remote::{RemoteBroker, RemoteConfig, RemoteConfigError};
pub use worker::{Worker, WorkerConfig, WorkerError};
