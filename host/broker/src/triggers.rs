//! Triggering a run, for people and for tasks alike.

use flow_model::advance::Tally;
use flow_model::call::limit;
use flow_model::dag::DagSpec;
use flow_model::graph::Part;
use flow_model::ids::{DagId, PartitionKey, RunId, TenantId};
use flow_model::params;
use flow_model::quota::{self, Quota};
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::run::{RunType, TriggeredBy, is_due, manual_run_id, permits, state_at_creation};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::timetable::DataInterval;
use flow_store::run::{self, RunRow};
use flow_store::{dag, tenant};

use crate::committer::Refusal;
use crate::create::NewRun;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::schedules::{manual_interval, timeout};
use crate::text::{NotJson, check_object};

/// What is known of a run that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    pub(crate) dag: DagId,
    /// Its id; made up if absent.
    pub(crate) run_id: Option<RunId>,
    pub(crate) logical_date: Option<Millis>,
    /// When it may begin; now if absent.
    pub(crate) run_after: Option<Millis>,
    pub(crate) interval: Option<DataInterval>,
    /// One JSON object.
    pub(crate) conf: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) by: TriggeredBy,
    pub(crate) run_type: RunType,
    /// The part of its assets that the run is for.
    pub(crate) partition: Option<PartitionKey>,
    /// Who asks, for the event log.
    pub(crate) user: Option<String>,
    /// Which part of the DAG runs, if not all does.
    pub(crate) part: Option<Part>,
}

impl Trigger {
    /// A run of which nothing is known but its DAG.
    pub(crate) fn new(dag: DagId, by: TriggeredBy) -> Self {
        Self {
            dag,
            run_id: None,
            logical_date: None,
            run_after: None,
            interval: None,
            conf: None,
            note: None,
            by,
            run_type: RunType::of(by),
            partition: None,
            user: None,
            part: None,
        }
    }
}

/// The longest note, in characters, as in Airflow.
const MAX_NOTE: usize = 1_000;
/// How often a made-up run id is made up anew if it is taken.
const MADE_UP: u32 = 4;

impl LocalBroker {
    /// Starts a run and answers its id.
    pub async fn start_run(&self, actor: &Actor, dag: &DagId, body: TriggerDagRun) -> Result<RunId, ServiceError> {
        self.start_run_as(actor, dag, body, RunType::Manual).await
    }

    pub(crate) async fn start_run_as(
        &self,
        actor: &Actor,
        dag: &DagId,
        body: TriggerDagRun,
        run_type: RunType,
    ) -> Result<RunId, ServiceError> {
        let interval = match (body.data_interval_start, body.data_interval_end) {
            (Some(start), Some(end)) if start <= end => Some(DataInterval { start, end }),
            (None, None) => None,
            (_, _) => {
                let reason = "give the start and the end, the start not after the end, or neither";
                return Err(ServiceError::invalid("data_interval_start, data_interval_end", reason));
            }
        };
        let trigger = Trigger {
            run_id: body.dag_run_id,
            logical_date: body.logical_date,
            run_after: body.run_after,
            interval,
            conf: body.conf.map(String::from),
            note: body.note.map(checked_note).transpose()?,
            user: Some(actor.name.clone()),
            run_type,
            partition: body.partition_key,
            ..Trigger::new(dag.clone(), actor.by)
        };
        Ok(self.trigger(&actor.tenant, trigger).await?.run_id)
    }

    /// Creates a run. It has begun when this answers, unless it waits: for its DAG to go on, its time, or room.
    pub(crate) async fn trigger(&self, tenant: &TenantId, trigger: Trigger) -> Result<RunRow, ServiceError> {
        let now = self.now();
        let made_up = trigger.run_id.is_none();
        let mut run_id = match &trigger.run_id {
            Some(run_id) => run_id.clone(),
            None => manual_run_id(trigger.logical_date.unwrap_or(now)).parse()?,
        };
        for _ in 0..MADE_UP {
            let new = self.prepare(tenant, &trigger, run_id.clone(), now).await?;
            let row = new.row.clone();
            match self.inner.committer.create(new).await {
                Ok(_) => return Ok(row),
                Err(Refusal::Taken) => self.explain_taken(&row, made_up).await?,
                Err(refusal @ (Refusal::Fenced | Refusal::Unavailable(_) | Refusal::Internal)) => {
                    return Err(refusal.into());
                }
            }
            let suffix = format!("{:08x}", u32::from_be_bytes(self.inner.random()));
            run_id = format!("{}_{suffix}", manual_run_id(trigger.logical_date.unwrap_or(now))).parse()?;
        }
        Err(ServiceError::Unavailable("no free run id was found".to_owned()))
    }

    async fn prepare(
        &self,
        tenant: &TenantId,
        trigger: &Trigger,
        run_id: RunId,
        now: Millis,
    ) -> Result<NewRun, ServiceError> {
        let conf = trigger.conf.clone().map(checked_conf).transpose()?.flatten();
        let mut db = self.inner.store.read().await?;
        let found = dag::find(&mut db, tenant, &trigger.dag).await?;
        let dag = found.ok_or_else(|| ServiceError::not_found("DAG", &trigger.dag))?;
        if dag.is_stale {
            let reason = "its module no longer describes it; upload a version that does";
            return Err(ServiceError::conflict(format!("DAG {:?}", trigger.dag.as_str()), reason));
        }
        let allowed =
            tenant::get(&mut db, tenant).await?.map_or_else(Quota::default, |tenant| tenant.quota).active_runs;
        quota::admit("active_runs", run::active(&mut db, tenant, allowed).await?, 1, allowed)?;
        let mut version = self.inner.engine.versions.get(&mut db, tenant, dag.version).await?;
        let run_type = trigger.run_type;
        admit(version.graph.spec(), run_type, conf.as_deref())?;
        if let Some(part) = &trigger.part {
            drop(db);
            version = self.part_of(tenant, &version, part).await?;
        }
        let run_after = trigger.run_after.unwrap_or(now);
        let state = state_at_creation(dag.is_paused, is_due(run_after, now));
        let inferred = trigger.logical_date.filter(|_| trigger.interval.is_none());
        let inferred = inferred.map(|at| manual_interval(&version, at));
        let row = RunRow {
            key: self.inner.engine.mint_run(now),
            tenant: tenant.clone(),
            dag_id: trigger.dag.clone(),
            run_id,
            version: version.id,
            state,
            tally: Tally::default(),
            run_type,
            logical_date: trigger.logical_date,
            interval: trigger.interval.or(inferred),
            run_after,
            queued_at: now,
            start_date: (state == RunState::Running).then_some(now),
            end_date: None,
            triggered_by: trigger.by,
            triggering_user: trigger.user.clone(),
            timeout_at: timeout(&version, state, now),
            held: false,
        };
        let (note, owner) = (trigger.note.clone(), trigger.user.clone());
        Ok(NewRun { row, version, conf, note, partition: trigger.partition.clone(), owner })
    }

    /// Says what is taken; nothing, if another made-up run id may help.
    async fn explain_taken(&self, row: &RunRow, made_up: bool) -> Result<(), ServiceError> {
        let mut db = self.inner.store.read().await?;
        let id_taken = run::find(&mut db, &row.tenant, &row.dag_id, &row.run_id).await?.is_some();
        let dag = row.dag_id.as_str();
        match (id_taken, made_up, row.logical_date) {
            (true, false, _) => Err(ServiceError::conflict(
                format!("DAG run {:?}", row.run_id.as_str()),
                format!("DAG {dag:?} has a run of this id already; choose another dag_run_id"),
            )),
            (_, _, Some(date)) => Err(ServiceError::conflict(
                format!("logical date {date}"),
                format!("DAG {dag:?} has a run for this logical date already; choose another or clear that run"),
            )),
            // The id was made up, or whoever held it was deleted in the meantime.
            (true, true, None) | (false, _, None) => Ok(()),
        }
    }
}

/// Whether the DAG allows such a run, with this configuration.
fn admit(spec: &DagSpec, run_type: RunType, conf: Option<&str>) -> Result<(), ServiceError> {
    if !permits(&spec.allowed_run_types, run_type) {
        let allowed: Vec<&str> = spec.allowed_run_types.iter().map(|kind| kind.as_str()).collect();
        let reason = format!("it allows no {run_type} runs; the kinds that it allows are: {}", allowed.join(", "));
        return Err(ServiceError::refused(format!("a run of DAG {:?}", spec.dag_id.as_str()), reason));
    }
    params::admit(&spec.params, conf).map_err(|error| ServiceError::refused("conf", error.to_string()))
}

/// A run's configuration as it is kept; `None` for an empty one.
fn checked_conf(conf: String) -> Result<Option<String>, ServiceError> {
    match check_object(&conf, limit::XCOM) {
        Ok(()) => Ok(Some(conf).filter(|conf| conf.trim() != "{}")),
        Err(NotJson::TooLarge(limit)) => Err(ServiceError::TooLarge { what: "conf".to_owned(), limit }),
        Err(reason @ (NotJson::Malformed(_) | NotJson::TooDeep | NotJson::NotAnObject)) => {
            Err(ServiceError::invalid("conf", format!("{reason}; give one JSON object")))
        }
    }
}

pub(crate) fn checked_note(note: String) -> Result<String, ServiceError> {
    if note.chars().count() > MAX_NOTE || note.contains('\0') {
        return Err(ServiceError::invalid("note", format!("use at most {MAX_NOTE} characters, and no NUL")));
    }
    Ok(note)
}

/// A note as it is kept when somebody changes it; an empty one is none.
pub(crate) fn edited_note(note: Option<String>) -> Result<Option<String>, ServiceError> {
    note.filter(|note| !note.is_empty()).map(checked_note).transpose()
}
