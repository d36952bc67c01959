//! The guests that are run.

pub(crate) use flow_test_guests::{Wat, component, contract, example};
