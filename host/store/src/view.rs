//! What the API shows of DAGs, runs and tasks: wide rows, joined for people, beside the narrow ones that the engine
//! works with.

pub mod asset_events;
pub mod assets;
pub mod backfills;
pub mod callbacks;
pub mod dag_runs;
pub mod dag_stats;
pub mod dag_versions;
pub mod dag_warnings;
pub mod dags;
pub mod human_input;
pub mod jobs;
pub mod task_instances;
pub mod task_states;
pub mod task_tries;
pub mod xcoms;
