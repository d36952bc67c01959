//! Timetables: ten runs in a row, each asked for with the data interval of the one before.

use flow_model::delta::{CalendarDelta, Delta};
use flow_model::schedule::{RunImmediately, ScheduleSpec};
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun, Restriction, Schedule};
use serde::Deserialize;
use serde_json::Value;

use crate::member;

/// A row of the vector, as Airflow's `DagRunInfo` has it.
#[derive(Debug, PartialEq, Deserialize)]
struct Row {
    run_after: Millis,
    start: Millis,
    end: Millis,
    logical_date: Millis,
}

impl From<NextRun> for Row {
    fn from(run: NextRun) -> Self {
        let DataInterval { start, end } = run.interval;
        Self { run_after: run.run_after, start, end, logical_date: start }
    }
}

pub(crate) fn check(vector: &Value) -> Result<(), String> {
    let spec = spec(&vector["timetable"])?;
    let schedule = Schedule::parse(&spec).map_err(|error| error.to_string())?;
    let limits = restriction(vector)?;
    let now = member(vector, "now")?;
    let mut last: Option<DataInterval> = member(vector, "last")?;
    let expected: Vec<Option<Row>> = member(vector, "runs")?;
    for (number, expected) in (1..).zip(&expected) {
        let run = schedule.next(last, limits, now);
        let found = run.map(Row::from);
        if found != *expected {
            return Err(format!("run {number}: expected {expected:?}, got {found:?}"));
        }
        last = run.map(|run| run.interval);
    }
    if vector["error"].is_null() { Ok(()) } else { goes_on(&schedule, last, limits, now) }
}

/// Where Airflow fails there is no answer to compare with, but a next run there must be, if only after `latest`.
fn goes_on(schedule: &Schedule, last: Option<DataInterval>, limits: Restriction, now: Millis) -> Result<(), String> {
    let run = schedule.next(last, Restriction { latest: None, ..limits }, now);
    let is_later = |run: &NextRun| last.is_none_or(|last| last.start < run.interval.start && last.end <= run.run_after);
    if run.as_ref().is_some_and(is_later) { Ok(()) } else { Err(format!("expected a run after {last:?}, got {run:?}")) }
}

fn restriction(vector: &Value) -> Result<Restriction, String> {
    Ok(Restriction {
        earliest: member(vector, "earliest")?,
        latest: member(vector, "latest")?,
        catchup: member(vector, "catchup")?,
    })
}

fn spec(timetable: &Value) -> Result<ScheduleSpec, String> {
    let kind: String = member(timetable, "type")?;
    Ok(match kind.as_str() {
        "CronTriggerTimetable" => ScheduleSpec::Cron {
            expression: member(timetable, "cron")?,
            timezone: member(timetable, "timezone")?,
            interval: interval(timetable)?,
            run_immediately: run_immediately(timetable)?,
        },
        "MultipleCronTriggerTimetable" => ScheduleSpec::MultipleCron {
            expressions: member(timetable, "crons")?,
            timezone: member(timetable, "timezone")?,
            interval: interval(timetable)?,
            run_immediately: run_immediately(timetable)?,
        },
        "DeltaTriggerTimetable" => ScheduleSpec::Delta { every: delta(timetable)?, interval: interval(timetable)? },
        "CronDataIntervalTimetable" => ScheduleSpec::CronDataInterval {
            expression: member(timetable, "cron")?,
            timezone: member(timetable, "timezone")?,
        },
        "DeltaDataIntervalTimetable" => ScheduleSpec::DeltaDataInterval { every: delta(timetable)? },
        "OnceTimetable" => ScheduleSpec::Once,
        "ContinuousTimetable" => ScheduleSpec::Continuous,
        "NullTimetable" => ScheduleSpec::Never,
        "EventsTimetable" => {
            let at = member(timetable, "event_dates")?;
            ScheduleSpec::Events { at, restrict_to_events: false, description: None }
        }
        unknown => return Err(format!("no such timetable: {unknown}")),
    })
}

fn interval(timetable: &Value) -> Result<Option<Delta>, String> {
    member::<Option<f64>>(timetable, "interval_s")?.map(milliseconds).transpose()
}

fn delta(timetable: &Value) -> Result<Delta, String> {
    match member::<Option<CalendarDelta>>(timetable, "relativedelta")? {
        Some(calendar) => Ok(Delta::Calendar(calendar)),
        None => milliseconds(member(timetable, "delta_s")?),
    }
}

fn milliseconds(seconds: f64) -> Result<Delta, String> {
    let span = std::time::Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    u64::try_from(span.as_millis()).map(Delta::Ms).map_err(|error| error.to_string())
}

/// Airflow takes `False` and `None` alike.
fn run_immediately(timetable: &Value) -> Result<RunImmediately, String> {
    Ok(match &timetable["run_immediately"] {
        Value::Bool(true) => RunImmediately::Always,
        Value::Bool(false) | Value::Null => RunImmediately::IfRecent,
        seconds => match milliseconds(seconds.as_f64().ok_or_else(|| format!("run_immediately: {seconds}"))?)? {
            Delta::Ms(ms) => RunImmediately::WithinMs(ms),
            Delta::Calendar(_) => return Err(format!("run_immediately: {seconds}")),
        },
    })
}
