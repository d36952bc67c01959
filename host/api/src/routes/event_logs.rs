//! `/api/v2/eventLogs`: who did what.

use axum::extract::State;
use flow_model::rest::event_logs::{EventLog, EventLogFilter};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::EventLogs;
use crate::Api;
use crate::access::{Caller, Member};
use crate::http::{Json, PageQuery, Path, Problem, Query, whole};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least_or_platform(Role::Viewer, routes!(get_event_logs))
        .at_least(Role::Viewer, routes!(get_event_log))
}

#[derive(Deserialize, IntoParams)]
struct EventLogPath {
    /// The event's number.
    #[serde(deserialize_with = "whole")]
    event_log_id: i64,
}

/// The events of the caller's tenant, or, for the platform's administration, of the platform.
#[utoipa::path(
    get,
    path = "/api/v2/eventLogs",
    tag = "Event Log",
    params(PageQuery, EventLogFilter),
    responses((status = 200, body = EventLogs)),
)]
async fn get_event_logs(
    State(api): State<Api>,
    caller: Caller,
    Query(page): Query<PageQuery>,
    Query(filter): Query<EventLogFilter>,
) -> Result<Json<EventLogs>, Problem> {
    let page = page.into();
    let events = match &caller {
        Caller::Member(actor) => api.broker.event_logs(&actor.tenant, &filter, &page).await?,
        Caller::Platform(_) => api.broker.platform_event_logs(&filter, &page).await?,
    };
    Ok(Json(events.into()))
}

/// One event.
#[utoipa::path(
    get,
    path = "/api/v2/eventLogs/{event_log_id}",
    tag = "Event Log",
    params(EventLogPath),
    responses((status = 200, body = EventLog)),
)]
async fn get_event_log(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<EventLogPath>,
) -> Result<Json<EventLog>, Problem> {
    Ok(Json(api.broker.event_log(&actor.tenant, path.event_log_id).await?))
}
