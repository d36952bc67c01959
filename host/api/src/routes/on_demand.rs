//! `/api/v2/tasks/run`: one task now, alone or after all that it depends on.

use axum::extract::State;
use flow_model::rest::dag_runs::DagRun;
use flow_model::rest::on_demand::RunTask;
use flow_model::roles::Role;
use utoipa_axum::routes;

use super::Routes;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, Problem};

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::User, routes!(run_task))
}

/// Runs a task now, in a run of its own: nothing else of its DAG is part of that, and nothing follows it.
#[utoipa::path(post, path = "/api/v2/tasks/run", tag = "Task", responses((status = 200, body = DagRun)))]
async fn run_task(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<RunTask>,
) -> Result<Json<DagRun>, Problem> {
    Ok(Json(api.broker.run_task(&actor, body).await?))
}
