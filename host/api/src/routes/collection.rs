//! Lists as Airflow shows them: the entries under their resource's name, and how many there are in all.

use flow_model::rest::Page;
use flow_model::rest::connections::Connection;
use flow_model::rest::dag_runs::DagRun;
use flow_model::rest::dag_stats::DagStats;
use flow_model::rest::dag_versions::DagVersion;
use flow_model::rest::dags::Dag;
use flow_model::rest::event_logs::EventLog;
use flow_model::rest::import_errors::ImportError;
use flow_model::rest::jobs::Job;
use flow_model::rest::modules::{Module, ModuleVersion};
use flow_model::rest::task_instances::{TaskInstance, TaskTry};
use flow_model::rest::tasks::Task;
use flow_model::rest::tenants::Tenant;
use flow_model::rest::tokens::Token;
use flow_model::rest::users::User;
use flow_model::rest::variables::Variable;
use flow_model::rest::xcoms::Xcom;
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! collections {
    ($($name:ident { $entries:ident: $entry:ty })+) => { $(
        #[doc = concat!("One page of `", stringify!($entries), "`.")]
        #[derive(Serialize, ToSchema)]
        pub(super) struct $name {
            /// The entries of this page.
            $entries: Vec<$entry>,
            /// How many there are in all.
            total_entries: u64,
        }

        impl From<Page<$entry>> for $name {
            fn from(page: Page<$entry>) -> Self {
                Self { $entries: page.entries, total_entries: page.total }
            }
        }

        impl From<Vec<$entry>> for $name {
            fn from(entries: Vec<$entry>) -> Self {
                Self { total_entries: entries.len() as u64, $entries: entries }
            }
        }
    )+ };
}

collections! {
    Connections { connections: Connection }
    DagRuns { dag_runs: DagRun }
    DagStatsList { dags: DagStats }
    DagTags { tags: String }
    DagVersions { dag_versions: DagVersion }
    Dags { dags: Dag }
    EventLogs { event_logs: EventLog }
    ImportErrors { import_errors: ImportError }
    Jobs { jobs: Job }
    ModuleVersions { versions: ModuleVersion }
    Modules { modules: Module }
    TaskInstances { task_instances: TaskInstance }
    TaskTries { task_instances: TaskTry }
    Tasks { tasks: Task }
    Tenants { tenants: Tenant }
    Tokens { tokens: Token }
    Users { users: User }
    Variables { variables: Variable }
    Xcoms { xcom_entries: Xcom }
}
