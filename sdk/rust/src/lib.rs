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
//! # flow_sdk::describe().expect("every example on these pages can be drawn");
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
//! Its options have the names of the methods of [`Output`], which set them for a single call:
//!
//! | about | options |
//! |---|---|
//! | trying again | `retries = 3`, `retry_delay = "5s"`, `retry_exponential_backoff = 2.0`, `max_retry_delay = "1h"`, [`retry_policy = name`](mod@retry_policy) |
//! | limits | `timeout = "1m"`, `pool = "name"`, `pool_slots = 2`, `priority_weight = 10`, `weight_rule = "absolute"`, `max_active_tis_per_dag = 4`, `max_active_tis_per_dagrun = 2` |
//! | when it runs | `trigger_rule = "none_failed"` and the others of [`TriggerRule`], `depends_on_past`, `wait_for_downstream` |
//! | what it ends | `short_circuit`, which makes `false` or `None` skip what is downstream; `ignore_downstream_trigger_rules = false` |
//! | what it touches | `uses(variables("a", "b_*"), connections("x"), dags("y"), assets("z"), origins("https://example.org"))`, [`inlets("a")`, `outlets("b")`](mod@asset) |
//! | what follows | [`on_success = notify("team")`](mod@callback), `on_failure`, `on_retry`, `on_skipped`, `on_execute`, [`deadline = …`](Deadline) |
//! | how it is shown | `display_name = "…"`, `owner = "…"`, `map_index_template = "{file}"`, `doc_md = "…"`; the doc comment unless given |
//!
//! # DAGs
//!
//! [`#[dag]`](dag) goes on a function that calls tasks. A call there does not run the task but draws it and answers
//! its [`Output`]: a handle. Passing it to another task draws the edge and hands the value over;
//! [`Output::depends_on`] is for order alone. Everything an [`Input`] can be is accepted: a literal, a handle, a list of
//! handles, or a member of the run's configuration by [`conf`]. The function runs when the host parses the
//! module, so loops and [`variables`](mod@variables) can shape the DAG; it may return a `Result`.
//!
//! Options: `id`, `display_name`, `description`, `doc_md`, `tags("a")`, `owner`; [`schedule = …`](mod@schedule) with
//! `timezone`, or `every = "10m"`; `start_date`, `end_date`, `catchup`; [`params(name = "Ada")`](param);
//! `max_active_runs`, `max_active_tasks`, `max_consecutive_failed_dag_runs`, `dagrun_timeout = "2h"`, `fail_fast`,
//! `is_paused_upon_creation`, `rerun_with_latest_version`, `allowed_run_types("manual")`; `on_success`, `on_failure`,
//! `deadline`; and `uses(…)` on behalf of every task.
//!
//! # More than a chain
//!
//! | to | take |
//! |---|---|
//! | choose what goes on | [`Branch`], `#[task(short_circuit)]`, [`skip`], [`latest_only`], [`empty`] |
//! | run a task for each element of a list | [`each`], [`zip`], [`concat()`], [`from_each`]: see [`mapping`] |
//! | keep tasks together | [`group()`], [`group_each`], [`Output::teardown_of`]: see [`mod@group`] |
//! | wait without a slot | [`wait_for`], [`ask`], [`#[sensor]`](macro@sensor), [`defer`] with [`#[trigger]`](macro@trigger): see [`wait`], [`question`](mod@question), [`trigger`](mod@trigger) |
//! | run when data is there | [`asset()`], [`assets`], [`partition`] |
//! | run when you say so | [`#[timetable]`](macro@timetable): see [`timetable`](mod@timetable) |
//! | act on what happened | [`#[callback]`](macro@callback), [`Deadline`]: see [`callback`](mod@callback) |
//!
//! # Tests
//!
//! The function that a task was made from stays at hand as `name::body`, and a DAG's function returns the drawn
//! [`Dag`], so both can be tested by `cargo test`. Only the host answers calls such as `variables::get`: keep what
//! calculates in functions of its own, and leave those calls to the task around them.

#[expect(missing_docs, clippy::pedantic, reason = "generated from the WIT")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "full-module", generate_all });
}

pub mod asset;
pub mod assets;
pub mod callback;
pub mod connections;
pub mod group;
pub mod log;
pub mod mapping;
pub mod partition;
pub mod question;
pub mod retry_policy;
pub mod runs;
pub mod schedule;
pub mod state;
pub mod timetable;
pub mod trigger;
pub mod variables;
pub mod wait;
pub mod xcom;

mod context;
mod dag;
mod deadline;
mod draft;
mod error;
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the component's exports are generated from the WIT")]
mod export;
mod input;
mod native;
mod outcome;
mod output;
mod param;
#[doc(hidden)]
pub mod runtime;
mod settings;
mod spec;
mod timestamp;

pub use asset::{Alias, Asset, AssetExpression, Outlet, alias, asset, asset_at};
pub use callback::{Callback, Event};
pub use context::{Context, heartbeat, is_cancelled, set_map_label};
pub use dag::Dag;
pub use deadline::Deadline;
pub use error::{CallError, Error, Refusal, Result, skip};
pub use flow_sdk_macros::{callback, dag, retry_policy, sensor, task, timetable, trigger};
pub use group::{Group, group, group_each};
pub use input::{Conf, Input, Literal, conf};
pub use mapping::{Source, concat, each, from_each, zip};
pub use native::{ask, empty, latest_only, wait_for};
pub use outcome::{Branch, Check, Outcome, Poll};
pub use output::{Output, Upstream};
pub use param::{Param, param};
pub use question::{Answer, Question, approval, question};
pub use retry_policy::{Failure, RetryDecision, RetryPolicy};
pub use runtime::{ImportError, describe};
pub use schedule::Schedule;
pub use spec::{TriggerRule, WeightRule};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use timetable::{DataInterval, NextRun, Restriction, TimetableQuery};
pub use trigger::{Resume, defer};

/// What a module usually needs: `use flow_sdk::prelude::*;`.
pub mod prelude {
    pub use std::time::Duration;

    pub use crate::{
        Alias, Answer, Asset, Branch, Callback, Context, DataInterval, Deadline, Error, Event, Failure, NextRun,
        Output, Poll, Result, RetryDecision, Timestamp, TimetableQuery, TriggerRule, WeightRule,
    };
    pub use crate::{
        alias, approval, ask, asset, assets, callback, concat, conf, connections, dag, defer, each, empty, from_each,
        group, group_each, heartbeat, is_cancelled, latest_only, log, param, partition, question, retry_policy, runs,
        schedule, sensor, set_map_label, skip, state, task, timetable, trigger, variables, wait, wait_for, xcom, zip,
    };
}
