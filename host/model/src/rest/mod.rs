//! The bodies of the public HTTP API, shared by the server, the broker that fills them and the command line.
//!
//! Names and shapes are Airflow's REST API v2 wherever it has the resource.

mod page;

pub use page::{Page, PageRequest};
