//! Backfills: beginning, pausing and cancelling them, and saying beforehand what they would do.

use std::sync::Arc;

use flow_model::backfill::{self as rule, BackfillError, Fate};
use flow_model::call::limit;
use flow_model::dag::DagSpec;
use flow_model::ids::{DagId, TenantId};
use flow_model::params;
use flow_model::rest::backfills::{Backfill, BackfillFilter, NewBackfill, PlannedRun};
use flow_model::rest::{Page, PageRequest};
use flow_model::run::backfill_run_id;
use flow_model::time::Millis;
use flow_model::timetable::{NextRun, Schedule};
use flow_store::backfill::{self, BackfillRow};
use flow_store::{Session, dag, run, view};
use serde_json::json;

use crate::audit;
use crate::dags::known_dag;
use crate::engine::{RoomChanges, Version, Written};
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::text::check_object;

mod advance;
mod cancel;

/// A backfill that was checked: the runs that it makes for one DAG.
struct Draft {
    version: Arc<Version>,
    stage: u32,
    runs: Vec<NextRun>,
}

impl LocalBroker {
    /// The backfills that match `filter`.
    pub async fn backfills(
        &self,
        tenant: &TenantId,
        filter: &BackfillFilter,
        page: &PageRequest,
    ) -> Result<Page<Backfill>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(view::backfills::list(&mut db, tenant, filter, page).await?)
    }

    /// One backfill.
    pub async fn backfill(&self, tenant: &TenantId, id: i64) -> Result<Backfill, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = view::backfills::get(&mut db, tenant, id).await?;
        found.ok_or_else(|| ServiceError::not_found("backfill", id))
    }

    /// Begins a backfill, and those that replay its range downstream, if they are asked for.
    pub async fn create_backfill(&self, actor: &Actor, body: NewBackfill) -> Result<Backfill, ServiceError> {
        let (tenant, now) = (&actor.tenant, self.now());
        let mut tx = self.inner.store.begin("create backfill").await?;
        let drafts = self.drafts(&mut tx, tenant, &body, now).await?;
        let mut first = None;
        for draft in &drafts {
            let row = BackfillRow {
                id: 0,
                tenant: tenant.clone(),
                dag_id: draft.spec().dag_id.clone(),
                chain: first,
                stage: draft.stage,
                range: (body.from_date, body.to_date),
                conf: body.dag_run_conf.clone().map(String::from).filter(|conf| conf.trim() != "{}"),
                reprocess: body.reprocess_behavior,
                backwards: body.run_backwards,
                on_latest_version: body.run_on_latest_version,
                max_active_runs: body.max_active_runs,
                is_paused: false,
                asked_by: actor.name.clone(),
                created_at: now,
                updated_at: now,
                completed_at: None,
            };
            let id = backfill::insert(&mut tx, &row).await?.ok_or_else(|| unfinished(&row.dag_id))?;
            backfill::insert_slots(&mut tx, tenant, id, &draft.runs).await?;
            first = first.or(Some(id));
        }
        let id = first.ok_or(ServiceError::Internal)?;
        let runs: usize = drafts.iter().map(|draft| draft.runs.len()).sum();
        let extra = json!({"dag_id": body.dag_id, "backfill_id": id, "dags": drafts.len(), "runs": runs});
        audit::note(&mut tx, actor, now, "create_backfill", &extra)?;
        self.conclude(tx, Written { room: RoomChanges::of_backfill(), ..Written::default() }).await?;
        self.backfill(tenant, id).await
    }

    /// The runs that a backfill would make now.
    pub async fn rehearse_backfill(
        &self,
        tenant: &TenantId,
        body: &NewBackfill,
    ) -> Result<Page<PlannedRun>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let mut entries = Vec::new();
        for draft in self.drafts(&mut db, tenant, body, self.now()).await? {
            let dag = &draft.spec().dag_id;
            for due in &draft.runs {
                let date = due.interval.start;
                let present = run::at(&mut db, tenant, dag, date).await?;
                let reprocesses = match rule::fate(body.reprocess_behavior, present.as_ref().map(|(_, state)| *state)) {
                    Fate::Create => false,
                    Fate::Clear => true,
                    Fate::LeaveOut(_) => continue,
                };
                let run_id = match present {
                    Some((run_id, _)) => run_id,
                    None => backfill_run_id(date).parse()?,
                };
                entries.push(PlannedRun {
                    dag_id: dag.clone(),
                    dag_run_id: run_id,
                    logical_date: date,
                    data_interval_start: due.interval.start,
                    data_interval_end: due.interval.end,
                    reprocesses,
                    partition_key: None,
                });
            }
        }
        Ok(Page { total: entries.len() as u64, entries })
    }

    /// The backfills that a request comes to: that of the DAG, and those downstream of it.
    async fn drafts(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        body: &NewBackfill,
        now: Millis,
    ) -> Result<Vec<Draft>, ServiceError> {
        if body.max_active_runs == 0 {
            return Err(ServiceError::invalid("max_active_runs", "use at least 1"));
        }
        let mut drafts = vec![self.draft(db, tenant, (&body.dag_id, 0), body, now).await?];
        if !body.downstream {
            return Ok(drafts);
        }
        let mut versions = Vec::new();
        for row in dag::all(db, tenant).await? {
            versions.push(self.inner.engine.versions.get(db, tenant, row.version).await?);
        }
        let specs: Vec<&DagSpec> = versions.iter().map(|version| version.graph.spec()).collect();
        for (dag, stage) in rule::downstream(&specs, &body.dag_id) {
            match self.draft(db, tenant, (dag, stage), body, now).await {
                Ok(draft) => drafts.push(draft),
                // Such a DAG runs by events of assets, which the replayed runs before it emit, or has nothing to replay.
                Err(Undrafted::Rule(BackfillError::NotPeriodic | BackfillError::Empty)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(drafts)
    }

    async fn draft(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        (id, stage): (&DagId, u32),
        body: &NewBackfill,
        now: Millis,
    ) -> Result<Draft, Undrafted> {
        let row = known_dag(db, tenant, id).await?;
        if row.is_stale {
            let reason = "its module no longer describes it; upload a version that does";
            return Err(ServiceError::conflict(format!("DAG {:?}", id.as_str()), reason).into());
        }
        let version = self.inner.engine.versions.get(db, tenant, row.version).await.map_err(ServiceError::from)?;
        let spec = version.graph.spec();
        check_conf(spec, body)?;
        rule::check(spec, body.reprocess_behavior, body.run_backwards)?;
        let schedule = spec.schedule.as_ref().and_then(|schedule| Schedule::parse(schedule).ok());
        let schedule = schedule.filter(rule::is_known).ok_or(BackfillError::NotPeriodic)?;
        let next = |last, limits| schedule.next(last, limits, now);
        let runs = rule::runs(next, (body.from_date, body.to_date), now, body.run_backwards)?;
        if backfill::active_of_dag(db, tenant, id).await.map_err(ServiceError::from)?.is_some() {
            return Err(unfinished(id).into());
        }
        Ok(Draft { version, stage, runs })
    }
}

impl Draft {
    fn spec(&self) -> &DagSpec {
        self.version.graph.spec()
    }
}

/// Why there is no draft.
enum Undrafted {
    /// The DAG or the range does not allow it.
    Rule(BackfillError),
    /// Something else.
    Service(ServiceError),
}

impl From<BackfillError> for Undrafted {
    fn from(error: BackfillError) -> Self {
        Self::Rule(error)
    }
}

impl From<ServiceError> for Undrafted {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl From<Undrafted> for ServiceError {
    fn from(error: Undrafted) -> Self {
        match error {
            Undrafted::Rule(error) => Self::invalid("the backfill", error.to_string()),
            Undrafted::Service(error) => error,
        }
    }
}

fn check_conf(spec: &DagSpec, body: &NewBackfill) -> Result<(), ServiceError> {
    let conf = body.dag_run_conf.as_ref().map(flow_model::rest::JsonText::as_str);
    if let Some(conf) = conf {
        check_object(conf, limit::XCOM)
            .map_err(|reason| ServiceError::invalid("dag_run_conf", format!("{reason}; give one JSON object")))?;
    }
    params::admit(&spec.params, conf)
        .map_err(|error| ServiceError::invalid("dag_run_conf", format!("DAG {:?}: {error}", spec.dag_id.as_str())))
}

fn unfinished(dag: &DagId) -> ServiceError {
    let reason = "it has a backfill that has not ended; wait for it or cancel it";
    ServiceError::conflict(format!("DAG {:?}", dag.as_str()), reason)
}
