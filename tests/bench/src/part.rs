//! The parts of a run, each of which can be measured by itself.

use std::time::Duration;

use crate::course::Course;
use crate::form::Form;
use crate::place::Database;
use crate::{curve, growth, waiting, workloads};

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The table of workloads, in process.
    Workloads,
    /// The same with a worker in a process of its own.
    Remote,
    /// Latency under growing load.
    Saturation,
    /// One tenant's latency beside another's queue.
    Fairness,
    /// Tasks in a run.
    GrowthTasks,
    /// Mapped instances joined.
    GrowthMapped,
    /// Edges of a DAG.
    GrowthEdges,
    /// Runs in history.
    GrowthHistory,
    /// DAGs that wait for their schedules.
    GrowthDags,
    /// Tenants with queued tasks.
    GrowthTenants,
    /// Queued tasks.
    GrowthQueued,
    /// Workers.
    GrowthWorkers,
    /// Uploaded components.
    GrowthModules,
    /// Attempts asleep.
    WaitingSleeping,
    /// Deferred tasks.
    WaitingDeferred,
    /// Followers of events.
    WaitingFollowers,
}

impl Part {
    /// All parts, the most important first: when time runs out the rest is left out.
    pub(crate) const ALL: &[Self] = &[
        Self::Workloads,
        Self::Remote,
        Self::Saturation,
        Self::Fairness,
        Self::GrowthTasks,
        Self::GrowthMapped,
        Self::GrowthEdges,
        Self::GrowthQueued,
        Self::GrowthHistory,
        Self::GrowthTenants,
        Self::GrowthDags,
        Self::GrowthWorkers,
        Self::WaitingDeferred,
        Self::WaitingSleeping,
        Self::WaitingFollowers,
        Self::GrowthModules,
    ];

    /// What `--only` knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workloads => "workloads",
            Self::Remote => "remote",
            Self::Saturation => "saturation",
            Self::Fairness => "fairness",
            Self::GrowthTasks => "growth-tasks",
            Self::GrowthMapped => "growth-mapped",
            Self::GrowthEdges => "growth-edges",
            Self::GrowthHistory => "growth-history",
            Self::GrowthDags => "growth-dags",
            Self::GrowthTenants => "growth-tenants",
            Self::GrowthQueued => "growth-queued",
            Self::GrowthWorkers => "growth-workers",
            Self::GrowthModules => "growth-modules",
            Self::WaitingSleeping => "waiting-sleeping",
            Self::WaitingDeferred => "waiting-deferred",
            Self::WaitingFollowers => "waiting-followers",
        }
    }

    /// Whether it is measured there: what no database has a part in is measured once.
    pub(crate) fn is_for(self, database: Database) -> bool {
        match self {
            Self::GrowthModules | Self::WaitingSleeping | Self::WaitingFollowers => database == Database::Sqlite,
            Self::Workloads
            | Self::Remote
            | Self::Saturation
            | Self::Fairness
            | Self::GrowthTasks
            | Self::GrowthMapped
            | Self::GrowthEdges
            | Self::GrowthHistory
            | Self::GrowthDags
            | Self::GrowthTenants
            | Self::GrowthQueued
            | Self::GrowthWorkers
            | Self::WaitingDeferred => true,
        }
    }

    /// How long it may take on one database before it leaves out its larger sizes.
    pub(crate) fn time(self, form: Form) -> Duration {
        let long = match self {
            Self::GrowthTasks => 80,
            Self::Workloads
            | Self::GrowthQueued
            | Self::GrowthHistory
            | Self::GrowthModules
            | Self::WaitingDeferred
            | Self::WaitingSleeping => 60,
            Self::Remote
            | Self::Saturation
            | Self::Fairness
            | Self::GrowthEdges
            | Self::GrowthTenants
            | Self::GrowthDags
            | Self::GrowthWorkers
            | Self::WaitingFollowers => 40,
            Self::GrowthMapped => 20,
        };
        Duration::from_secs(form.pick(20, 12, long))
    }

    /// Measures it.
    pub(crate) async fn measure(self, course: &mut Course<'_>) {
        match self {
            Self::Workloads => workloads::in_process(course).await,
            Self::Remote => workloads::remote(course).await,
            Self::Saturation => curve::saturation(course).await,
            Self::Fairness => curve::fairness(course).await,
            Self::GrowthTasks => growth::runs::tasks(course).await,
            Self::GrowthMapped => growth::runs::mapped(course).await,
            Self::GrowthEdges => growth::runs::edges(course).await,
            Self::GrowthHistory => growth::standing::history(course).await,
            Self::GrowthDags => growth::standing::dags(course).await,
            Self::GrowthModules => growth::standing::modules(course).await,
            Self::GrowthTenants => growth::claims::tenants(course).await,
            Self::GrowthQueued => growth::claims::queued(course).await,
            Self::GrowthWorkers => growth::workers::workers(course).await,
            Self::WaitingSleeping => waiting::sleeping(course).await,
            Self::WaitingDeferred => waiting::deferred(course).await,
            Self::WaitingFollowers => waiting::followers::followers(course).await,
        }
    }
}
