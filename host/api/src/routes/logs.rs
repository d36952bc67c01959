//! `…/logs/{try_number}`: what a try logged, as it stands or as it comes.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use flow_broker::LocalBroker;
use flow_model::ids::{DagId, RunId, TaskId, TenantId};
use flow_model::rest::logs::{LogMessage, LogQuery, TaskLog};
use flow_model::roles::Role;
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use tokio::time::sleep;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::paths::MapIndex;
use crate::Api;
use crate::access::Listener;
use crate::http::{Json, Path, Problem, Queries, ndjson, sse, whole};

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(300);

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::Viewer, routes!(get_log))
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
    let first = reader.part(&query).await?;
    if whose.follow {
        let lines = reader.follow(first);
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

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(kind)))
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

    /// The messages of `first` and those that follow, until the try has ended.
    fn follow(self, first: TaskLog) -> impl Stream<Item = LogMessage> {
        let next = first.continuation_token;
        let later = stream::unfold((self, next), |(reader, next)| async move {
            let query = LogQuery { full_content: true, token: Some(next?) };
            sleep(LOOK).await;
            // A look that fails ends the stream: the client sees that the try had not ended, and asks again.
            let part = reader.part(&query).await.ok()?;
            Some((stream::iter(part.content), (reader, part.continuation_token)))
        });
        stream::iter(first.content).chain(later.flatten())
    }
}
