//! The public routes, one file per resource, and the table that says who may call each.

mod asset_grants;
mod assets;
mod backfills;
mod bulk;
mod callbacks;
mod collection;
mod connections;
mod dag_runs;
mod dag_warnings;
mod dags;
mod event_logs;
mod events;
mod human_input;
mod import_errors;
mod jobs;
mod login;
mod logs;
mod many_dags;
mod metrics;
mod modules;
mod none;
mod on_demand;
mod operations;
mod partitions;
mod paths;
mod pools;
mod sources;
mod table;
mod task_instance_changes;
mod task_instances;
mod task_states;
mod tenants;
mod tokens;
mod users;
mod variables;
mod wait;
mod xcoms;

pub(crate) use table::Routes;

use crate::http::Problem;
use axum::http::StatusCode;

/// Every public route.
pub(crate) fn all() -> Routes {
    [
        login::routes(),
        assets::routes(),
        asset_grants::routes(),
        modules::routes(),
        dags::routes(),
        many_dags::routes(),
        sources::routes(),
        partitions::routes(),
        dag_runs::routes(),
        backfills::routes(),
        on_demand::routes(),
        callbacks::routes(),
        wait::routes(),
        task_instances::routes(),
        task_instance_changes::routes(),
        human_input::routes(),
        logs::routes(),
        xcoms::routes(),
        task_states::routes(),
        events::routes(),
        variables::routes(),
        connections::routes(),
        pools::routes(),
        import_errors::routes(),
        dag_warnings::routes(),
        event_logs::routes(),
        users::routes(),
        tokens::routes(),
        tenants::routes(),
        jobs::routes(),
        none::routes(),
        metrics::routes(),
        operations::routes(),
    ]
    .into_iter()
    .fold(Routes::default(), Routes::join)
}

/// The answer where there is no route.
pub(crate) async fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "Not Found")
}

/// The answer where there is a route, but not for this method.
pub(crate) async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method Not Allowed")
}
