//! A run's columns, and what they mean.

use flow_model::run::{RunType, TriggeredBy};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::timetable::DataInterval;
use serde::Serialize;

use super::RunRow;
use crate::column;
use crate::error::StoreError;

/// Read and written in this one shape.
#[derive(Serialize, sqlx::FromRow)]
pub(crate) struct Columns {
    run_key: String,
    tenant: String,
    dag_id: String,
    run_id: String,
    version: String,
    state: String,
    run_type: String,
    logical_date: Option<i64>,
    data_interval_start: Option<i64>,
    data_interval_end: Option<i64>,
    run_after: i64,
    queued_at: i64,
    start_date: Option<i64>,
    end_date: Option<i64>,
    triggered_by: String,
    triggering_user: Option<String>,
    timeout_at: Option<i64>,
    tally: String,
    held: bool,
}

impl TryFrom<&RunRow> for Columns {
    type Error = StoreError;

    fn try_from(row: &RunRow) -> Result<Self, StoreError> {
        Ok(Self {
            run_key: row.key.to_string(),
            tenant: row.tenant.to_string(),
            dag_id: row.dag_id.to_string(),
            run_id: row.run_id.to_string(),
            version: row.version.to_string(),
            state: row.state.to_string(),
            run_type: row.run_type.to_string(),
            logical_date: row.logical_date.map(|at| at.0),
            data_interval_start: row.interval.map(|interval| interval.start.0),
            data_interval_end: row.interval.map(|interval| interval.end.0),
            run_after: row.run_after.0,
            queued_at: row.queued_at.0,
            start_date: row.start_date.map(|at| at.0),
            end_date: row.end_date.map(|at| at.0),
            triggered_by: row.triggered_by.to_string(),
            triggering_user: row.triggering_user.clone(),
            timeout_at: row.timeout_at.map(|at| at.0),
            tally: column::to_json(&row.tally)?,
            held: row.held,
        })
    }
}

impl TryFrom<Columns> for RunRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let interval = row.data_interval_start.zip(row.data_interval_end);
        Ok(Self {
            key: column::text("dag_run.run_key", &row.run_key)?,
            tenant: column::text("dag_run.tenant", &row.tenant)?,
            dag_id: column::text("dag_run.dag_id", &row.dag_id)?,
            run_id: column::text("dag_run.run_id", &row.run_id)?,
            version: column::text("dag_run.version", &row.version)?,
            state: column::named("dag_run.state", &row.state, RunState::from_name)?,
            tally: column::json("dag_run.tally", &row.tally)?,
            timeout_at: column::instant(row.timeout_at),
            held: row.held,
            run_type: column::named("dag_run.run_type", &row.run_type, RunType::from_name)?,
            logical_date: column::instant(row.logical_date),
            interval: interval.map(|(start, end)| DataInterval { start: Millis(start), end: Millis(end) }),
            run_after: Millis(row.run_after),
            queued_at: Millis(row.queued_at),
            start_date: column::instant(row.start_date),
            end_date: column::instant(row.end_date),
            triggered_by: column::named("dag_run.triggered_by", &row.triggered_by, TriggeredBy::from_name)?,
            triggering_user: row.triggering_user,
        })
    }
}
