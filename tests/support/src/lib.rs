//! What the tests of several rooms share: throw-away databases, a settable clock, a worker without a sandbox.

#![expect(clippy::missing_panics_doc, reason = "whatever goes wrong here fails the test, and panics to say so")]

mod clock;
pub mod contract;
mod postgres;
mod stage;
mod stores;

pub use clock::SettableClock;
pub use postgres::Postgres;
pub use stage::{LEASE, Stage, fails, know, open_broker, returns, spec, task_of};
pub use stores::TestStore;
