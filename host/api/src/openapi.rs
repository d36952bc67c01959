//! The OpenAPI document, made from the same table as the router.

use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use crate::http::ProblemBody;
use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "flow-host",
        description = "Apache Airflow's REST API v2 in names, payloads and status codes, and what flow-host adds to \
                       it. The tenant is that of the token."
    ),
    components(schemas(ProblemBody))
)]
struct Frame;

/// The document that `/openapi.json` serves.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut frame = Frame::openapi();
    // The API's own version, not the program's: the document changes only when the API does.
    "2".clone_into(&mut frame.info.version);
    let mut document = routes::all().describe(frame);
    let token = SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
    document.components.get_or_insert_default().add_security_scheme("token", token);
    document
}
