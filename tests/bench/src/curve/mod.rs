//! What becomes of latency: under growing load, and beside another tenant's load.

mod fairness;
mod saturation;

pub(crate) use fairness::fairness;
pub(crate) use saturation::saturation;
