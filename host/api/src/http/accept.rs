//! Which kinds of answer a client accepts.

use axum::http::{HeaderMap, header};

/// Whether a client says that it accepts answers of this kind.
pub(crate) fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(kind)))
}
