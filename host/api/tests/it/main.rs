//! The doors from outside: a real broker on a real database, asked over the router as a client would.

mod airflow;
mod bad_input;
mod golden;
mod host;
mod manners;
mod openapi;
mod pools;
mod population;
mod questions;
mod serving;
mod streams;
mod tenancy;
mod tokens;
mod worker;
mod worker_door;
