//! The queue's columns, and what they mean.

use flow_model::graph::TaskIndex;
use flow_model::time::Millis;
use serde::Serialize;

use super::{WorkKind, WorkRow};
use crate::column;
use crate::error::StoreError;
use crate::task_instance::TaskKey;

/// Read and written in this one shape.
#[derive(Default, Serialize, sqlx::FromRow)]
pub(super) struct Columns {
    attempt: String,
    tenant: String,
    kind: String,
    run_key: Option<String>,
    task_index: Option<i64>,
    map_index: Option<i64>,
    try_number: i64,
    module: Option<String>,
    module_version: Option<i64>,
    dag_id: Option<String>,
    payload: Option<String>,
    turn: Option<i64>,
    priority: i64,
    available_at: i64,
    worker: Option<String>,
    lease_until: Option<i64>,
}

impl From<&WorkRow> for Columns {
    fn from(row: &WorkRow) -> Self {
        Self {
            attempt: row.attempt.to_string(),
            tenant: row.tenant.to_string(),
            turn: row.turn.map(|turn| i64::try_from(turn).unwrap_or(i64::MAX)),
            priority: row.priority,
            available_at: row.available_at.0,
            worker: row.lease.map(|(worker, _)| worker.to_string()),
            lease_until: row.lease.map(|(_, until)| until.0),
            ..Self::of(&row.kind)
        }
    }
}

impl Columns {
    fn of(kind: &WorkKind) -> Self {
        match kind {
            WorkKind::Task { key, try_number, brief } => {
                Self { payload: brief.clone(), ..Self::of_task("task", *key, *try_number) }
            }
            WorkKind::Trigger { key, try_number } => Self::of_task("trigger", *key, *try_number),
            WorkKind::Wait { key, try_number } => Self::of_task("wait", *key, *try_number),
            WorkKind::Parse { module, version, losses } => Self {
                kind: "parse".to_owned(),
                try_number: i64::from(*losses) + 1,
                module: Some(module.to_string()),
                module_version: Some((*version).into()),
                ..Self::default()
            },
            WorkKind::Timetable { dag, last, losses } => Self {
                kind: "timetable".to_owned(),
                try_number: i64::from(*losses) + 1,
                dag_id: Some(dag.to_string()),
                payload: last.map(|last| serde_json::json!(last).to_string()),
                ..Self::default()
            },
            WorkKind::Callback { dag, payload, try_number } => Self {
                kind: "callback".to_owned(),
                try_number: (*try_number).into(),
                dag_id: Some(dag.to_string()),
                payload: Some(payload.clone()),
                ..Self::default()
            },
        }
    }

    fn of_task(kind: &str, key: TaskKey, try_number: u32) -> Self {
        Self {
            kind: kind.to_owned(),
            run_key: Some(key.run.to_string()),
            task_index: Some(key.task.0.into()),
            map_index: Some(column::map_index(key.map_index)),
            try_number: try_number.into(),
            ..Self::default()
        }
    }
}

impl TryFrom<Columns> for WorkRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let worker = column::optional("work.worker", row.worker.as_deref())?;
        let turn = row.turn.map(|turn| column::count("work.turn", turn)).transpose()?;
        Ok(Self {
            attempt: column::text("work.attempt", &row.attempt)?,
            tenant: column::text("work.tenant", &row.tenant)?,
            kind: kind(&row)?,
            turn,
            priority: row.priority,
            available_at: Millis(row.available_at),
            lease: worker.zip(column::instant(row.lease_until)),
        })
    }
}

fn kind(row: &Columns) -> Result<WorkKind, StoreError> {
    let tries = || column::count("work.try_number", row.try_number);
    let losses = || column::count("work.try_number", row.try_number - 1);
    Ok(match row.kind.as_str() {
        "task" => WorkKind::Task { key: task_key(row)?, try_number: tries()?, brief: row.payload.clone() },
        "trigger" => WorkKind::Trigger { key: task_key(row)?, try_number: tries()? },
        "wait" => WorkKind::Wait { key: task_key(row)?, try_number: tries()? },
        "parse" => WorkKind::Parse {
            module: column::text("work.module", needed("work.module", row.module.as_deref())?)?,
            version: column::count("work.module_version", needed("work.module_version", row.module_version)?)?,
            losses: losses()?,
        },
        "timetable" => WorkKind::Timetable {
            dag: dag(row)?,
            last: column::optional_json("work.payload", row.payload.as_deref())?,
            losses: losses()?,
        },
        "callback" => WorkKind::Callback {
            dag: dag(row)?,
            payload: needed("work.payload", row.payload.clone())?,
            try_number: tries()?,
        },
        other => {
            return Err(StoreError::Inconsistent {
                column: "work.kind",
                reason: format!("{other:?} is no kind of work"),
            });
        }
    })
}

fn dag(row: &Columns) -> Result<flow_model::ids::DagId, StoreError> {
    column::text("work.dag_id", needed("work.dag_id", row.dag_id.as_deref())?)
}

fn task_key(row: &Columns) -> Result<TaskKey, StoreError> {
    Ok(TaskKey {
        run: column::text("work.run_key", needed("work.run_key", row.run_key.as_deref())?)?,
        task: TaskIndex(column::count("work.task_index", needed("work.task_index", row.task_index)?)?),
        map_index: column::read_map_index(needed("work.map_index", row.map_index)?),
    })
}

fn needed<T>(column: &'static str, value: Option<T>) -> Result<T, StoreError> {
    value.ok_or_else(|| StoreError::Inconsistent { column, reason: "it is empty".to_owned() })
}
