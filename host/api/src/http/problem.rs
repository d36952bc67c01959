//! Errors as `application/problem+json` (RFC 9457) with Airflow's `detail`: a text, or a list of what is wrong where.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flow_broker::{ServiceError, UploadError};
use flow_model::inspect::RejectionKind;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An error answer on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Detail,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// A stable name for programs.
    code: &'static str,
    /// What went wrong and what to do.
    detail: Detail,
}

/// One sentence, or one entry for each part of the request that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Detail {
    /// What went wrong and what to do.
    Text(String),
    /// What is wrong where, as `FastAPI` says it.
    Fields(Vec<FieldError>),
}

/// One part of a request that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// What kind of mistake it is.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Where: `path`, `query` or `body`, then the name of the part.
    pub(crate) loc: Vec<String>,
    /// What is wrong, and what is accepted.
    pub(crate) msg: String,
    /// What was sent, where it is short and not secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: Detail::Text(detail.into()) }
    }

    /// 401: the caller must say who it is.
    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// 403: the caller may not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "denied", detail)
    }

    /// 413: more bytes than are read.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is too large: at most {limit} bytes are accepted");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 422: one part of the request is wrong.
    pub(crate) fn field(error: FieldError) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code: "invalid", detail: Detail::Fields(vec![error]) }
    }

    /// 422: a member of the body is not understood.
    pub(crate) fn member(msg: String) -> Self {
        Self::field(FieldError { kind: "value_error", loc: vec!["body".to_owned()], msg, input: None })
    }

    /// 500, saying nothing: what went wrong is in the host's log.
    pub(crate) fn internal() -> Self {
        ServiceError::Internal.into()
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The detail as one line of text.
    pub(crate) fn summary(&self) -> String {
        match &self.detail {
            Detail::Text(text) => text.clone(),
            Detail::Fields(fields) => fields.iter().map(|field| field.msg.as_str()).collect::<Vec<_>>().join("; "),
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let status = match &error {
            ServiceError::NotFound { .. } => StatusCode::NOT_FOUND,
            ServiceError::Conflict { .. } => StatusCode::CONFLICT,
            ServiceError::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ServiceError::Refused { .. } => StatusCode::BAD_REQUEST,
            ServiceError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ServiceError::Quota(_) => StatusCode::TOO_MANY_REQUESTS,
            ServiceError::Denied(_) => StatusCode::FORBIDDEN,
            ServiceError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            ServiceError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        let status = match &error {
            UploadError::Rejected(rejection) => match rejection.kind() {
                RejectionKind::NotAComponent => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                RejectionKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
                RejectionKind::TooBig => StatusCode::PAYLOAD_TOO_LARGE,
                RejectionKind::HostFault => StatusCode::SERVICE_UNAVAILABLE,
            },
            UploadError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            UploadError::Service(error) => return error.clone().into(),
        };
        Self::new(status, error.code(), error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
