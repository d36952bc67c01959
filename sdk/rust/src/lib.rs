//! Write flow-host workflows in natural Rust.
//!
//! A module is a crate of `crate-type = ["cdylib"]` whose only dependency on flow-host is this one:
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[task]
//! fn greeting(name: Option<String>) -> String {
//!     format!("Hello, {}!", name.unwrap_or("world".to_owned()))
//! }
//!
//! #[task(retries = 3, retry_delay = "5s")]
//! fn shout(text: String) -> Result<String> {
//!     Ok(text.to_uppercase())
//! }
//!
//! #[dag(schedule = "@daily", start_date = "2026-01-01")]
//! fn hello() {
//!     shout(greeting(conf("name")));
//! }
//! ```
//!
//! It builds with `cargo build --release --target wasm32-wasip2` and with `cargo component build --release`.
//!
//! # Tasks
//!
//! [`#[task]`](task) goes on a plain function. Its arguments and its result are any types that serde can read and
//! write; they travel between tasks as XCom. A task that can fail returns a type whose name ends in `Result`, with any
//! error that can be displayed; `?` works with the errors of the standard library and with [`CallError`].
//! An error means another try, if the task has one left; [`Error::fail`] means none, and [`skip`] skips the task. A
//! first parameter of type `&`[`Context`] tells the task which run and which try it is.
//!
//! Options: `retries = 3`, `retry_delay = "5s"`, `timeout = "1m"`, `trigger_rule = "all_done"` and
//! `uses(variables("a", "b_*"), connections("x"), dags("y"))`.
//!
//! # DAGs
//!
//! [`#[dag]`](dag) goes on a function that calls tasks. A call there does not run the task but draws it and answers
//! its [`Output`]: a handle. Passing it to another task draws the edge and hands the value over;
//! [`Output::depends_on`] is for order alone. Everything an [`Input`] can be is accepted: a literal, a handle, a list of
//! handles, or a member of the run's configuration by [`conf`]. The function runs when the host parses the
//! module, so loops and [`variables`](mod@variables) can shape the DAG; it may return a `Result`.
//!
//! Options: `id`, `description`, `tags("a")`, `schedule = "0 6 * * *"` with `timezone`, or `every = "10m"`,
//! `start_date`, `end_date`, `catchup = true`, and `uses(…)` on behalf of every task.
//!
//! # Tests
//!
//! The function that a task was made from stays at hand as `name::body`, and a DAG's function returns the drawn
//! [`Dag`], so both can be tested by `cargo test`. Only the host answers calls such as `variables::get`: keep what
//! calculates in functions of its own, and leave those calls to the task around them.

#[expect(missing_docs, clippy::pedantic, reason = "generated from the WIT")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "module", generate_all });
}

pub mod connections;
pub mod log;
pub mod runs;
pub mod state;
pub mod variables;
pub mod xcom;

mod context;
mod dag;
mod error;
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the component's exports are generated from the WIT")]
mod export;
mod input;
mod output;
#[doc(hidden)]
pub mod runtime;
mod spec;
mod timestamp;

pub use context::{Context, heartbeat, is_cancelled};
pub use dag::Dag;
pub use error::{CallError, Error, Refusal, Result, skip};
pub use flow_sdk_macros::{dag, task};
pub use input::{Conf, Input, conf};
pub use output::{Output, Upstream};
pub use runtime::{ImportError, describe};
pub use spec::TriggerRule;
pub use timestamp::Timestamp;

/// What a module usually needs: `use flow_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Context, Error, Output, Result, conf, connections, dag, heartbeat, is_cancelled, log, runs, skip, state, task,
        variables, xcom,
    };
}
