//! Lists as Airflow shows them: the entries under their resource's name, and how many there are in all.

use flow_model::rest::Page;
use flow_model::rest::asset_states::AssetState;
use flow_model::rest::assets::{Asset, AssetAlias, AssetEvent, AssetGrant, IncomingGrant, QueuedEvent};
use flow_model::rest::backfills::{Backfill, PlannedRun};
use flow_model::rest::callbacks::{Callback, Deadline};
use flow_model::rest::clearing::NewTask;
use flow_model::rest::connections::Connection;
use flow_model::rest::dag_runs::DagRun;
use flow_model::rest::dag_stats::DagStats;
use flow_model::rest::dag_versions::DagVersion;
use flow_model::rest::dag_warnings::DagWarning;
use flow_model::rest::dags::{Dag, NextDagRun};
use flow_model::rest::event_logs::EventLog;
use flow_model::rest::human_input::HitlDetail;
use flow_model::rest::import_errors::ImportError;
use flow_model::rest::jobs::Job;
use flow_model::rest::modules::{Module, ModuleVersion};
use flow_model::rest::pools::Pool;
use flow_model::rest::task_instances::{TaskInstance, TaskTry};
use flow_model::rest::task_states::TaskState;
use flow_model::rest::tasks::Task;
use flow_model::rest::tenants::Tenant;
use flow_model::rest::tokens::Token;
use flow_model::rest::users::User;
use flow_model::rest::variables::Variable;
use flow_model::rest::xcoms::Xcom;
use serde::Serialize;
use serde_json::Value;
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
    AssetAliases { asset_aliases: AssetAlias }
    AssetEvents { asset_events: AssetEvent }
    AssetGrants { asset_grants: AssetGrant }
    AssetStates { asset_state_store: AssetState }
    Assets { assets: Asset }
    Backfills { backfills: Backfill }
    Callbacks { callbacks: Callback }
    Connections { connections: Connection }
    DagRuns { dag_runs: DagRun }
    DagStatsList { dags: DagStats }
    DagTags { tags: String }
    DagWarnings { dag_warnings: DagWarning }
    DagVersions { dag_versions: DagVersion }
    Dags { dags: Dag }
    Deadlines { deadlines: Deadline }
    EventLogs { event_logs: EventLog }
    HitlDetails { hitl_details: HitlDetail }
    ImportErrors { import_errors: ImportError }
    IncomingGrants { asset_grants: IncomingGrant }
    Jobs { jobs: Job }
    ModuleVersions { versions: ModuleVersion }
    Modules { modules: Module }
    NextDagRuns { next_dag_runs: NextDagRun }
    PlannedRuns { backfills: PlannedRun }
    NewTasks { task_instances: NewTask }
    PluginErrors { import_errors: Value }
    Plugins { plugins: Value }
    Pools { pools: Pool }
    Providers { providers: Value }
    QueuedEvents { queued_events: QueuedEvent }
    TaskInstances { task_instances: TaskInstance }
    TaskStates { task_state_store: TaskState }
    TaskTries { task_instances: TaskTry }
    Tasks { tasks: Task }
    Tenants { tenants: Tenant }
    Tokens { tokens: Token }
    Users { users: User }
    Variables { variables: Variable }
    Xcoms { xcom_entries: Xcom }
}
