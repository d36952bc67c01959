//! Questions to people, as they read them, and their answers.

use flow_model::advance::Refusal;
use flow_model::human_input::{Answer, AnswerError, Answered, accept, by_default, outcome};
use flow_model::ids::{AttemptId, DagId, RunId, TaskId, TenantId};
use flow_model::rest::human_input::{HitlDetail, HitlFilter, HitlResponse, HitlTry};
use flow_model::rest::{Page, PageRequest, Scope};
use flow_model::state::Phase;
use flow_model::waiting::Waiting;
use flow_model::work::Resume;
use flow_store::task_instance::{TaskKey, TaskRow};
use flow_store::view;
use serde_json::json;

use crate::audit;
use crate::dag_runs::check_scope;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::plan::{Holding, Plan};
use crate::waits;

impl LocalBroker {
    /// The questions in `scope` that match `filter`.
    pub async fn questions(
        &self,
        tenant: &TenantId,
        scope: &Scope,
        filter: &HitlFilter,
        page: &PageRequest,
    ) -> Result<Page<HitlDetail>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        check_scope(&mut db, tenant, scope).await?;
        let mut found = view::human_input::list(&mut db, tenant, scope, filter, page).await?;
        for detail in &mut found.entries {
            self.inner.complete(&mut db, tenant, [&mut detail.task_instance.last_try]).await?;
        }
        Ok(found)
    }

    /// What a task instance asks, or asked last.
    pub async fn question(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: (&TaskId, Option<u32>),
    ) -> Result<HitlDetail, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let (key, instance) = self.inner.known_task(&mut db, tenant, run, task).await?;
        let found = view::human_input::get(&mut db, tenant, key).await?.ok_or_else(|| no_question(task.0))?;
        Ok(HitlDetail { task_instance: instance, ..found })
    }

    /// What one try of a task instance asked last.
    pub async fn question_of_try(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: (&TaskId, Option<u32>),
        number: u32,
    ) -> Result<HitlTry, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let (key, _) = self.inner.known_task(&mut db, tenant, run, task).await?;
        let found = view::human_input::at_try(&mut db, tenant, key, number).await?;
        let mut found = found.ok_or_else(|| no_question(task.0))?;
        self.inner.complete(&mut db, tenant, [&mut found.task_instance]).await?;
        Ok(found)
    }

    /// Answers what a task instance asks. Only the first answer counts.
    pub async fn answer(
        &self,
        actor: &Actor,
        (dag, run_id): (&DagId, &RunId),
        (task, map_index): (&TaskId, Option<u32>),
        answer: Answer,
    ) -> Result<HitlResponse, ServiceError> {
        let (mut tx, run) = self.locked_run("answer", &actor.tenant, dag, run_id).await?;
        let version = self.inner.engine.versions.get(&mut tx, &actor.tenant, run.version).await?;
        let absent = || ServiceError::not_found("task instance", task);
        let index = version.graph.find(task).ok_or_else(absent)?;
        let key = TaskKey { run: run.key, task: index, map_index };
        let engine = &self.inner.engine;
        let holding = Holding::load(&mut tx, engine, vec![run]).await?;
        let mut plan = Plan::new(engine, engine.now(), &holding);
        plan.load(&mut tx, &[key]).await?;
        let row = plan.row(key).ok_or_else(absent)?;
        let Some((attempt, Waiting::Human { form, .. })) = open_question(row) else {
            let asked = view::human_input::get(&mut tx, &actor.tenant, key).await?;
            return Err(
                asked.map_or_else(|| no_question(task), |asked| too_late(task, asked.question.response_received))
            );
        };
        let answered = accept(form, &actor.name, answer, plan.now)?;
        take(&mut plan, attempt, key, answered.clone())?;
        plan.settle(&mut tx).await?;
        let written = plan.write(&mut tx).await?;
        let extra = json!({"task_id": task, "map_index": map_index, "chosen_options": answered.chosen_options});
        audit::note_run(&mut tx, actor, self.now(), "answer", (dag, run_id), &extra)?;
        self.conclude(tx, written).await?;
        let Answered { chosen_options, params_input, responded_at, responded_by_user } = answered;
        Ok(HitlResponse { responded_by: responded_by_user, responded_at, chosen_options, params_input })
    }
}

/// The question that a task instance waits with, and the wait.
fn open_question(row: &TaskRow) -> Option<(AttemptId, &Waiting)> {
    match row.node.status.phase {
        Phase::AwaitingInput(attempt) => Some((attempt, row.wait.as_ref()?)),
        Phase::None
        | Phase::Scheduled
        | Phase::Queued(_)
        | Phase::Running(_)
        | Phase::UpForRetry(..)
        | Phase::UpForReschedule(..)
        | Phase::Deferred(_)
        | Phase::Ended(_) => None,
    }
}

fn no_question(task: &TaskId) -> ServiceError {
    ServiceError::not_found("question of task instance", task)
}

fn too_late(task: &TaskId, is_answered: bool) -> ServiceError {
    let reason = if is_answered { "it has its answer already" } else { "it does not wait for an answer any more" };
    ServiceError::conflict(format!("question of task instance {:?}", task.as_str()), reason)
}

impl From<AnswerError> for ServiceError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotAsked(_) => Self::Denied(error.to_string()),
            AnswerError::Nothing(_)
            | AnswerError::Several(_)
            | AnswerError::Twice(_)
            | AnswerError::Unknown { .. }
            | AnswerError::Field(_)
            | AnswerError::Param(_) => Self::invalid("the answer", error.to_string()),
        }
    }
}

/// Nobody answered in time: what the question says then counts.
pub(crate) fn take_defaults(plan: &mut Plan<'_>, attempt: AttemptId, key: TaskKey) -> Result<(), Refusal> {
    let Some(Waiting::Human { form, .. }) = plan.row(key).and_then(|task| task.wait.as_ref()) else {
        return Err(Refusal::NotInMemory(key.instance()));
    };
    let answered = by_default(form, plan.now);
    take(plan, attempt, key, answered)
}

/// Takes an answer: the task goes on with it, or it is the task's result.
pub(crate) fn take(plan: &mut Plan<'_>, attempt: AttemptId, key: TaskKey, answered: Answered) -> Result<(), Refusal> {
    let Some(Waiting::Human { form, resume_key, .. }) = plan.row(key).and_then(|task| task.wait.clone()) else {
        return Err(Refusal::NotInMemory(key.instance()));
    };
    match resume_key {
        Some(resume_key) => {
            let event = Ok(serde_json::json!(answered).to_string());
            waits::go_on(plan, attempt, key, Resume { key: resume_key, event })?;
        }
        None => waits::end(plan, attempt, key, &outcome(&form, &answered))?,
    }
    plan.note_answer(attempt, answered);
    Ok(())
}
