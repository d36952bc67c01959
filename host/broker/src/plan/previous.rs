//! The run before another one, of which tasks may wait for something.

use std::sync::Arc;

use flow_model::advance::{Past, RunFacts};
use flow_model::graph::{Graph, TaskIndex};
use flow_model::ids::RunKey;
use flow_model::state::Terminal;
use flow_store::run::{self, RunRow};
use flow_store::task_instance::{self, TaskRow};
use flow_store::{Session, StoreError};

use crate::engine::{Engine, Version};

/// The run before another one.
pub(crate) struct Previous {
    pub(crate) run: RunRow,
    pub(crate) version: Arc<Version>,
}

impl Previous {
    /// What tasks with `depends_on_past` look at: of a DAG that catches up the run that its schedule made before, otherwise
    /// whichever came before (Airflow's `PrevDagrunDep`). `None` if no task of the graph looks at anything.
    pub(crate) async fn of(
        db: &mut Session,
        engine: &Engine,
        row: &RunRow,
        graph: &Graph,
    ) -> Result<Option<Self>, StoreError> {
        let (true, Some(date)) = (graph.has_past(), row.logical_date) else { return Ok(None) };
        let of = (&row.tenant, &row.dag_id);
        let Some(run) = run::previous(db, of, date, graph.spec().catchup).await? else { return Ok(None) };
        let version = engine.versions.get(db, &run.tenant, run.version).await?;
        Ok(Some(Self { run, version }))
    }

    /// Whether a task of a later run, whose graph this is, has to wait for this one.
    pub(super) async fn past(&self, db: &mut Session, graph: &Graph, task: TaskIndex) -> Result<Past, StoreError> {
        let is_met = self.unmet(db, graph, task).await?.is_empty();
        let facts = RunFacts { state: self.run.state, tally: self.run.tally.clone(), ..RunFacts::default() };
        Ok(Past::of(is_met, &facts))
    }

    /// What such a task waits for here that has neither succeeded nor been skipped. What this run's version of the DAG does
    /// not have, nobody waits for.
    pub(crate) async fn unmet(
        &self,
        db: &mut Session,
        graph: &Graph,
        task: TaskIndex,
    ) -> Result<Vec<TaskRow>, StoreError> {
        let there: Vec<(RunKey, TaskIndex)> = graph
            .awaited_past(task)
            .into_iter()
            .filter_map(|task| self.version.graph.find(&graph.task(task).task_id))
            .map(|task| (self.run.key, task))
            .collect();
        let is_met = |row: &TaskRow| match row.node.status.ended() {
            Some(Terminal::Success | Terminal::Skipped | Terminal::Removed) => true,
            Some(Terminal::Failed | Terminal::UpstreamFailed) | None => false,
        };
        let mut rows = task_instance::of_tasks(db, &there).await?;
        rows.retain(|row| !is_met(row));
        Ok(rows)
    }
}
