//! The broker through its port and its services, on both databases.

mod advancing;
mod backfills;
mod callbacks;
mod changes;
mod contract;
mod cost;
mod deadlines;
mod human_input;
mod linear;
mod many_dags;
mod mapping;
mod marks;
mod metering;
mod on_demand;
mod past;
mod reading;
mod recovery;
mod rehearsal;
mod reruns;
mod room;
mod scheduling;
mod slots;
mod task_states;
mod timetables;
mod waiting;
