//! Tries of task instances as the API shows them.

use flow_model::ids::TenantId;
use flow_model::rest::task_instances::TaskTry;
use flow_model::state::TaskInstanceState;
use flow_model::work::Usage;

use super::dag_runs::seconds_between;
use super::dag_versions::{VersionColumns, with_version};
use crate::column;
use crate::error::StoreError;
use crate::listing::{Selection, Source};
use crate::session::Session;
use crate::task_instance::TaskKey;

/// A try, past or present, among the columns of its task instance.
#[derive(sqlx::FromRow)]
pub(super) struct TryColumns {
    dag_id: String,
    run_id: String,
    task_id: String,
    map_index: i64,
    state: String,
    try_number: i64,
    max_tries: i64,
    queued_at: Option<i64>,
    start_date: Option<i64>,
    end_date: Option<i64>,
    hostname: Option<String>,
    error_class: Option<String>,
    error_message: Option<String>,
    cpu_us: Option<i64>,
    wall_us: Option<i64>,
    peak_memory: Option<i64>,
    #[sqlx(flatten)]
    version: VersionColumns,
}

impl TryColumns {
    fn usage(&self) -> Result<Option<Usage>, StoreError> {
        let (Some(cpu), Some(wall), Some(peak)) = (self.cpu_us, self.wall_us, self.peak_memory) else {
            return Ok(None);
        };
        Ok(Some(Usage {
            cpu_us: column::count("task_instance.cpu_us", cpu)?,
            wall_us: column::count("task_instance.wall_us", wall)?,
            peak_memory_bytes: column::count("task_instance.peak_memory", peak)?,
        }))
    }
}

impl TryFrom<TryColumns> for TaskTry {
    type Error = StoreError;

    fn try_from(row: TryColumns) -> Result<Self, StoreError> {
        let state = column::named("task_instance.state", &row.state, TaskInstanceState::from_name)?;
        Ok(Self {
            usage: row.usage()?,
            task_id: column::text("task_instance.task_id", &row.task_id)?,
            dag_id: column::text("dag_run.dag_id", &row.dag_id)?,
            dag_run_id: column::text("dag_run.run_id", &row.run_id)?,
            map_index: row.map_index,
            start_date: column::instant(row.start_date),
            end_date: column::instant(row.end_date),
            duration: seconds_between(row.start_date, row.end_date),
            state: (state != TaskInstanceState::None).then_some(state),
            try_number: column::count("task_instance.try_number", row.try_number)?,
            max_tries: column::count("task_instance.max_tries", row.max_tries)?,
            task_display_name: row.task_id,
            dag_display_name: row.dag_id,
            hostname: row.hostname,
            unixname: None,
            pool: "default_pool".to_owned(),
            pool_slots: 1,
            queue: Some("default".to_owned()),
            priority_weight: Some(1),
            operator: None,
            operator_name: None,
            queued_when: column::instant(row.queued_at),
            scheduled_when: column::instant(row.queued_at),
            pid: None,
            executor: None,
            executor_config: "{}".to_owned(),
            dag_version: Some(row.version.try_into()?),
            error_class: column::class("task_instance.error_class", row.error_class.as_deref())?,
            error_message: row.error_message,
        })
    }
}

/// A SELECT with what [`TryColumns`] holds at its end. The try is `p`: a row of `task_try`, or the task instance itself;
/// `$task` is the task instance.
macro_rules! with_try {
    ($select:literal, $task:literal) => {
        with_version!(concat!($select, with_try!(@columns $task)))
    };
    (@columns $task:literal) => {
        concat!(
            " r.dag_id, r.run_id, ",
            $task,
            ".task_id, ",
            $task,
            ".max_tries, p.map_index, p.state, p.try_number, p.queued_at, p.start_date, p.end_date, ",
            "j.hostname, p.error_class, p.error_message, p.cpu_us, p.wall_us, p.peak_memory,"
        )
    };
}

pub(super) use with_try;

const SELECT: &str = with_try!("SELECT", "t");
const TRIES: Source = Source {
    from: "FROM task_try AS p JOIN task_instance AS t ON t.run_key = p.run_key AND t.task_index = p.task_index \
     AND t.map_index = p.map_index JOIN dag_run AS r ON r.run_key = p.run_key",
    beside: "LEFT JOIN dag_version AS v ON v.id = r.version LEFT JOIN job AS j ON j.id = p.worker",
    whose: "p.tenant = ?",
};

/// The tries of a task instance before its present or last one, in order.
pub async fn past(db: &mut Session, tenant: &TenantId, task: TaskKey) -> Result<Vec<TaskTry>, StoreError> {
    let tries = Selection::of(TRIES, tenant)
        .and("p.run_key = ?", [task.run.to_string()])
        .and("p.task_index = ?", [task.task.0])
        .and("p.map_index = ?", [column::map_index(task.map_index)]);
    let rows = tries.rows::<TryColumns>(db, SELECT, "ORDER BY p.try_number").await?;
    rows.into_iter().map(TaskTry::try_from).collect()
}
