//! The public routes, one file per resource, and the table that says who may call each.

mod collection;
mod connections;
mod dag_runs;
mod dags;
mod event_logs;
mod events;
mod import_errors;
mod jobs;
mod login;
mod logs;
mod modules;
mod operations;
mod paths;
mod table;
mod task_instances;
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
        modules::routes(),
        dags::routes(),
        dag_runs::routes(),
        wait::routes(),
        task_instances::routes(),
        logs::routes(),
        xcoms::routes(),
        events::routes(),
        variables::routes(),
        connections::routes(),
        import_errors::routes(),
        event_logs::routes(),
        users::routes(),
        tokens::routes(),
        tenants::routes(),
        jobs::routes(),
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
