//! Schedules against the answers that Airflow's own timetables gave (`tests/golden/timetables.jsonl`).

use flow_model::dag::ScheduleSpec;
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, Restriction, Schedule};
use serde_json::Value;

fn instant(value: &Value) -> Option<Millis> {
    value.as_str().map(|text| text.parse().expect("an RFC 3339 instant"))
}

/// The schedule of a vector; `None` for timetables and options that `schedule` does not mean.
fn schedule(timetable: &Value) -> Option<Schedule> {
    let plain = timetable["run_immediately"].as_bool() != Some(true) && !timetable["run_immediately"].is_number();
    let spec = match timetable["type"].as_str()? {
        "CronTriggerTimetable" if plain => ScheduleSpec::Cron {
            expression: timetable["cron"].as_str()?.to_owned(),
            timezone: timetable["timezone"].as_str()?.to_owned(),
        },
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds in every vector")]
        "DeltaTriggerTimetable" => {
            ScheduleSpec::Interval { every_ms: (timetable["delta_s"].as_f64()? * 1000.0) as u64 }
        }
        _ => return None,
    };
    Some(Schedule::parse(&spec).expect("Airflow accepted it"))
}

fn check(vector: &Value) -> Result<bool, String> {
    let Some(schedule) = schedule(&vector["timetable"]) else { return Ok(false) };
    let limits = Restriction {
        earliest: instant(&vector["earliest"]),
        latest: instant(&vector["latest"]),
        catchup: vector["catchup"].as_bool().expect("a flag"),
    };
    let now = instant(&vector["now"]).expect("an instant");
    let mut last = instant(&vector["last"]["end"]).map(|end| DataInterval { start: end, end });
    for expected in vector["runs"].as_array().expect("runs") {
        let found = schedule.next(last, limits, now);
        if found.map(|run| run.run_after) != instant(&expected["run_after"]) {
            return Err(format!("{}: expected {expected}, found {found:?}\n{vector}", vector["id"]));
        }
        last = found.map(|run| run.interval);
    }
    Ok(true)
}

#[test]
fn schedules_agree_with_airflow() {
    let text = include_str!("golden/timetables.jsonl");
    let results: Vec<_> =
        text.lines().map(|line| check(&serde_json::from_str(line).expect("one vector a line"))).collect();
    let failed: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    let passed = results.iter().filter(|result| **result == Ok(true)).count();
    println!("golden timetables: {passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "the first of {}: {}", failed.len(), failed[0]);
    assert!(passed > 60, "only {passed} vectors apply");
}
