//! End to end: the real binary in processes of its own, real components, over HTTP and by commands.

mod aftermath;
mod assets;
mod by_hand;
mod cli;
mod conditions;
mod contract;
mod database;
mod full_disk;
mod greedy;
mod groups;
mod kill;
mod limits;
mod mapping;
mod on_request;
mod pipeline;
mod remote_worker;
mod schedules;
mod shell;
mod shutdown;
mod start;
mod tenants_crate;
mod test_command;
mod waiting;
