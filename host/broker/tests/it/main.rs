//! The broker through its port and its services, on both databases.

mod advancing;
mod backfills;
mod callbacks;
mod changes;
mod contract;
mod cost;
mod deadlines;
mod human_input;
mod mapping;
mod on_demand;
mod reading;
mod recovery;
mod rehearsal;
mod room;
mod scheduling;
mod slots;
mod timetables;
mod waiting;
