//! The broker over HTTP: the same verbs, for a worker that has no database.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_model::call::{Call, CallError, Reply};
use flow_model::port::{Broker, BrokerError, ClaimRequest, News, Notice, Renewal, Report};
use flow_model::work::{Grant, LogLine, Work};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::outbox::{Letter, Outbox};
use crate::wire::{self, JSON_BYTES, MODULE_BYTES, RenewRequest};

const CONNECT: Duration = Duration::from_secs(5);
/// How long any answer may take, beyond what a long poll waits on purpose.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a component may take to arrive.
const MODULE: Duration = Duration::from_mins(5);
/// A proxy between here and there may close idle connections sooner than we would notice.
const IDLE: Duration = Duration::from_secs(55);

/// Where the control plane is and who asks.
#[derive(Clone)]
pub struct RemoteConfig {
    /// Its address, such as `https://flow.example.com`.
    pub server: String,
    /// The worker's token.
    pub token: String,
}

/// Why there is no such broker.
#[derive(Debug, thiserror::Error)]
pub enum RemoteConfigError {
    /// The address is malformed.
    #[error("{address:?} is not an address of a control plane: {reason}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// HTTP cannot be used on this machine.
    #[error("the HTTP client could not be set up: {0}")]
    Client(#[source] reqwest::Error),
}

/// The broker of a control plane elsewhere. Clones share its connections.
#[derive(Clone)]
pub struct RemoteBroker(Arc<Door>);

struct Door {
    http: Client,
    base: Url,
    token: String,
    outbox: Outbox,
}

impl RemoteBroker {
    /// A broker that asks the control plane at `config.server`. It does not connect yet.
    pub fn new(config: RemoteConfig) -> Result<Self, RemoteConfigError> {
        let RemoteConfig { server, token } = config;
        let base = base(&server).map_err(|reason| RemoteConfigError::Address { address: server, reason })?;
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            // A door that redirects is not the door: tokens go nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("flow-host-worker/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(RemoteConfigError::Client)?;
        Ok(Self(Arc::new(Door { http, base, token, outbox: Outbox::default() })))
    }

    /// Tells something about an attempt, in one request with whatever else there is to tell.
    async fn tell(&self, grant: &Grant, news: News) -> Result<(), BrokerError> {
        let notice = Notice { token: grant.token.clone(), news };
        let json = serde_json::to_string(&notice).map_err(|error| BrokerError::Invalid(error.to_string()))?;
        let (answer, answered) = oneshot::channel();
        if self.0.outbox.leave(Letter { json, answer }) {
            tokio::spawn(self.clone().carry());
        }
        answered.await.unwrap_or_else(|_| Err(BrokerError::Unavailable("the request broke off".to_owned())))
    }

    /// Sends what waits until there is nothing left.
    async fn carry(self) {
        while let Some(letters) = self.0.outbox.take() {
            let (notices, waiting): (Vec<_>, Vec<_>) = letters.into_iter().map(|it| (it.json, it.answer)).unzip();
            match self.0.deliver(notices).await {
                Ok(answers) => {
                    for (waiting, answer) in waiting.into_iter().zip(answers) {
                        // Whoever no longer waits for it has ended.
                        let _ = waiting.send(answer.map_or(Ok(()), Err));
                    }
                }
                Err(error) => waiting.into_iter().for_each(|waiting| drop(waiting.send(Err(error.clone())))),
            }
        }
    }
}

fn base(server: &str) -> Result<Url, String> {
    let mut url = Url::parse(server).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it must begin with http:// or https://".to_owned());
    }
    url.path_segments_mut().map_err(|()| "it has no host".to_owned())?.pop_if_empty().extend(["internal", "v1", ""]);
    Ok(url)
}

impl Door {
    /// A request as the worker.
    fn as_worker(&self, verb: &str, body: &impl Serialize) -> RequestBuilder {
        self.post(verb).bearer_auth(&self.token).json(body)
    }

    /// A request as one attempt.
    fn as_attempt(&self, verb: &str, grant: &Grant) -> RequestBuilder {
        self.post(verb).bearer_auth(&grant.token)
    }

    /// Delivers notices; the answers are in their order.
    async fn deliver(&self, notices: Vec<String>) -> Result<Vec<Option<BrokerError>>, BrokerError> {
        let (count, body) = (notices.len(), format!("[{}]", notices.join(",")));
        let request = self.post("tell").bearer_auth(&self.token).header(CONTENT_TYPE, "application/json").body(body);
        let answers: Vec<Option<BrokerError>> = wire::send(request, JSON_BYTES).await?.json(None)?;
        if answers.len() == count { Ok(answers) } else { Err(miscounted(count, answers.len())) }
    }

    fn post(&self, verb: &str) -> RequestBuilder {
        self.http.post(self.url(verb))
    }

    fn url(&self, verb: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(verb);
        }
        url
    }
}

impl Broker for RemoteBroker {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Work>, BrokerError> {
        let patience = ANSWER + Duration::from_millis(request.wait_ms);
        let claim = self.0.as_worker("claim", &request).timeout(patience);
        wire::send(claim, JSON_BYTES).await?.json(None)
    }

    async fn start(&self, grant: &Grant) -> Result<(), BrokerError> {
        self.tell(grant, News::Start).await
    }

    async fn renew(&self, grants: &[Grant]) -> Result<Vec<Renewal>, BrokerError> {
        let tokens = grants.iter().map(|grant| grant.token.as_str()).collect();
        let renew = self.0.as_worker("renew", &RenewRequest { tokens });
        let renewals: Vec<Renewal> = wire::send(renew, JSON_BYTES).await?.json(None)?;
        if renewals.len() == grants.len() { Ok(renewals) } else { Err(miscounted(grants.len(), renewals.len())) }
    }

    async fn call(&self, grant: &Grant, call: Call) -> Result<Reply, CallError> {
        let request = self.0.as_attempt("call", grant).json(&call);
        match wire::send(request, JSON_BYTES).await {
            Ok(answer) => answer.reply(),
            Err(error) => Err(CallError::Unavailable(error.to_string())),
        }
    }

    async fn log(&self, grant: &Grant, lines: Vec<LogLine>) -> Result<(), BrokerError> {
        self.tell(grant, News::Log(lines)).await
    }

    async fn finish(&self, grant: &Grant, report: Report) -> Result<(), BrokerError> {
        self.tell(grant, News::Finish(report)).await
    }

    async fn module(&self, grant: &Grant) -> Result<Bytes, BrokerError> {
        let request = self.0.http.get(self.0.url("module")).bearer_auth(&grant.token).timeout(MODULE);
        wire::send(request, MODULE_BYTES).await?.bytes(Some(grant.claims.attempt))
    }
}

fn miscounted(asked: usize, answered: usize) -> BrokerError {
    BrokerError::Unavailable(format!("{asked} attempts were asked about, {answered} were answered for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_is_under_whatever_path_the_server_has() {
        for (server, expected) in [
            ("http://localhost:8080", "http://localhost:8080/internal/v1/claim"),
            ("https://flow.example.com/", "https://flow.example.com/internal/v1/claim"),
            ("https://example.com/flow", "https://example.com/flow/internal/v1/claim"),
        ] {
            let config = RemoteConfig { server: server.into(), token: String::new() };
            let broker = RemoteBroker::new(config).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(broker.0.url("claim").as_str(), expected);
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for server in ["", "localhost:8080", "ftp://localhost", "http://"] {
            let config = RemoteConfig { server: server.into(), token: String::new() };
            assert!(matches!(RemoteBroker::new(config), Err(RemoteConfigError::Address { .. })), "{server}");
        }
    }
}
