//! `/api/v2/events`: the tenant's state changes as they happen.

use std::future::ready;

use axum::extract::State;
use axum::response::Response;
use flow_model::ids::DagId;
use flow_model::rest::state_events::StateEvent;
use flow_model::roles::Role;
use futures::{StreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use crate::Api;
use crate::access::Listener;
use crate::http::{Problem, Query, sse};

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::Viewer, routes!(get_events))
}

#[derive(Deserialize, IntoParams)]
struct EventQuery {
    /// Only changes of this DAG's runs.
    #[param(value_type = Option<String>)]
    dag_id: Option<DagId>,
}

/// Server-sent events, one for each change from now on. A slow listener misses some.
#[utoipa::path(
    get,
    path = "/api/v2/events",
    tag = "Events",
    params(EventQuery),
    responses((status = 200, body = StateEvent, content_type = "text/event-stream")),
)]
async fn get_events(
    State(api): State<Api>,
    Listener { actor, until }: Listener,
    Query(query): Query<EventQuery>,
) -> Result<Response, Problem> {
    let events = stream::unfold(api.broker.state_events(&actor.tenant), |mut events| async move {
        let event = events.next().await?;
        Some((event, events))
    });
    let wanted = events.filter(move |event| ready(query.dag_id.as_ref().is_none_or(|wanted| wanted == event.dag())));
    Ok(sse("state", wanted, until))
}
