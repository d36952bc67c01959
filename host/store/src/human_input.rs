//! Questions to people, and their answers.

use flow_model::dag::HumanInputSpec;
use flow_model::human_input::Answered;
use flow_model::ids::{AttemptId, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;
use crate::task_instance::TaskKey;

/// A question that is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct NewQuestion {
    /// The wait for its answer.
    pub attempt: AttemptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The task instance that asks.
    pub task: TaskKey,
    /// At which try.
    pub try_number: u32,
    /// What it asks.
    pub form: HumanInputSpec,
    /// When.
    pub asked_at: Millis,
    /// By when it has to be answered.
    pub until: Option<Millis>,
}

#[derive(Serialize)]
struct Columns<'a> {
    attempt: AttemptId,
    tenant: &'a str,
    run_key: String,
    task_index: u32,
    map_index: i64,
    try_number: u32,
    subject: &'a str,
    body: Option<&'a str>,
    options: String,
    defaults: Option<String>,
    multiple: bool,
    params: String,
    assigned_users: String,
    created_at: i64,
    response_until: Option<i64>,
}

const INSERT: Batch = batch!(
    "INSERT INTO human_input (attempt, tenant, run_key, task_index, map_index, try_number, subject, body, options, \
     defaults, multiple, params, assigned_users, created_at, response_until) SELECT r.attempt, r.tenant, r.run_key, \
     r.task_index, r.map_index, r.try_number, r.subject, r.body, r.options, r.defaults, r.multiple, r.params, \
     r.assigned_users, r.created_at, r.response_until FROM ",
    rows(
        attempt text,
        tenant text,
        run_key text,
        task_index bigint,
        map_index bigint,
        try_number bigint,
        subject text,
        body text,
        options text,
        defaults text,
        multiple boolean,
        params text,
        assigned_users text,
        created_at bigint,
        response_until bigint
    ),
    ""
);

/// Keeps questions for those who may answer.
pub async fn insert(db: &mut Session, questions: &[NewQuestion]) -> Result<(), StoreError> {
    for part in questions.chunks(column::ROWS_PER_STATEMENT) {
        let part = part.iter().map(Columns::try_from).collect::<Result<Vec<_>, _>>()?;
        db.write(INSERT, &part).await?;
    }
    Ok(())
}

impl<'a> TryFrom<&'a NewQuestion> for Columns<'a> {
    type Error = StoreError;

    fn try_from(new: &'a NewQuestion) -> Result<Self, StoreError> {
        let form = &new.form;
        let params = if form.params.is_null() { "{}".to_owned() } else { column::to_json(&form.params)? };
        Ok(Self {
            attempt: new.attempt,
            tenant: new.tenant.as_str(),
            run_key: new.task.run.to_string(),
            task_index: new.task.task.0,
            map_index: column::map_index(new.task.map_index),
            try_number: new.try_number,
            subject: &form.subject,
            body: form.body.as_deref(),
            options: column::to_json(&form.options)?,
            defaults: form.defaults.as_ref().map(column::to_json).transpose()?,
            multiple: form.multiple,
            params,
            assigned_users: column::to_json(&form.assigned_users)?,
            created_at: new.asked_at.0,
            response_until: new.until.map(|at| at.0),
        })
    }
}

#[derive(Serialize)]
struct AnswerColumns<'a> {
    attempt: AttemptId,
    responded_at: i64,
    responded_by: Option<&'a str>,
    chosen_options: String,
    params_input: String,
}

const ANSWER: Batch = batch!(
    "UPDATE human_input SET responded_at = r.responded_at, responded_by = r.responded_by, \
     chosen_options = r.chosen_options, params_input = r.params_input FROM ",
    rows(attempt text, responded_at bigint, responded_by text, chosen_options text, params_input text),
    " WHERE human_input.attempt = r.attempt AND human_input.responded_at IS NULL"
);

/// Keeps answers. The caller holds the locks of their runs, so nobody else answers.
pub async fn answer(db: &mut Session, answers: &[(AttemptId, Answered)]) -> Result<(), StoreError> {
    let part = answers
        .iter()
        .map(|(attempt, answered)| {
            Ok(AnswerColumns {
                attempt: *attempt,
                responded_at: answered.responded_at.0,
                responded_by: answered.responded_by_user.as_ref().map(|user| user.id.as_str()),
                chosen_options: column::to_json(&answered.chosen_options)?,
                params_input: column::to_json(&answered.params_input)?,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    db.write(ANSWER, &part).await?;
    Ok(())
}
