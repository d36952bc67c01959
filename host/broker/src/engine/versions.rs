//! DAG versions as checked graphs, kept in memory while they are in use.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flow_model::admission::Rank;
use flow_model::dag::DagSpec;
use flow_model::graph::{Graph, Part, TaskIndex};
use flow_model::ids::{DagVersionId, Digest, TenantId};
use flow_model::priority;
use flow_model::uses::Uses;
use flow_store::run::RunRow;
use flow_store::{Session, StoreError, dag_version};
use lru::LruCache;

/// A DAG version, ready to be run.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) id: DagVersionId,
    /// The component that runs its tasks.
    pub(crate) digest: Digest,
    pub(crate) graph: Graph,
    weights: OnceLock<Vec<i32>>,
    has_callbacks: bool,
    has_deadlines: bool,
}

impl Version {
    pub(crate) fn new(id: DagVersionId, digest: Digest, graph: Graph) -> Self {
        let spec = graph.spec();
        let has_callbacks = spec.tasks.iter().any(|task| !task.callbacks.is_empty());
        let has_deadlines = !spec.deadlines.is_empty()
            || spec.tasks.iter().any(|task| !task.deadlines.is_empty())
            || spec.groups.iter().any(|group| !group.deadlines.is_empty());
        Self { id, digest, graph, weights: OnceLock::new(), has_callbacks, has_deadlines }
    }

    /// Whether something runs after a task of it.
    pub(crate) fn has_callbacks(&self) -> bool {
        self.has_callbacks
    }

    /// Whether something of it has to be done in time.
    pub(crate) fn has_deadlines(&self) -> bool {
        self.has_deadlines
    }

    /// How much a task matters among those that wait for the same.
    pub(crate) fn priority(&self, task: TaskIndex) -> i32 {
        let weights = self.weights.get_or_init(|| priority::weights(&self.graph));
        weights.get(task.0 as usize).copied().unwrap_or(1)
    }

    /// The place in line of a task in a run of this version.
    pub(crate) fn rank(&self, run: &RunRow, task: TaskIndex) -> Rank {
        Rank::of(self.priority(task), run.run_type, run.logical_date, run.run_after)
    }

    /// What a task declares it uses, its DAG's list included.
    pub(crate) fn uses(&self, task: TaskIndex) -> Uses {
        self.graph.spec().uses.union(&self.graph.task(task).uses)
    }
}

/// The most tasks of all cached versions together. A task takes about half a kilobyte.
const MAX_TASKS: usize = 400_000;

#[derive(Default)]
pub(crate) struct Versions(Mutex<Cache>);

struct Cache {
    entries: LruCache<DagVersionId, Arc<Version>>,
    tasks: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Self { entries: LruCache::unbounded(), tasks: 0 }
    }
}

impl Versions {
    /// A version of the tenant; it is an error of the database if there is none, because runs keep theirs.
    pub(crate) async fn get(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        id: DagVersionId,
    ) -> Result<Arc<Version>, StoreError> {
        if let Some(version) = self.cached(id) {
            return Ok(version);
        }
        let broken = |reason: String| StoreError::Inconsistent { column: "dag_version.spec", reason };
        let row =
            dag_version::find(db, tenant, id).await?.ok_or_else(|| broken(format!("there is no version {id}")))?;
        let spec: DagSpec = serde_json::from_str(&row.spec).map_err(|error| broken(error.to_string()))?;
        let mut graph = Graph::build(spec).map_err(|error| broken(error.to_string()))?;
        if let Some(part) = &row.part {
            let part: Part = serde_json::from_str(part).map_err(|error| broken(error.to_string()))?;
            graph = graph.part(&part).map_err(|error| broken(error.to_string()))?;
        }
        let version = Arc::new(Version::new(id, row.digest, graph));
        self.keep(Arc::clone(&version));
        Ok(version)
    }

    fn cached(&self, id: DagVersionId) -> Option<Arc<Version>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entries.get(&id).cloned()
    }

    fn keep(&self, version: Arc<Version>) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.tasks += version.graph.spec().tasks.len();
        if let Some((_, old)) = cache.entries.push(version.id, version) {
            cache.tasks -= old.graph.spec().tasks.len();
        }
        while cache.tasks > MAX_TASKS && cache.entries.len() > 1 {
            if let Some((_, old)) = cache.entries.pop_lru() {
                cache.tasks -= old.graph.spec().tasks.len();
            }
        }
    }
}
