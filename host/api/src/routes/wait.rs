//! `…/dagRuns/{dag_run_id}/wait`: telling a client when a run has ended.

use std::collections::BTreeMap;
use std::future::ready;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use flow_broker::{LocalBroker, ServiceError};
use flow_model::ids::{EntryKey, TaskId, TenantId};
use flow_model::rest::JsonText;
use flow_model::roles::Role;
use flow_model::state::RunState;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Routes;
use super::paths::RunPath;
use crate::Api;
use crate::access::Listener;
use crate::http::{Path, Problem, Query, ndjson};

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::Viewer, routes!(wait_dag_run))
}

/// How often a waiting client is told of a run that goes on.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_mins(1);

#[derive(Deserialize, IntoParams)]
struct WaitQuery {
    /// After how many seconds to say again that the run goes on, from 0.1 to 60. Its end is told at once.
    #[serde(default = "one_second")]
    #[param(default = 1.0)]
    interval: f64,
    /// Of which tasks to tell what they returned, at the end.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    result: Vec<TaskId>,
}

fn one_second() -> f64 {
    1.0
}

/// Waits until a run has ended: its state, one JSON object a line; the last with the results asked for.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait",
    tag = "DagRun",
    params(RunPath, WaitQuery),
    responses((status = 200, body = WaitLine, content_type = "application/x-ndjson")),
)]
async fn wait_dag_run(
    State(api): State<Api>,
    Listener { actor, until }: Listener,
    Path(path): Path<RunPath>,
    Query(query): Query<WaitQuery>,
) -> Result<Response, Problem> {
    let wait = Wait::new(&api, actor.tenant, path, query);
    // The first look answers 404 where there is nothing to wait for, before the stream begins.
    let first = wait.look(Duration::ZERO).await?;
    let state = first.state;
    let later = stream::unfold((wait, state), |(wait, state)| async move {
        if state.is_terminal() {
            return None;
        }
        // A look that fails ends the stream: the client sees that the run had not ended, and asks again.
        let line = wait.look(wait.interval).await.ok()?;
        let state = line.state;
        Some((line, (wait, state)))
    });
    Ok(ndjson(stream::once(ready(first)).chain(later), until))
}

/// Somebody who waits for a run.
struct Wait {
    broker: LocalBroker,
    tenant: TenantId,
    path: RunPath,
    interval: Duration,
    results: Vec<TaskId>,
}

/// One line of what a waiting client reads.
#[derive(Serialize, ToSchema)]
struct WaitLine {
    /// Where the run stands.
    state: RunState,
    /// What the tasks asked for returned; on the last line, if any was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    results: Option<BTreeMap<TaskId, JsonText>>,
}

impl Wait {
    fn new(api: &Api, tenant: TenantId, path: RunPath, query: WaitQuery) -> Self {
        let interval = Duration::try_from_secs_f64(query.interval).unwrap_or_default().clamp(SHORTEST, LONGEST);
        Self { broker: api.broker.clone(), tenant, path, interval, results: query.result }
    }

    /// The run's state once it has ended, or after `at_most`.
    async fn look(&self, at_most: Duration) -> Result<WaitLine, Problem> {
        let RunPath { dag_id, dag_run_id } = &self.path;
        let state = self.broker.wait_run(&self.tenant, dag_id, dag_run_id, at_most).await?;
        let results = if state.is_terminal() && !self.results.is_empty() { Some(self.results().await?) } else { None };
        Ok(WaitLine { state, results })
    }

    /// What the tasks asked for returned; of those that returned nothing there is nothing.
    async fn results(&self) -> Result<BTreeMap<TaskId, JsonText>, Problem> {
        let RunPath { dag_id, dag_run_id } = &self.path;
        let key: EntryKey = "return_value".parse().map_err(ServiceError::from)?;
        let mut results = BTreeMap::new();
        for task in &self.results {
            match self.broker.xcom_entry(&self.tenant, (dag_id, dag_run_id), (task, None), &key).await {
                Ok(entry) => drop(results.insert(task.clone(), entry.value)),
                Err(ServiceError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(results)
    }
}
