//! Schedules, end to end: a timetable in code, catching up, and what is to come in a time zone.

use std::collections::BTreeSet;

use flow_model::time::Millis;
use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};
use crate::shell::Shell;

on_both_databases!(missed_runs_are_made_up_for, what_is_to_come_goes_by_the_clock_of_its_zone);

/// The runs of a DAG once there are so many, and all have ended.
async fn runs(tenant: &Client, dag: &str, count: u64) -> Vec<Value> {
    loop {
        let list = tenant.get(format!("/api/v2/dags/{dag}/dagRuns?order_by=logical_date")).await.expect(200);
        let runs = list["dag_runs"].as_array().expect("a list");
        if list["total_entries"] == count && runs.iter().all(|run| run["state"] == "success") {
            return runs.clone();
        }
    }
}

async fn missed_runs_are_made_up_for(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("timetable", component("timetable")).await.expect(201);
    let workdays = ["02/2026-01-03", "05/2026-01-06", "07/2026-01-08", "08/2026-01-09", "09/2026-01-10"];
    let weeks = ["04/2026-01-11", "11/2026-01-18", "18/2026-01-25", "25/2026-02-01"];
    for (dag, days) in [("timetable", &workdays[..]), ("timetable_weekly", &weeks)] {
        let made = runs(&tenant, dag, days.len() as u64).await;
        for (run, day) in made.iter().zip(days) {
            assert_eq!((&run["run_type"], &run["triggered_by"]), (&json!("scheduled"), &json!("timetable")));
            let id = run["dag_run_id"].as_str().expect("an id");
            assert_eq!(tenant.result(dag, id, "cover").await, format!("2026-01-{day}"), "{dag}");
        }
        let next = tenant.get(format!("/api/v2/dags/{dag}/nextRuns")).await.expect(200);
        assert_eq!(next["total_entries"], 0, "{dag} is over");
    }
}

/// The weekday from 0 for Sunday, and the hour in UTC, of when a run is due.
fn due(run: &Value) -> (i64, i64) {
    let at: Millis = run["run_after"].as_str().expect("a text").parse().expect("an instant");
    assert_eq!(at.0 % 3_600_000, 0, "{run}");
    ((at.0.div_euclid(86_400_000) + 4).rem_euclid(7), at.0.rem_euclid(86_400_000) / 3_600_000)
}

async fn what_is_to_come_goes_by_the_clock_of_its_zone(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("timetable", component("timetable")).await.expect(201);
    for is_paused in [false, true] {
        tenant.patch("/api/v2/dags/timetable_mornings", &json!({ "is_paused": is_paused })).await.expect(200);
        let next = tenant.get("/api/v2/dags/timetable_mornings/nextRuns?limit=400").await.expect(200);
        let next = next["next_dag_runs"].as_array().expect("a list");
        assert_eq!(next.len(), 400, "paused: {is_paused}");
        let (on_saturday, on_workdays): (Vec<_>, Vec<_>) = next.iter().map(due).partition(|(day, _)| *day == 6);
        assert!(on_workdays.iter().all(|(day, _)| (1..=5).contains(day)), "nothing on Sundays");
        let hours = |due: Vec<(i64, i64)>| due.into_iter().map(|(_, hour)| hour).collect::<BTreeSet<_>>();
        assert_eq!(hours(on_workdays), BTreeSet::from([4, 5]), "6 o'clock, in summer and in winter");
        assert_eq!(hours(on_saturday), BTreeSet::from([7, 8]), "9 o'clock, in summer and in winter");
    }
    tenant.get("/api/v2/dags/nothing/nextRuns").await.expect(404);
}

#[test]
fn the_command_line_says_what_is_to_come() {
    let shell = Shell::of_member();
    let file = shell.path("timetable.wasm");
    std::fs::write(&file, component("timetable")).expect("the component can be written");
    shell.done(&["upload", file.to_str().expect("the path is UTF-8")]);
    let next = shell.json(&["dags", "next-execution", "timetable_mornings", "--num-executions", "3"]);
    let next = next.as_array().expect("a list");
    assert_eq!(next.len(), 3);
    assert!(next.iter().all(|run| run["logical_date"] == run["run_after"]), "{next:?}");
}
