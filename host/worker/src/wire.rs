//! Requests to the worker door and what their answers mean. Decoding is total: any answer is a value or a typed refusal.

use bytes::{Bytes, BytesMut};
use flow_model::call::CallError;
use flow_model::ids::AttemptId;
use flow_model::port::BrokerError;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most that any JSON answer can hold: a full claim, or the largest brokered value with its escapes.
pub(crate) const JSON_BYTES: usize = 64 << 20;
/// The most that a component can hold.
pub(crate) const MODULE_BYTES: usize = 256 << 20;
/// The most of an error's body that is looked at.
const ERROR_BYTES: usize = 64 << 10;

/// What `POST /internal/v1/renew` takes.
#[derive(Serialize)]
pub(crate) struct RenewRequest<'a> {
    /// The attempts' tokens; the answers come in the same order.
    pub(crate) tokens: Vec<&'a str>,
}

/// An answer of the door.
pub(crate) struct Answer {
    status: StatusCode,
    body: Bytes,
}

/// Sends a request and reads its answer, at most `limit` bytes of it.
pub(crate) async fn send(request: RequestBuilder, limit: usize) -> Result<Answer, BrokerError> {
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    let limit = if status.is_success() { limit } else { ERROR_BYTES };
    Ok(Answer { status, body: read(response, limit).await? })
}

async fn read(mut response: Response, limit: usize) -> Result<Bytes, BrokerError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(BrokerError::Unavailable(format!("the control plane's answer is over {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Without the address, which may hold credentials, and with the cause, which says what is wrong.
fn unreachable(error: &reqwest::Error) -> BrokerError {
    let cause = std::iter::successors(std::error::Error::source(error), |cause| cause.source()).last();
    BrokerError::Unavailable(match cause {
        Some(cause) => cause.to_string(),
        None if error.is_timeout() => "no answer in time".to_owned(),
        None => "the connection failed".to_owned(),
    })
}

impl Answer {
    /// The answer's bytes; `attempt` is the one that was asked for, if one was.
    pub(crate) fn bytes(self, attempt: Option<AttemptId>) -> Result<Bytes, BrokerError> {
        if self.status.is_success() { Ok(self.body) } else { Err(self.refusal(attempt)) }
    }

    /// The answer's JSON.
    pub(crate) fn json<T: DeserializeOwned>(self, attempt: Option<AttemptId>) -> Result<T, BrokerError> {
        serde_json::from_slice(&self.bytes(attempt)?)
            .map_err(|error| BrokerError::Unavailable(format!("the control plane's answer makes no sense: {error}")))
    }

    /// The reply to a capability call.
    pub(crate) fn reply<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let nonsense = |error| CallError::Unavailable(format!("the control plane's answer makes no sense: {error}"));
        if self.status.is_success() {
            return serde_json::from_slice(&self.body).map_err(nonsense);
        }
        Err(serde_json::from_slice(&self.body).unwrap_or_else(|_| call_refusal(self.status)))
    }

    /// What the door said, or else what its status means: something in between may have answered.
    fn refusal(&self, attempt: Option<AttemptId>) -> BrokerError {
        if let Ok(error) = serde_json::from_slice(&self.body) {
            return error;
        }
        let status = self.status;
        match (status, attempt) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => BrokerError::Unauthorized(status.to_string()),
            (StatusCode::CONFLICT, Some(attempt)) => BrokerError::Fenced(attempt),
            (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => {
                BrokerError::Unavailable(status.to_string())
            }
            _ if status.is_client_error() => BrokerError::Invalid(status.to_string()),
            _ => BrokerError::Unavailable(format!("the control plane answered {status}")),
        }
    }
}

fn call_refusal(status: StatusCode) -> CallError {
    match status {
        StatusCode::NOT_FOUND => CallError::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CallError::Denied,
        StatusCode::CONFLICT => CallError::Conflict,
        StatusCode::PAYLOAD_TOO_LARGE => CallError::TooLarge,
        _ => CallError::Unavailable(format!("the control plane answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use flow_model::call::Reply;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).expect("a status code");
        Answer { status, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn a_refusal_in_json_is_taken_at_its_word() {
        let attempt = AttemptId::mint(flow_model::time::Millis(0), [7; 10]);
        let fenced = BrokerError::Fenced(attempt);
        let body = serde_json::to_string(&fenced).expect("it serialises");
        assert_eq!(answer(409, &body).bytes(None), Err(fenced));
    }

    #[test]
    fn an_answer_of_something_in_between_is_judged_by_its_status() {
        let attempt = AttemptId::mint(flow_model::time::Millis(0), [7; 10]);
        for (status, expected) in [
            (401, "unauthorized"),
            (409, "fenced"),
            (404, "invalid"),
            (429, "unavailable"),
            (502, "unavailable"),
            (302, "unavailable"),
        ] {
            let error = answer(status, "<html>").bytes(Some(attempt)).expect_err("it is no success");
            let json = serde_json::to_value(error).expect("it serialises");
            assert_eq!(json["error"], expected, "{status}");
        }
    }

    #[test]
    fn nonsense_with_a_good_status_is_no_answer() {
        assert!(matches!(answer(200, "<html>").json::<u32>(None), Err(BrokerError::Unavailable(_))));
        assert!(matches!(answer(200, "").reply::<Reply>(), Err(CallError::Unavailable(_))));
    }

    #[test]
    fn a_call_is_refused_by_name_or_by_status() {
        let quota = CallError::Quota("log".into());
        let body = serde_json::to_string(&quota).expect("it serialises");
        assert_eq!(answer(429, &body).reply::<Reply>(), Err(quota));
        assert_eq!(answer(404, "").reply::<Reply>(), Err(CallError::NotFound));
        assert!(matches!(answer(503, "").reply::<Reply>(), Err(CallError::Unavailable(_))));
    }
}
