//! Waits that cost no slot and run no code: the host looks by itself.
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
use crate::spec::{Object, words};
use crate::{Error, Result, Timestamp, dag};

/// A wait as the host reads it, and what a task has to declare to wait so.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    pub(crate) said: Value,
    /// A kind of thing that it uses, and its name.
    pub(crate) uses: Option<(&'static str, String)>,
}

impl Wait {
    fn until(kind: &str, value: impl Into<Value>) -> Self {
        Self { said: json!({ "until": { kind: value.into() } }), uses: None }
    }
}

/// Something the host can wait for: an instant, a [`Duration`], an [`asset`](crate::asset()), or what this module makes.
#[diagnostic::on_unimplemented(
    message = "the host cannot wait for `{Self}` by itself",
    label = "nothing that the host knows",
    note = "pass a `Duration`, a `Timestamp`, `asset(…)`, `wait::run(…)`, `wait::http(…)` or `wait::after_interval(…)`; \
            what takes code to find out is a function marked `#[sensor]`"
)]
pub trait Waitable {
    #[doc(hidden)]
    fn wait(self) -> Result<Wait>;
}

impl Waitable for Timestamp {
    fn wait(self) -> Result<Wait> {
        Ok(Wait::until("instant", self.to_string()))
    }
}

impl Waitable for Duration {
    /// Counted from when the task could run.
    fn wait(self) -> Result<Wait> {
        Ok(Wait::until("duration", dag::millis(self)))
    }
}

impl Waitable for Asset {
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
