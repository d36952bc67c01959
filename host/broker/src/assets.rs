//! Assets: what DAGs say of them, events when tasks have updated them, and the runs that follow.
//!
//! Publishing an event costs the transaction that does it a few rows, and wakes the timekeeper; the runs are made apart
//! from it, so that a thousand events at once are one run and no task waits for the runs that it causes.

mod calls;
mod due;
mod grants;
mod ledger;
mod manual;
mod publish;
mod read;
mod register;
mod state;
mod tell;

pub(crate) use calls::Said;
pub(crate) use ledger::Ledger;
pub(crate) use read::{shown_condition, triggering_events};
pub(crate) use register::{Registration, forget, wake};
