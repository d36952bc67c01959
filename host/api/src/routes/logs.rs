//! `…/logs/{try_number}`: what a try logged, as it stands or as it comes.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use flow_broker::{LocalBroker, LogFollower, ServiceError};
use flow_model::ids::{DagId, RunId, TaskId, TenantId};
use flow_model::rest::logs::{LogMessage, LogQuery, TaskLog};
use flow_model::roles::Role;
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::paths::{MapIndex, MapIndexQuery};
use crate::Api;
use crate::access::Listener;
use crate::http::{Json, Path, Problem, Queries, Query, accepts, ndjson, sse, whole};

/// How soon after a part of a log the next one is looked for, even if nobody says that there is one: what another node
/// was told of is found this way only.
const SOON: Duration = Duration::from_millis(300);
/// The longest pause between two looks. While a log is silent each pause is twice as long as the one before.
const LONGEST: Duration = Duration::from_secs(10);

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::Viewer, routes!(get_log)).at_least(Role::Viewer, routes!(get_external_log_url))
}

#[derive(Clone, Deserialize, IntoParams)]
struct LogPath {
    /// The DAG.
    #[param(value_type = String)]
    dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    dag_run_id: RunId,
    /// The task.
    #[param(value_type = String)]
    task_id: TaskId,
    /// Which try, from 1.
    #[serde(deserialize_with = "whole")]
    try_number: u32,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WhoseQuery {
    /// The index of a mapped instance; -1, the default, for a task that is not mapped.
    #[serde(default)]
    #[param(value_type = i64, default = -1)]
    map_index: MapIndex,
    /// Whether to go on as lines come, until the try has ended.
    #[serde(default)]
    follow: bool,
}

/// The log of a try: JSON, or one line a message for `Accept: application/x-ndjson` and for `follow=true`, which also
/// comes as server-sent events for `Accept: text/event-stream`.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/logs/{try_number}",
    tag = "Task Instance",
    params(LogPath, LogQuery, WhoseQuery),
    responses((
        status = 200,
        content(
            (TaskLog = "application/json"),
            (LogMessage = "application/x-ndjson"),
            (LogMessage = "text/event-stream"),
        ),
    )),
)]
async fn get_log(
    State(api): State<Api>,
    Listener { actor, until }: Listener,
    Path(path): Path<LogPath>,
    Queries(query, whose): Queries<LogQuery, WhoseQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reader = Reader { broker: api.broker, tenant: actor.tenant, path, map_index: whose.map_index.0 };
    // Following begins before the first look, so that nothing is logged unseen in between.
    let follower = whose.follow.then(|| reader.follower());
    let first = reader.part(&query).await?;
    if let Some(follower) = follower {
        let lines = reader.follow(follower, first);
        return Ok(if accepts(&headers, "text/event-stream") {
            sse("log", lines, until)
        } else {
            ndjson(lines, until)
        });
    }
    if accepts(&headers, "application/x-ndjson") {
        return Ok(ndjson(stream::iter(first.content), until));
    }
    Ok(Json(first).into_response())
}

/// Where else a log can be read: nowhere, and so always refused, as in an Airflow that keeps its own logs.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/externalLogUrl/{try_number}",
    tag = "Task Instance",
    params(LogPath, MapIndexQuery),
    responses((status = 400, description = "Logs are kept here alone")),
)]
async fn get_external_log_url(
    State(api): State<Api>,
    Listener { actor, .. }: Listener,
    Path(path): Path<LogPath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<Json<()>, Problem> {
    let run = (&path.dag_id, &path.dag_run_id);
    api.broker.task_instance(&actor.tenant, run, (&path.task_id, query.map_index.0)).await?;
    Err(Problem::from(ServiceError::refused("externalLogUrl", "logs are kept here alone; read them below `logs`")))
}

/// Somebody who reads the log of one try.
struct Reader {
    broker: LocalBroker,
    tenant: TenantId,
    path: LogPath,
    map_index: Option<u32>,
}

impl Reader {
    async fn part(&self, query: &LogQuery) -> Result<TaskLog, Problem> {
        let LogPath { dag_id, dag_run_id, task_id, try_number } = &self.path;
        let instance = (task_id, self.map_index);
        Ok(self.broker.task_log(&self.tenant, (dag_id, dag_run_id), instance, *try_number, query).await?)
    }

    fn follower(&self) -> LogFollower {
        let LogPath { dag_id, dag_run_id, task_id, try_number } = &self.path;
        self.broker.follow_log(&self.tenant, (dag_id, dag_run_id), (task_id, self.map_index), *try_number)
    }

    /// The messages of `first` and those that follow, until the try has ended.
    fn follow(self, follower: LogFollower, first: TaskLog) -> impl Stream<Item = LogMessage> {
        let next = first.continuation_token;
        let begin = (self, follower, next, SOON);
        let later = stream::unfold(begin, |(reader, mut follower, next, pause)| async move {
            let query = LogQuery { full_content: true, token: Some(next?) };
            follower.more(pause).await;
            // A look that fails ends the stream: the client sees that the try had not ended, and asks again.
            let part = reader.part(&query).await.ok()?;
            let pause = if part.content.is_empty() { (pause * 2).min(LONGEST) } else { SOON };
            Some((stream::iter(part.content), (reader, follower, part.continuation_token, pause)))
        });
        stream::iter(first.content).chain(later.flatten())
    }
}
