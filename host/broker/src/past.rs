//! Runs that wait for other runs of their DAG: looked at again when one of those has gone on.

use flow_model::time::Millis;
use flow_store::{StoreError, run};

use crate::engine::{Engine, Written};
use crate::local::LocalBroker;
use crate::plan::{Holding, Plan};

/// How many runs of a DAG one transaction looks at, and how many DAGs one round.
const ROUND: u32 = 64;

impl LocalBroker {
    /// Looks at the runs that may have waited for what has happened; at all that wait, if `all`.
    pub(crate) async fn look_at_held(&self, now: Millis, all: bool) -> Result<(), StoreError> {
        let mut dags = self.inner.engine.past.take();
        if all {
            dags.extend(run::dags_held(&mut self.inner.store.read().await?, ROUND).await?);
        }
        for (tenant, dag) in dags {
            let mut tx = self.inner.store.begin("look at held runs").await?;
            let rows = run::lock_held(&mut tx, &tenant, &dag, ROUND).await?;
            if rows.is_empty() {
                continue;
            }
            let written = reconsider(&mut tx, &self.inner.engine, rows, now).await?;
            self.conclude(tx, written).await?;
        }
        Ok(())
    }
}

async fn reconsider(
    db: &mut flow_store::Session,
    engine: &Engine,
    rows: Vec<run::RunRow>,
    now: Millis,
) -> Result<Written, StoreError> {
    let holding = Holding::load(db, engine, rows).await?;
    let mut plan = Plan::new(engine, now, &holding);
    for held in holding.iter() {
        let graph = &held.version.graph;
        let waiting: Vec<_> = graph.tasks().filter(|&task| graph.waits_for_past(task)).collect();
        if let Some(progress) = plan.progress(held.row.key) {
            progress.reconsider(waiting);
        }
    }
    plan.settle(db).await?;
    plan.write(db).await
}
