//! Runs for assets: each DAG that has been woken is looked at once, by whoever is first, and gets the runs that are due.

use std::sync::Arc;
use std::time::Duration;

use flow_model::advance::Tally;
use flow_model::asset::partition::Partitions;
use flow_model::asset::{AssetExpression, AssetRef, Updated, condition};
use flow_model::fairness::FreeHands;
use flow_model::ids::{AssetEventId, DagId, RunId, TenantId};
use flow_model::run::{RunType, TriggeredBy, asset_triggered_run_id, permits};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_store::asset::consumer::{self, Queued};
use flow_store::asset::partition;
use flow_store::dag::{self, DagRow};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError};

use crate::create::{NewRun, create};
use crate::engine::{Engine, Version, Written};
use crate::local::LocalBroker;
use crate::schedules::timeout;

/// How many DAGs are looked up at once.
const ROUND: u32 = 64;
/// How many runs for partitions one transaction looks at, as in Airflow.
const PARTITIONS: u32 = 500;
/// How long a DAG with too many active runs waits before it is looked at again.
const HOLD: Duration = Duration::from_secs(1);

impl LocalBroker {
    /// Creates every run that is due because assets have been updated.
    pub(crate) async fn create_asset_triggered(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let due = consumer::due(&mut self.inner.store.read().await?, now, ROUND).await?;
            for (tenant, dag) in &due {
                self.look_at(tenant, dag, now).await?;
            }
            if due.len() < ROUND as usize {
                return Ok(());
            }
        }
    }

    async fn look_at(&self, tenant: &TenantId, dag: &DagId, now: Millis) -> Result<(), StoreError> {
        let mut tx = self.inner.store.begin("create asset triggered").await?;
        let Some(row) = dag::lock(&mut tx, tenant, dag).await? else {
            consumer::renounce(&mut tx, tenant, dag).await?;
            return tx.commit().await;
        };
        let Some(seen) = consumer::lock_due(&mut tx, tenant, dag, now).await? else { return Ok(()) };
        let look = Look { engine: &self.inner.engine, dag: &row, now };
        let (written, again) = match look.create_due(&mut tx, seen).await {
            Ok(done) => done,
            Err(error @ StoreError::Inconsistent { .. }) => {
                tracing::error!(%tenant, %dag, %error, "assets make no runs of the DAG any more");
                drop(tx);
                tx = self.inner.store.begin("create asset triggered").await?;
                (Written::default(), None)
            }
            Err(error) => return Err(error),
        };
        consumer::rest(&mut tx, tenant, dag, again).await?;
        self.conclude(tx, written).await?;
        Ok(())
    }
}

/// A DAG that was woken; its row and what it waits for are locked.
struct Look<'a> {
    engine: &'a Engine,
    dag: &'a DagRow,
    now: Millis,
}

/// What came of a look: what was written, and when to look again if nothing happens until then.
type Seen = (Written, Option<Millis>);

impl Look<'_> {
    /// Creates the runs that are due.
    async fn create_due(&self, db: &mut Session, seen: AssetEventId) -> Result<Seen, StoreError> {
        let nothing = || Ok((Written::default(), None));
        if self.dag.is_paused || self.dag.is_stale {
            return nothing();
        }
        let version = self.engine.versions.get(db, &self.dag.tenant, self.dag.version).await?;
        let spec = version.graph.spec();
        if !permits(&spec.allowed_run_types, RunType::AssetTriggered) {
            return nothing();
        }
        match condition(spec.schedule.as_ref()) {
            None => nothing(),
            Some((expression, None)) => self.whole(db, &version, expression, seen).await,
            Some((expression, Some(rules))) => self.parts(db, &version, (expression, rules)).await,
        }
    }

    /// One run for everything that was updated since the last one, if that is enough.
    async fn whole(
        &self,
        db: &mut Session,
        version: &Arc<Version>,
        expression: &AssetExpression,
        seen: AssetEventId,
    ) -> Result<Seen, StoreError> {
        let (tenant, dag) = (&self.dag.tenant, &self.dag.dag_id);
        let queued = consumer::queued(db, tenant, dag).await?;
        if !expression.evaluate(&updated(&queued)) {
            return Ok((Written::default(), None));
        }
        if self.room(db).await? == 0 {
            return Ok((Written::default(), Some(self.now.after(HOLD))));
        }
        let latest = queued.iter().map(|one| one.queued_at).max().unwrap_or(self.now);
        let Some(new) = self.new_run(version, latest) else { return Ok((Written::default(), None)) };
        // The run takes its events first, so that its tasks find them however soon they begin.
        consumer::take(db, (tenant, dag), new.row.key, seen).await?;
        let (_, written) = create(db, self.engine, &[&new], &mut FreeHands::default()).await?;
        Ok((written, None))
    }

    /// A run for each partition for which enough has come, oldest first.
    async fn parts(
        &self,
        db: &mut Session,
        version: &Arc<Version>,
        (expression, rules): (&AssetExpression, &Partitions),
    ) -> Result<Seen, StoreError> {
        let tenant = &self.dag.tenant;
        let mut room = self.room(db).await?;
        let touched = partition::touched(db, tenant, &self.dag.dag_id, PARTITIONS).await?;
        let mut again = (touched.len() == PARTITIONS as usize).then_some(self.now);
        let (mut runs, mut early) = (Vec::new(), Vec::new());
        for pending in &touched {
            if !rules.ready(expression, &pending.key, &pending.received) {
                early.push(pending.id);
            } else if room == 0 {
                again = Some(self.now.after(HOLD));
            } else if let Some(new) = self.new_run(version, self.now) {
                partition::fulfil(db, tenant, pending.id, new.row.key).await?;
                runs.push(NewRun { partition: Some(pending.key.clone()), ..new });
                room -= 1;
            }
        }
        if !early.is_empty() {
            partition::looked_at(db, tenant, &early).await?;
        }
        let runs: Vec<&NewRun> = runs.iter().collect();
        let (_, written) = create(db, self.engine, &runs, &mut FreeHands::default()).await?;
        Ok((written, again))
    }

    /// How many more runs the DAG may have.
    async fn room(&self, db: &mut Session) -> Result<u64, StoreError> {
        let most = u64::from(self.dag.limits.max_active_runs);
        Ok(most.saturating_sub(run::active_of_dag(db, &self.dag.tenant, &self.dag.dag_id, most).await?))
    }

    fn new_run(&self, version: &Arc<Version>, run_after: Millis) -> Option<NewRun> {
        let suffix = u32::from_be_bytes(self.engine.random());
        let run_id: RunId = asset_triggered_run_id(run_after, suffix).parse().ok()?;
        let row = RunRow {
            key: self.engine.mint_run(self.now),
            tenant: self.dag.tenant.clone(),
            dag_id: self.dag.dag_id.clone(),
            run_id,
            version: version.id,
            state: RunState::Running,
            tally: Tally::default(),
            run_type: RunType::AssetTriggered,
            logical_date: None,
            interval: None,
            run_after,
            queued_at: self.now,
            start_date: Some(self.now),
            end_date: None,
            triggered_by: TriggeredBy::Asset,
            triggering_user: None,
            timeout_at: timeout(version, RunState::Running, self.now),
            held: false,
        };
        Some(NewRun { row, version: Arc::clone(version), conf: None, note: None, partition: None, owner: None })
    }
}

/// What the queue says has been updated.
fn updated(queued: &[Queued]) -> Updated {
    let mut updated = Updated::default();
    for one in queued {
        updated.assets.insert(AssetRef::Name(one.name.clone()));
        updated.assets.insert(AssetRef::Uri(one.uri.clone()));
        updated.aliases.extend(one.aliases.iter().cloned());
    }
    updated
}
