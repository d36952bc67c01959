//! Runs that take longer than their DAG allows (Airflow's `dagrun_timeout`).

use flow_model::advance::EndOfRun;
use flow_model::time::Millis;
use flow_store::{StoreError, run};

use crate::engine::Written;
use crate::local::LocalBroker;
use crate::plan::Plan;
use crate::reshape::reshape;

/// How many runs one transaction ends.
const ROUND: u32 = 16;

impl LocalBroker {
    /// Ends the runs that have taken too long.
    pub(crate) async fn end_timed_out(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let mut tx = self.inner.store.begin("end timed out runs").await?;
            let late = run::lock_timed_out(&mut tx, now, ROUND).await?;
            if late.is_empty() {
                return Ok(());
            }
            let mut written = Written::default();
            for row in late {
                let end = |plan: &mut Plan<'_>, key| -> Result<(), StoreError> {
                    plan.change_run(key, |row| row.timeout_at = None);
                    if let Some(progress) = plan.progress(key) {
                        progress.end(EndOfRun::TimedOut, now);
                    }
                    Ok(())
                };
                written.merge(reshape(&mut tx, &self.inner.engine, row, Box::new(end)).await?);
            }
            self.conclude(tx, written).await?;
        }
    }
}
