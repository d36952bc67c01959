//! A stage for guests: components to run, a sandbox to run them in, and a world that answers them.

pub(crate) mod answers;
pub(crate) mod guests;
pub(crate) mod stage;
pub(crate) mod world;
