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

use serde::Serialize;

use crate::asset::Asset;
use crate::{Error, Result, Timestamp, dag};

/// A wait as the host reads it.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitSpec {
    until: WaitFor,
}

impl WaitSpec {
    pub(crate) fn new(until: WaitFor) -> Self {
        Self { until }
    }

    /// What a task has to declare to wait so: a kind of thing that it uses, and its name.
    pub(crate) fn uses(&self) -> Option<(&'static str, String)> {
        match &self.until {
            WaitFor::Run(run) => Some(("dags", run.dag_id.clone())),
            WaitFor::Http(http) => origin(&http.url).map(|origin| ("origins", origin)),
            WaitFor::Asset(_) | WaitFor::Instant(_) | WaitFor::Duration(_) | WaitFor::AfterInterval(_) => None,
        }
    }
}

/// What is waited for.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitFor {
    Instant(Timestamp),
    Duration(u64),
    AfterInterval(u64),
    Run(Run),
    Asset(String),
    Http(Http),
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
    fn wait(self) -> Result<WaitFor>;
}

impl Waitable for Timestamp {
    fn wait(self) -> Result<WaitFor> {
        Ok(WaitFor::Instant(self))
    }
}

impl Waitable for Duration {
    /// Counted from when the task could run.
    fn wait(self) -> Result<WaitFor> {
        Ok(WaitFor::Duration(dag::millis(self)))
    }
}

impl Waitable for Asset {
    /// An event of it after the run's begin.
    fn wait(self) -> Result<WaitFor> {
        Ok(WaitFor::Asset(self.name))
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
    fn wait(self) -> Result<WaitFor> {
        Ok(WaitFor::AfterInterval(dag::millis(self.0)))
    }
}

/// A state that another DAG's run or task can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It succeeded.
    Success,
    /// It failed.
    Failed,
    /// It was skipped.
    Skipped,
    /// Its upstream failed.
    UpstreamFailed,
    /// It runs.
    Running,
}

/// A run of another DAG; see [`run`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use = "pass it to `wait_for` or `defer`"]
pub struct Run {
    dag_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    execution_delta_ms: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_states: Vec<State>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_states: Vec<State>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls takes a reference")]
fn is_zero(span: &i64) -> bool {
    *span == 0
}

/// The success of the run of `dag` with the same logical date.
pub fn run(dag: impl Into<String>) -> Run {
    Run {
        dag_id: dag.into(),
        task_id: None,
        execution_delta_ms: 0,
        allowed_states: Vec::new(),
        failed_states: Vec::new(),
    }
}

impl Run {
    /// One task of it instead of the run as a whole.
    pub fn task(self, id: impl Into<String>) -> Self {
        Self { task_id: Some(id.into()), ..self }
    }

    /// The run whose logical date is so much before this one's.
    pub fn earlier_by(self, span: Duration) -> Self {
        Self { execution_delta_ms: dag::millis(span).try_into().unwrap_or(i64::MAX), ..self }
    }

    /// The run whose logical date is so much after this one's.
    pub fn later_by(self, span: Duration) -> Self {
        Self { execution_delta_ms: dag::millis(span).try_into().map_or(i64::MIN, |span: i64| -span), ..self }
    }

    /// The states that end the wait well, instead of success.
    pub fn allowed_states(self, states: impl IntoIterator<Item = State>) -> Self {
        Self { allowed_states: states.into_iter().collect(), ..self }
    }

    /// The states that fail it at once.
    pub fn failed_states(self, states: impl IntoIterator<Item = State>) -> Self {
        Self { failed_states: states.into_iter().collect(), ..self }
    }
}

impl Waitable for Run {
    fn wait(self) -> Result<WaitFor> {
        Ok(WaitFor::Run(self))
    }
}

/// A page that is asked for again and again; see [`http`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use = "pass it to `wait_for` or `defer`"]
pub struct Http {
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
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
    fn wait(self) -> Result<WaitFor> {
        match origin(&self.url) {
            Some(_) => Ok(WaitFor::Http(self)),
            None => Err(Error::fail(format_args!("{:?} is not a URL that begins with http:// or https://", self.url))),
        }
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
