//! What a DAG's version says of when its runs are made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::backfill;
use crate::dag::{DagSpec, ScheduleSpec};
use crate::run::{RunType, permits};
use crate::timetable::Schedule;

/// Which runs a DAG's schedule makes, and which runs there may be besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timing {
    /// Whether it has a run for each part of its assets.
    pub timetable_partitioned: bool,
    /// Whether its runs come again and again by time.
    pub timetable_periodic: bool,
    /// Whether a range of its runs can be backfilled.
    pub is_backfillable: bool,
    /// The kinds of run there may be; null for all of them.
    pub allowed_run_types: Option<Vec<RunType>>,
}

impl From<&DagSpec> for Timing {
    fn from(spec: &DagSpec) -> Self {
        let schedule = spec.schedule.as_ref().and_then(|schedule| Schedule::parse(schedule).ok());
        let allowed = &spec.allowed_run_types;
        Self {
            timetable_partitioned: spec.schedule.as_ref().is_some_and(ScheduleSpec::is_partitioned),
            timetable_periodic: schedule.as_ref().is_some_and(Schedule::is_periodic),
            is_backfillable: schedule.as_ref().is_some_and(backfill::is_known) && permits(allowed, RunType::Backfill),
            allowed_run_types: (!allowed.is_empty()).then(|| allowed.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_schedule_says_which_runs_it_makes() {
        let timing = |schedule: Value, allowed: Value| {
            let dag = json!({"dag_id": "d", "schedule": schedule, "allowed_run_types": allowed, "tasks": []});
            let Timing { timetable_partitioned, timetable_periodic, is_backfillable, allowed_run_types } =
                Timing::from(&serde_json::from_value::<DagSpec>(dag).expect("a DAG"));
            (timetable_partitioned, timetable_periodic, is_backfillable, allowed_run_types.is_some())
        };
        let daily = json!({"cron": {"expression": "@daily"}});
        let asset = json!({"asset": {"name": "a"}});
        assert_eq!(timing(json!(null), json!([])), (false, false, false, false));
        assert_eq!(timing(daily.clone(), json!([])), (false, true, true, false));
        assert_eq!(timing(daily.clone(), json!(["scheduled"])), (false, true, false, true));
        assert_eq!(timing(daily, json!(["backfill"])), (false, true, true, true));
        assert_eq!(timing(json!("once"), json!([])), (false, false, false, false));
        assert_eq!(timing(json!({"custom": {"timetable": "t"}}), json!([])), (false, true, false, false));
        assert_eq!(timing(json!({"assets": {"expression": asset}}), json!([])), (false, false, false, false));
        let parts = json!({"assets": {"expression": asset, "partitions": {"mapper": "identity"}}});
        assert_eq!(timing(parts, json!([])), (true, false, false, false));
    }
}
