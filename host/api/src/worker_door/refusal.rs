//! Refusals as JSON: the port's own errors, each with its status.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flow_model::call::CallError;
use flow_model::port::BrokerError;

use crate::http::Problem;

/// Why the door refuses.
pub(super) enum Refusal {
    /// The broker, or the door in its place, refused the worker.
    Broker(BrokerError),
    /// The broker refused the guest.
    Call(CallError),
    /// The request could not be read.
    Unread(Problem),
}

impl From<BrokerError> for Refusal {
    fn from(error: BrokerError) -> Self {
        Self::Broker(error)
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Unread(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Broker(error) => (broker_status(&error), Json(error)).into_response(),
            Self::Call(error) => (call_status(&error), Json(error)).into_response(),
            Self::Unread(problem) => {
                let error = BrokerError::Invalid(format!("the body was refused: {}", problem.summary()));
                (problem.status(), Json(error)).into_response()
            }
        }
    }
}

fn broker_status(error: &BrokerError) -> StatusCode {
    match error {
        BrokerError::Fenced(_) => StatusCode::CONFLICT,
        BrokerError::Unauthorized(_) => StatusCode::UNAUTHORIZED,
        BrokerError::Invalid(_) => StatusCode::BAD_REQUEST,
        BrokerError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn call_status(error: &CallError) -> StatusCode {
    match error {
        CallError::NotFound => StatusCode::NOT_FOUND,
        CallError::Denied => StatusCode::FORBIDDEN,
        CallError::Invalid(_) => StatusCode::BAD_REQUEST,
        CallError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        CallError::Conflict => StatusCode::CONFLICT,
        CallError::Quota(_) => StatusCode::TOO_MANY_REQUESTS,
        CallError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
