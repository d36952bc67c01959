//! Callbacks: what runs after something has happened, as work of its own. Nothing waits for them, and nothing fails with
//! them.

use flow_model::callback::{CallbackState, Happening, Next, Reason, after_run, after_task, next};
use flow_model::dag::{CallbackEvent, CallbackSpec};
use flow_model::fairness::URGENT;
use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, CallbackId, DagId, TenantId};
use flow_model::port::BrokerError;
use flow_model::time::Millis;
use flow_model::work::{AttemptClaims, AttemptEnd, AttemptLimits, AttemptRole, ErrorClass, Failure, Job, Work};
use flow_store::callback::{self, CallbackRow};
use flow_store::run::{self, RunRow};
use flow_store::task_instance::TaskRow;
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::{Session, StoreError};

use crate::engine::{Engine, Version};
use crate::error::ServiceError;
use crate::handout::Handout;
use crate::local::LocalBroker;
use crate::text::keep_message;

mod read;

/// A run and the DAG version that it runs.
pub(crate) type Whose<'a> = (&'a RunRow, &'a Version);

/// What runs after a task instance has come where it is now. `resumes` is whether it goes on after a wait.
pub(crate) fn of_task(engine: &Engine, whose: Whose<'_>, task: &TaskRow, how: (Reason, bool)) -> Vec<CallbackRow> {
    let spec = whose.1.graph.task(task.key.task);
    let state = task.node.status.state();
    let Some(event) = after_task(state, how.0, how.1).filter(|_| !spec.callbacks.is_empty()) else {
        return Vec::new();
    };
    let happening = Happening {
        task_id: Some(spec.task_id.clone()),
        map_index: task.key.map_index,
        try_number: Some(task.node.status.try_number),
        max_tries: Some(task.node.max_tries.saturating_add(1)),
        state: Some(state.to_string()),
        error_class: task.error.as_ref().map(|(class, _)| *class),
        message: task.error.as_ref().map(|(_, message)| message.clone()),
        ..happening(whose.0, event, engine.now())
    };
    follow(engine, whose, (&spec.callbacks, Some(task.key.task)), &happening)
}

/// What runs after a run has come where it is now.
pub(crate) fn of_run(engine: &Engine, whose: Whose<'_>, reason: Reason) -> Vec<CallbackRow> {
    let callbacks = &whose.1.graph.spec().callbacks;
    let Some(event) = after_run(whose.0.state, reason).filter(|_| !callbacks.is_empty()) else { return Vec::new() };
    let happening = Happening { state: Some(whose.0.state.to_string()), ..happening(whose.0, event, engine.now()) };
    follow(engine, whose, (callbacks, None), &happening)
}

/// What happened to a run, as far as it is the same for everything that can happen.
pub(crate) fn happening(run: &RunRow, on: CallbackEvent, now: Millis) -> Happening {
    Happening {
        on,
        dag_id: run.dag_id.clone(),
        run_id: run.run_id.clone(),
        task_id: None,
        group_id: None,
        map_index: None,
        try_number: None,
        max_tries: None,
        state: None,
        error_class: None,
        message: None,
        logical_date: run.logical_date,
        data_interval_start: run.interval.map(|interval| interval.start),
        data_interval_end: run.interval.map(|interval| interval.end),
        deadline: None,
        due: None,
        timestamp: now,
    }
}

/// Those of `callbacks` that follow what happened.
pub(crate) fn follow(
    engine: &Engine,
    whose: Whose<'_>,
    (callbacks, task): (&[CallbackSpec], Option<TaskIndex>),
    happening: &Happening,
) -> Vec<CallbackRow> {
    let following = callbacks.iter().filter(|callback| callback.on == happening.on);
    let told = serde_json::to_string(happening).unwrap_or_else(|_| "{}".to_owned());
    let row = |spec: &CallbackSpec| CallbackRow {
        id: CallbackId::mint(happening.timestamp, engine.random()),
        tenant: whose.0.tenant.clone(),
        run: whose.0.key,
        version: whose.1.id,
        task,
        event: happening.on,
        function: spec.function.clone(),
        arguments: if spec.arguments.is_null() { "{}".to_owned() } else { spec.arguments.to_string() },
        happening: told.clone(),
        retries: spec.retries,
        state: CallbackState::Queued,
        try_number: 1,
        losses: 0,
        error: None,
        created_at: happening.timestamp,
        ended_at: None,
    };
    following.map(row).collect()
}

/// Stores callbacks of a DAG and offers them, within the transaction of what they follow.
pub(crate) async fn offer(db: &mut Session, engine: &Engine, rows: &[(DagId, CallbackRow)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut callbacks, mut offers) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (dag, row) in rows {
        offers.push(offered(engine, dag.clone(), row, row.created_at, row.created_at));
        callbacks.push(row.clone());
    }
    callback::insert(db, &callbacks).await?;
    work::insert(db, &offers)
}

/// The work of a callback's present try.
fn offered(engine: &Engine, dag: DagId, row: &CallbackRow, now: Millis, at: Millis) -> WorkRow {
    let kind = WorkKind::Callback { dag, payload: row.id.to_string(), try_number: row.try_number };
    let turn = (at <= now).then(|| engine.turn(&row.tenant));
    let attempt = engine.mint_attempt(now);
    WorkRow { attempt, tenant: row.tenant.clone(), kind, turn, priority: URGENT, available_at: at, lease: None }
}

impl Handout<'_> {
    /// Running a callback.
    pub(crate) async fn callback(&self, db: &mut Session, row: &WorkRow) -> Result<Option<Work>, StoreError> {
        let WorkKind::Callback { dag, payload, try_number } = &row.kind else { return Ok(None) };
        let Ok(id) = payload.parse() else { return Ok(None) };
        let Some(callback) = callback::find(db, &row.tenant, id).await? else { return Ok(None) };
        let Some(found) = run::with_conf(db, &[callback.run]).await?.pop() else { return Ok(None) };
        let version = self.inner.engine.versions.get(db, &row.tenant, callback.version).await?;
        let uses = callback.task.map_or_else(|| version.graph.spec().uses.clone(), |task| version.uses(task));
        let role = AttemptRole::Callback { dag: dag.clone(), run: found.run.run_id, try_number: *try_number };
        let CallbackRow { function, arguments, happening, .. } = callback;
        let job = Job::Callback { function, arguments, event: happening };
        let limits = self.inner.limits.within(AttemptLimits::CALLBACK);
        Ok(Some(Work { grant: self.grant(row, role, uses), module: version.digest, job, limits }))
    }
}

impl LocalBroker {
    /// A worker reports how a callback ended.
    pub(crate) async fn finish_callback(&self, claims: &AttemptClaims, end: AttemptEnd) -> Result<(), BrokerError> {
        match self.end_callback(claims.attempt, Some(&claims.tenant), &end).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(BrokerError::Fenced(claims.attempt)),
            Err(error) => Err(BrokerError::Unavailable(ServiceError::from(error).to_string())),
        }
    }

    /// The lease of a callback has expired.
    pub(crate) async fn lose_callback(&self, attempt: AttemptId) -> Result<(), StoreError> {
        let end = AttemptEnd::Failed(Failure {
            class: ErrorClass::Lost,
            message: "the worker was not heard of until its lease expired".to_owned(),
            location: None,
        });
        self.end_callback(attempt, None, &end).await.map(drop)
    }

    /// Ends an attempt at a callback: it ran, it is given up, or another attempt is offered. `false` if the attempt is
    /// not one that counts.
    async fn end_callback(
        &self,
        attempt: AttemptId,
        tenant: Option<&TenantId>,
        end: &AttemptEnd,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("end callback").await?;
        let Some(row) = work::load(&mut tx, &[attempt]).await?.into_iter().next() else { return Ok(false) };
        let Some((_, until)) = row.lease else { return Ok(false) };
        let refused = match tenant {
            Some(tenant) => *tenant != row.tenant,
            None => until > now,
        };
        let WorkKind::Callback { dag, payload, .. } = row.kind else { return Ok(false) };
        if refused || !work::remove(&mut tx, attempt).await? {
            return Ok(false);
        }
        let found = match payload.parse() {
            Ok(id) => callback::find(&mut tx, &row.tenant, id).await?,
            Err(_) => None,
        };
        if let Some(mut callback) = found {
            let again = ended(&mut callback, end, now);
            callback::save(&mut tx, &callback).await?;
            if let Some(at) = again {
                let offer = offered(&self.inner.engine, dag, &callback, now, at);
                work::insert(&mut tx, &[offer])?;
            }
        }
        tx.commit().await?;
        self.inner.committer.stocked();
        self.inner.engine.due.notify_one();
        Ok(true)
    }
}

/// Notes how an attempt ended. Answers when the next one may begin, if there is one.
fn ended(callback: &mut CallbackRow, end: &AttemptEnd, now: Millis) -> Option<Millis> {
    let next = next(end, callback.try_number, callback.retries, callback.losses);
    callback.error = end.failure().map(|failure| (failure.class, keep_message(&failure.message)));
    match next {
        Next::Done => {
            callback.state = CallbackState::Success;
            callback.ended_at = Some(now);
            None
        }
        Next::GivenUp => {
            callback.state = CallbackState::Failed;
            callback.ended_at = Some(now);
            None
        }
        Next::Again(pause) => {
            callback.try_number += 1;
            callback.losses = 0;
            Some(now.after(pause))
        }
        Next::Anew { lost } => {
            callback.losses += u32::from(lost);
            Some(now)
        }
    }
}
