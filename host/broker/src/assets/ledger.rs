//! What a transaction's changes to runs mean for assets: who has succeeded, and whose words count no more.

use flow_model::advance::Step;
use flow_model::asset::Outlets;
use flow_model::graph::TaskIndex;
use flow_model::state::{Phase, Terminal};
use flow_model::time::Millis;
use flow_store::asset::emission;
use flow_store::asset::event::Source;
use flow_store::run::RunRow;
use flow_store::task_instance::TaskKey;
use flow_store::{Session, StoreError};

use super::publish::{Published, published};
use crate::engine::{Engine, Version};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    forgotten: Vec<TaskKey>,
    published: Vec<Published>,
}

impl Ledger {
    /// A task instance begins anew: what it has said of assets counts no more.
    pub(crate) fn forget(&mut self, version: &Version, key: TaskKey) {
        if concerns(version, key.task) {
            self.forgotten.push(key);
        }
    }

    /// Something has happened to a task instance by itself.
    pub(crate) fn step(&mut self, run: &RunRow, version: &Version, step: &Step) {
        let has_succeeded = step.from.phase != step.to.phase && step.to.phase == Phase::Ended(Terminal::Success);
        if !has_succeeded || !concerns(version, step.at.task) {
            return;
        }
        let (spec, task) = (version.graph.spec(), version.graph.task(step.at.task));
        self.published.push(Published {
            tenant: run.tenant.clone(),
            key: TaskKey::of(run.key, step.at),
            source: Source {
                dag: run.dag_id.clone(),
                run: run.run_id.clone(),
                task: task.task_id.clone(),
                map_index: step.at.map_index,
            },
            outlets: Outlets::of(spec, task),
        });
    }

    /// Writes what follows; answers whether the timekeeper is to be woken once the transaction has been committed.
    pub(crate) async fn write(self, db: &mut Session, engine: &Engine, now: Millis) -> Result<bool, StoreError> {
        if !self.forgotten.is_empty() {
            emission::take(db, &self.forgotten).await?;
        }
        published(db, engine, now, &self.published).await
    }
}

/// Whether a task may publish anything: it has outlets or declares that it emits events.
fn concerns(version: &Version, task: TaskIndex) -> bool {
    let (spec, task) = (version.graph.spec(), version.graph.task(task));
    !task.outlets.is_empty() || !task.uses.assets.is_empty() || !spec.uses.assets.is_empty()
}
