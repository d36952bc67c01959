//! Sends requests to a server, and says in plain words why one did not succeed.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use reqwest::{Body, RequestBuilder, Response, StatusCode, Url, header, redirect};
use serde::Serialize;
use serde_json::Value;

use super::call::{Call, below};
use crate::errors::Failure;
use crate::output::visible_lines;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take; streams have no end to wait for.
const ANSWER: Duration = Duration::from_secs(100);
/// How long an upload may take, with everything that the server does before it answers.
const UPLOAD: Duration = Duration::from_mins(15);

/// One server and who one is there.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl Client {
    /// A client of the server at `base`. Nothing is sent yet.
    pub(crate) fn new(base: Url, token: Option<String>) -> Result<Self> {
        // A redirect is not followed: it would hand the token to an address that nobody has chosen.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("flow-host/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("cannot prepare a connection")?;
        Ok(Self { http, base, token })
    }

    /// The server's answer; `null` if it has no body.
    pub(crate) async fn answer(&self, call: Call) -> Result<Value> {
        let response = self.send(self.request(&call).timeout(ANSWER)).await?;
        self.json(response).await
    }

    /// The server's answer as it was sent.
    pub(crate) async fn text(&self, call: Call) -> Result<String> {
        let response = self.send(self.request(&call).timeout(ANSWER)).await?;
        Ok(response.text().await.map_err(|error| self.unreachable(&error))?)
    }

    /// The same as `answer`; `None` if the server answers with `status`.
    pub(crate) async fn answer_unless(&self, call: Call, status: StatusCode) -> Result<Option<Value>> {
        let sent = self.request(&call).timeout(ANSWER).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        if response.status() == status {
            return Ok(None);
        }
        let response = self.checked(response).await?;
        self.json(response).await.map(Some)
    }

    /// The server's answer to a name and a password, which are sent in place of a token, outside of `/api/v2`.
    pub(crate) async fn answer_at(&self, path: [&str; 2], body: &impl Serialize) -> Result<Value> {
        let request = self.http.post(below(&self.base, path)).json(body).timeout(ANSWER);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let why = detail(&response.bytes().await.unwrap_or_default());
            let why = why.unwrap_or_else(|| "the name or the password is wrong".to_owned());
            return Err(Failure::not_allowed(visible_lines(&why))
                .hint("check the name, the tenant and the password")
                .into());
        }
        let response = self.checked(response).await?;
        self.json(response).await
    }

    /// The server's answer to a body of bytes.
    pub(crate) async fn upload(&self, call: Call, kind: &str, length: u64, body: Body) -> Result<Value> {
        let request = self.request(&call).header(header::CONTENT_TYPE, kind).header(header::CONTENT_LENGTH, length);
        let response = self.send(request.body(body).timeout(UPLOAD)).await?;
        self.json(response).await
    }

    /// The lines of an answer as they come. It ends when the server ends it.
    pub(crate) async fn lines(&self, call: Call, accept: &str) -> Result<Lines<'_>> {
        let response = self.send(self.request(&call).header(header::ACCEPT, accept)).await?;
        Ok(Lines { client: self, chunks: response.bytes_stream().boxed(), rest: Vec::new() })
    }

    fn request(&self, call: &Call) -> RequestBuilder {
        let mut request = self.http.request(call.method.clone(), call.url(&self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        match &call.body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.clone()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.checked(response).await
    }

    async fn checked(&self, response: Response) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        Err(self.refused(status, &body))
    }

    async fn json(&self, response: Response) -> Result<Value> {
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| {
            Failure::failed(format!("{} answered with something else than JSON", self.base))
                .hint("is it a flow-host server? check --url or FLOW_HOST_URL")
                .into()
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let reason = if error.is_timeout() { "no answer in time".to_owned() } else { root_cause(error) };
        Failure::unreachable(format!("cannot reach {}: {reason}", self.base))
            .hint("is `flow-host serve` running? set --url or FLOW_HOST_URL")
    }

    /// Why the server refused, by the answer's status and its `detail`.
    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let said = detail(body).map(|said| visible_lines(&said));
        let why = said.clone().unwrap_or_else(|| status.to_string());
        match status {
            StatusCode::UNAUTHORIZED if self.token.is_none() => {
                Failure::not_allowed(format!("{} asks who you are: {why}", self.base))
                    .hint("run `flow-host login`, or set FLOW_HOST_TOKEN")
            }
            StatusCode::UNAUTHORIZED => {
                Failure::not_allowed(why).hint("run `flow-host login` again, or set FLOW_HOST_TOKEN")
            }
            StatusCode::FORBIDDEN => Failure::not_allowed(why).hint("log in with a token that may, or ask for one"),
            _ if said.is_none() => Failure::failed(format!("{} answered {why}", self.base))
                .hint("is it a flow-host server? check --url or FLOW_HOST_URL"),
            _ => Failure::failed(format!("{why} ({})", status.as_u16())),
        }
    }
}

/// An answer that comes line by line.
pub(crate) struct Lines<'a> {
    client: &'a Client,
    chunks: BoxStream<'a, reqwest::Result<bytes::Bytes>>,
    rest: Vec<u8>,
}

/// The longest line that is waited for; of a longer one only the end is kept.
const LONGEST_LINE: usize = 16 << 20;

impl Lines<'_> {
    /// The next line without its end; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(Some(text_of(&line)));
            }
            match self.chunks.next().await {
                Some(Ok(chunk)) if self.rest.len() < LONGEST_LINE => self.rest.extend_from_slice(&chunk),
                Some(Ok(chunk)) => self.rest = chunk.to_vec(),
                Some(Err(error)) => return Err(self.client.unreachable(&error).into()),
                None if self.rest.is_empty() => return Ok(None),
                None => return Ok(Some(text_of(&std::mem::take(&mut self.rest)))),
            }
        }
    }
}

fn text_of(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']).to_owned()
}

/// The `detail` of an error body as a text.
fn detail(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    match body.get("detail")? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::*;
    use crate::errors::report;

    fn client(token: Option<&str>) -> Client {
        let base = "http://127.0.0.1:1/".parse().expect("the base is a URL");
        Client::new(base, token.map(str::to_owned)).expect("a client needs no server")
    }

    #[test]
    fn an_answer_that_refuses_is_told_with_its_reason() {
        let told = |status: u16, body: &str, token: Option<&str>| {
            let status = StatusCode::from_u16(status).expect("it is a status");
            let failure = client(token).refused(status, body.as_bytes());
            let message = failure.to_string();
            (report(&failure.into()), message)
        };
        let found = "DAG `x` was not found";
        for (status, body, token, exit, message) in [
            (404, r#"{"detail": "DAG `x` was not found"}"#, None, 1, format!("{found} (404)")),
            (422, r#"{"detail": [{"loc": ["conf"]}]}"#, None, 1, r#"[{"loc":["conf"]}] (422)"#.to_owned()),
            (502, "<html>", None, 1, "http://127.0.0.1:1/ answered 502 Bad Gateway".to_owned()),
            (401, r#"{"detail": "expired"}"#, Some("t"), 4, "expired".to_owned()),
            (401, "", None, 4, "http://127.0.0.1:1/ asks who you are: 401 Unauthorized".to_owned()),
            (403, r#"{"detail": "Forbidden"}"#, Some("t"), 4, "Forbidden".to_owned()),
            (503, r#"{"detail": "shutting down"}"#, Some("t"), 1, "shutting down (503)".to_owned()),
        ] {
            assert_eq!(told(status, body, token), (ExitCode::from(exit), message), "{status} {body}");
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_told_apart_from_a_refusal() {
        let error =
            client(None).answer(Call::get(vec!["dags".to_owned()])).await.expect_err("nobody listens on port 1");
        assert!(error.to_string().starts_with("cannot reach http://127.0.0.1:1/: "), "{error}");
        assert_eq!(report(&error), ExitCode::from(3));
    }
}
