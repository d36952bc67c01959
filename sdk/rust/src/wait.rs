//! Waits that cost no slot: the host looks by itself, or calls a [`#[trigger]`](macro@crate::trigger) now and then.
//!
//! In a DAG [`wait_for`](crate::wait_for) draws one as a task; in a task [`defer`](crate::defer) begins one.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[dag]
//! fn waits() {
//!     let pause = wait_for(Duration::from_secs(30)).id("pause");
//!     let loaded = wait_for(wait::run("etl").task("load")).timeout(Duration::from_hours(1)).soft_fail();
//!     let page = wait_for(wait::http("https://example.org/ready")).poke_interval(Duration::from_secs(10));
//!     empty("go").depends_on((pause, loaded, page));
//! }
//! ```

use std::time::Duration;

use serde_json::{Value, json};

use crate::asset::Asset;
use crate::runtime::Bound;
use crate::spec::{Object, words};
use crate::trigger::Awaiting;
use crate::{Error, Result, Timestamp, dag};

/// A wait, and what a task has to declare to wait so.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    pub(crate) until: Until,
    /// A kind of thing that it uses, and its name.
    pub(crate) uses: Option<(&'static str, String)>,
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Until {
    /// A trigger of the module, and its arguments.
    Trigger(&'static str, Value),
    /// A kind of thing that the host knows by itself, and which one.
    Host(&'static str, Value),
}

impl Until {
    /// As the host reads it.
    pub(crate) fn json(self) -> Value {
        let (kind, value) = match self {
            Self::Trigger(name, kwargs) => {
                let mut said = Object::default();
                said.set("name", name);
                said.set_unless_default("kwargs", kwargs);
                ("trigger", said.into())
            }
            Self::Host(kind, value) => (kind, value),
        };
        json!({ "until": { kind: value } })
    }
}

impl Wait {
    fn until(kind: &'static str, value: impl Into<Value>) -> Self {
        Self { until: Until::Host(kind, value.into()), uses: None }
    }
}

/// Something a task can wait for without a slot: an instant, a [`Duration`], an [`asset`](crate::asset()), what this module
/// makes, or the call of a [`#[trigger]`](macro@crate::trigger).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that can be waited for",
    label = "neither the call of a trigger nor anything that the host knows",
    note = "pass a `Duration`, a `Timestamp`, `asset(…)`, `wait::run(…)`, `wait::http(…)` or `wait::after_interval(…)`, or \
            call a function marked `#[trigger]`; what takes code to find out can also be a function marked `#[sensor]`"
)]
pub trait Waitable {
    /// What a task returns that is nothing but the wait.
    type Value;

    #[doc(hidden)]
    fn wait(self) -> Result<Wait>;
}

impl<T> Waitable for Awaiting<T> {
    type Value = T;

    fn wait(self) -> Result<Wait> {
        self.bound.map(|Bound { name, arguments }| Wait { until: Until::Trigger(name, arguments), uses: None })
    }
}

impl Waitable for Timestamp {
    type Value = ();

    fn wait(self) -> Result<Wait> {
        Ok(Wait::until("instant", self.to_string()))
    }
}

impl Waitable for Duration {
    type Value = ();

    /// Counted from when the task could run.
    fn wait(self) -> Result<Wait> {
        Ok(Wait::until("duration", dag::millis(self)))
    }
}

impl Waitable for Asset {
    type Value = ();

    /// An event of it after the run's begin.
    fn wait(self) -> Result<Wait> {
        Ok(Wait::until("asset", self.name))
    }
}

/// A span after the end of the run's data interval; see [`after_interval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfterInterval(Duration);

/// Until `span` has passed since the end of the run's data interval.
pub fn after_interval(span: Duration) -> AfterInterval {
    AfterInterval(span)
}

impl Waitable for AfterInterval {
    type Value = ();

    fn wait(self) -> Result<Wait> {
        Ok(Wait::until("after_interval", dag::millis(self.0)))
    }
}

words!(
    /// A state that another DAG's run or task can be in.
    pub enum State {
        /// It succeeded.
        Success = "success",
        /// It failed.
        Failed = "failed",
        /// It was skipped.
        Skipped = "skipped",
        /// Its upstream failed.
        UpstreamFailed = "upstream_failed",
        /// It runs.
        Running = "running",
    }
);

/// A run of another DAG; see [`run`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "pass it to `wait_for` or `defer`"]
pub struct Run {
    dag: String,
    said: Object,
}

/// The success of the run of `dag` with the same logical date.
pub fn run(dag: impl Into<String>) -> Run {
    Run { dag: dag.into(), said: Object::default() }
}

impl Run {
    /// One task of it instead of the run as a whole.
    pub fn task(self, id: impl Into<String>) -> Self {
        self.set("task_id", id.into())
    }

    /// The run with this id, whatever its logical date; [`runs::trigger`](crate::runs::trigger) answers one.
    pub fn id(self, run_id: impl Into<String>) -> Self {
        self.set("run_id", run_id.into())
    }

    /// The run whose logical date is so much before this one's.
    pub fn earlier_by(self, span: Duration) -> Self {
        self.set("execution_delta_ms", signed(span))
    }

    /// The run whose logical date is so much after this one's.
    pub fn later_by(self, span: Duration) -> Self {
        self.set("execution_delta_ms", -signed(span))
    }

    /// The states that end the wait well, instead of success.
    pub fn allowed_states(self, states: impl IntoIterator<Item = State>) -> Self {
        self.set("allowed_states", states.into_iter().collect::<Vec<_>>())
    }

    /// The states that fail it at once.
    pub fn failed_states(self, states: impl IntoIterator<Item = State>) -> Self {
        self.set("failed_states", states.into_iter().collect::<Vec<_>>())
    }

    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.said.set(key, value);
        self
    }
}

fn signed(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl Waitable for Run {
    type Value = ();

    fn wait(self) -> Result<Wait> {
        let Self { dag, mut said } = self;
        said.set("dag_id", dag.as_str());
        Ok(Wait { uses: Some(("dags", dag)), ..Wait::until("run", said) })
    }
}

/// A page that is asked for again and again; see [`http`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "pass it to `wait_for` or `defer`"]
pub struct Http {
    url: String,
    statuses: Vec<u16>,
}

/// A GET of `url` that is answered with a status of 200 to 299.
pub fn http(url: impl Into<String>) -> Http {
    Http { url: url.into(), statuses: Vec::new() }
}

impl Http {
    /// The statuses that end the wait instead.
    pub fn statuses(self, statuses: impl IntoIterator<Item = u16>) -> Self {
        Self { statuses: statuses.into_iter().collect(), ..self }
    }
}

impl Waitable for Http {
    type Value = ();

    fn wait(self) -> Result<Wait> {
        let Self { url, statuses } = self;
        let Some(origin) = origin(&url) else {
            return Err(Error::fail(format_args!("{url:?} is not a URL that begins with http:// or https://")));
        };
        let mut said = Object::default();
        said.set("url", url);
        said.set_list("statuses", statuses);
        Ok(Wait { uses: Some(("origins", origin)), ..Wait::until("http", said) })
    }
}

/// The origin of a URL, as `uses` spells it: in lower case, without the scheme's own port.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let own_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
    let host = host.strip_suffix(own_port).unwrap_or(&host);
    (!host.is_empty()).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_spelled_in_one_way() {
        for (url, expected) in [
            ("https://Example.org/ready?x=1", Some("https://example.org")),
            ("https://example.org:443", Some("https://example.org")),
            ("http://user@[::1]:8080/a", Some("http://[::1]:8080")),
            ("example.org", None),
            ("ftp://example.org", None),
            ("https:///ready", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }
}
