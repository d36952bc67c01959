//! The vocabulary of flow-host and every rule about what may follow what.
//!
//! Nothing here does IO, reads a clock or draws a random number: `now` and randomness are arguments, and the broker
//! carries out what these functions decide.

pub mod admission;
pub mod advance;
pub mod asset;
pub mod backfill;
pub mod call;
pub mod callback;
mod coded;
pub mod connection_uri;
pub mod cron;
pub mod dag;
pub mod deadline;
pub mod delta;
pub mod description;
pub mod egress;
pub mod fairness;
pub mod graph;
pub mod human_input;
pub mod ids;
pub mod inspect;
pub mod map_label;
pub mod mapping;
pub mod params;
pub mod port;
pub mod priority;
pub mod quota;
pub mod rest;
pub mod retry;
pub mod roles;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod state;
pub mod time;
pub mod timetable;
pub mod token;
pub mod trigger_rule;
pub mod uses;
pub mod waiting;
pub mod work;
