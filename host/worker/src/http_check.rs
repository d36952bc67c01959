//! Requests that the host makes itself for tasks that wait for an answer: no guest runs, and no slot of the sandbox is
//! taken.
//!
//! The task's `uses` say which origins may be asked, the operator's [`Egress`] says which addresses. Names are resolved
//! by the client's own resolver, once for each connection, so that what was checked is what is connected to.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_model::dag::HttpCheck;
use flow_model::egress::Egress;
use flow_model::port::Report;
use flow_model::time::Clock;
use flow_model::uses::{Uses, covers};
use flow_model::work::{AttemptEnd, ErrorClass, Failure, LogLevel, LogLine, LogSource, Usage};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use tokio::sync::OnceCell;

/// How long an answer's head may take, from the look-up of the name on.
const PATIENCE: Duration = Duration::from_secs(10);
/// Redirects within one origin that are followed.
const REDIRECTS: usize = 5;
/// How much of a URL is shown.
const SHOWN_BYTES: usize = 300;
/// The least time between two looks, whatever the task wishes.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// Makes such requests. Clones share the client.
#[derive(Clone)]
pub(crate) struct HttpChecks {
    /// Made at the first request, for it reads all of the machine's certificates.
    client: Arc<OnceCell<Client>>,
    egress: Arc<Egress>,
    clock: Clock,
}

/// What a look found.
enum Seen {
    /// An answer.
    Status(StatusCode),
    /// No answer, and why.
    Nothing(String),
}

impl HttpChecks {
    /// Requests to what `egress` allows.
    pub(crate) fn new(egress: Egress, clock: Clock) -> Self {
        Self { client: Arc::default(), egress: Arc::new(egress), clock }
    }

    async fn client(&self) -> Result<&Client, reqwest::Error> {
        let client = || async {
            Client::builder()
                .dns_resolver(Resolver { egress: Arc::clone(&self.egress) })
                .timeout(PATIENCE)
                .redirect(within_one_origin())
                // A proxy would resolve names itself, and a kept connection would outlive the check of its address.
                .no_proxy()
                .pool_max_idle_per_host(0)
                .user_agent(concat!("flow-host/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        self.client.get_or_try_init(client).await
    }

    /// Looks once, for a task that declared `uses`.
    pub(crate) async fn look(&self, check: &HttpCheck, uses: &Uses, poke_interval_ms: u64) -> (Report, String) {
        let began = Instant::now();
        let (end, words) = match self.permitted(&check.url, uses) {
            Ok(url) => {
                let request = format!("GET {}", shown(url.as_str()));
                self.judge(check, self.ask(url).await, &request, poke_interval_ms)
            }
            Err(refusal) => (failed(refusal.clone()), refusal),
        };
        let wall_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let usage = Usage { wall_us, ..Usage::default() };
        (Report { end, usage, retry: None, map_label: None }, words)
    }

    /// The line that the look leaves in the task's log.
    pub(crate) fn line(&self, end: &AttemptEnd, event: String) -> LogLine {
        let level = if end.failure().is_some() { LogLevel::Error } else { LogLevel::Info };
        LogLine { timestamp: (self.clock)(), level, source: LogSource::Host, event, fields: None }
    }

    fn judge(
        &self,
        check: &HttpCheck,
        seen: Result<Seen, String>,
        request: &str,
        poke_interval_ms: u64,
    ) -> (AttemptEnd, String) {
        let interval = Duration::from_millis(poke_interval_ms).max(LEAST_INTERVAL);
        let until = (self.clock)().after(interval);
        match seen {
            Ok(Seen::Status(status)) if fits(check, status) => {
                let event = serde_json::json!({ "status": status.as_u16() }).to_string();
                (AttemptEnd::Fired { event }, format!("{request} was answered with status {}", status.as_u16()))
            }
            Ok(Seen::Status(status)) => (
                AttemptEnd::Pending { until },
                format!("{request} was answered with status {}; looking again at {until}", status.as_u16()),
            ),
            Ok(Seen::Nothing(why)) => {
                (AttemptEnd::Pending { until }, format!("{request} had no answer: {why}; looking again at {until}"))
            }
            Err(refusal) => (failed(refusal.clone()), refusal),
        }
    }

    /// The address of the request, if the task and the operator allow it so far as that can be told without its name.
    fn permitted(&self, text: &str, uses: &Uses) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|error| format!("{:?} is not a URL: {error}", shown(text)))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{:?} is neither http:// nor https://", shown(text)));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL holds a user name or a password; waiting for HTTP uses neither".to_owned());
        }
        let origin = url.origin().ascii_serialization();
        if !covers(&uses.origins, &origin) {
            return Err(format!(
                "the task does not declare that it uses the origin {origin}: add it to `uses.origins`"
            ));
        }
        match literal(&url) {
            Some(address) if !self.egress.allows(address) => Err(forbidden(&origin)),
            Some(_) | None => Ok(url),
        }
    }

    /// An error is a refusal that no other look can change.
    async fn ask(&self, url: Url) -> Result<Seen, String> {
        let origin = url.origin().ascii_serialization();
        let answer = async { self.client().await?.get(url).send().await };
        match answer.await {
            // The body is not read: the connection goes with the answer.
            Ok(answer) => Ok(Seen::Status(answer.status())),
            Err(error) if caused_by_refusal(&error) => Err(forbidden(&origin)),
            Err(error) if error.is_timeout() => {
                Ok(Seen::Nothing(format!("nothing came within {} s", PATIENCE.as_secs())))
            }
            Err(error) => Ok(Seen::Nothing(root_cause(&error))),
        }
    }
}

/// As much of a URL as a line of log shows.
fn shown(url: &str) -> &str {
    &url[..url.floor_char_boundary(SHOWN_BYTES)]
}

/// The statuses that end the wait.
fn fits(check: &HttpCheck, status: StatusCode) -> bool {
    if check.statuses.is_empty() { status.is_success() } else { check.statuses.contains(&status.as_u16()) }
}

fn failed(message: String) -> AttemptEnd {
    AttemptEnd::Failed(Failure { class: ErrorClass::Fatal, message, location: None })
}

/// It says nothing of the address, which could be used to look around in networks.
fn forbidden(origin: &str) -> String {
    format!("{origin} is not on the public internet, and this host's operator does not allow its network")
}

fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Follows redirects as long as they stay where the task may go.
fn within_one_origin() -> Policy {
    Policy::custom(|attempt| {
        let stays = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        if stays && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
    })
}

fn caused_by_refusal(error: &reqwest::Error) -> bool {
    causes(error).any(<dyn Error>::is::<Refused>)
}

/// The innermost cause, which says what is wrong.
fn root_cause(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Error::source(error), |cause| Error::source(*cause))
}

/// A name stands for addresses that may not be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name stands for addresses that are not allowed")]
struct Refused;

/// Looks names up and keeps of their addresses those that are allowed.
struct Resolver {
    egress: Arc<Egress>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = Arc::clone(&self.egress);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| egress.allows(address.ip())).collect();
            if allowed.is_empty() { Err(Refused.into()) } else { Ok(Box::new(allowed.into_iter()) as Addrs) }
        })
    }
}

#[cfg(test)]
mod tests;
