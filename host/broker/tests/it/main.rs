//! The broker through its port and its services, on both databases.

mod advancing;
mod changes;
mod contract;
mod reading;
mod recovery;
mod scheduling;
mod slots;
