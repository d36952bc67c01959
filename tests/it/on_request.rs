//! Runs that somebody asks for besides those of the schedule, by commands: a range of dates, and one task.

use flow_tests::component;
use serde_json::{Value, json};

use crate::shell::Shell;

/// Somebody whose tenant has these modules.
fn shell_with(modules: &[&str]) -> Shell {
    let shell = Shell::of_member();
    for module in modules {
        let file = shell.path(&format!("{module}.wasm"));
        std::fs::write(&file, component(module)).expect("the component can be written");
        shell.done(&["upload", file.to_str().expect("the path is UTF-8")]);
    }
    shell
}

fn texts(entries: &Value, name: &str) -> Vec<String> {
    let entries = entries.as_array().expect("a list").iter();
    entries.map(|entry| entry[name].as_str().expect("a text").to_owned()).collect()
}

const WEEKS: [&str; 3] = ["2025-12-07T00:00:00Z", "2025-12-14T00:00:00Z", "2025-12-21T00:00:00Z"];

#[test]
fn a_backfill_makes_the_runs_of_a_range() {
    let shell = shell_with(&["timetable"]);
    let range = ["timetable_weekly", "--from-date", "2025-12-07", "--to-date", "2025-12-21"];
    let create = [&["backfill", "create"][..], &range].concat();
    let planned = shell.json(&[&create[..], &["--dry-run"]].concat());
    assert_eq!(texts(&planned, "logical_date"), WEEKS);
    assert_eq!(shell.json(&["backfill", "list"]), json!([]), "a dry run makes nothing");

    let made = shell.json(&[&create[..], &["--run-backwards", "--max-active-runs", "1"]].concat());
    assert_eq!((&made["max_active_runs"], &made["run_backwards"]), (&json!(1), &json!(true)));
    let id = made["id"].to_string();
    let ended = loop {
        let backfill = shell.json(&["backfill", "get", &id]);
        if !backfill["completed_at"].is_null() {
            break backfill;
        }
    };
    assert_eq!((&ended["progress"]["ended"], &ended["progress"]["waiting"]), (&json!(3), &json!(0)));
    let runs = shell.json(&["runs", "list", "timetable_weekly", "--limit", "100"]);
    let runs = runs.as_array().expect("a list").iter().filter(|run| run["run_type"] == "backfill");
    assert_eq!(runs.map(|run| &run["state"]).collect::<Vec<_>>(), ["success"; 3]);
    let first = texts(&planned, "dag_run_id").remove(0);
    assert_eq!(shell.done(&["xcoms", "get", "timetable_weekly", &first, "cover"]), "2025-12-07/2025-12-14\n");

    let again = shell.json(&[&create[..], &["--dry-run", "--reprocess-behavior", "completed"]].concat());
    assert_eq!(again.as_array().map(|runs| runs.iter().filter(|run| run["reprocesses"] == true).count()), Some(3));
    assert!(shell.fails(1, &["backfill", "cancel", &id]).contains("409"));
}

#[test]
fn a_backfill_is_refused_with_the_reason() {
    let shell = shell_with(&["timetable"]);
    for (args, reason) in [
        (["timetable_weekly", "--from-date", "2026-01-20", "--to-date", "2026-01-10"], "to_date is before from_date"),
        (["timetable", "--from-date", "2026-01-01", "--to-date", "2026-01-10"], "trigger its runs one by one"),
        (["timetable_weekly", "--from-date", "2026-01-05", "--to-date", "2026-01-06"], "no run between these dates"),
        (["nothing", "--from-date", "2026-01-01", "--to-date", "2026-01-10"], "404"),
    ] {
        let said = shell.fails(1, &[&["backfill", "create"][..], &args].concat());
        assert!(said.contains(reason), "{args:?}: {said}");
    }
}

#[test]
fn one_task_runs_alone_or_after_its_upstream() {
    let shell = shell_with(&["hello"]);
    let conf = r#"{"name": "Ada"}"#;
    let alone = ["tasks", "run", "hello", "greet", "--conf", conf, "--run-id", "alone", "--wait"];
    assert_eq!(shell.json(&alone)["state"], "success");
    assert_eq!(texts(&shell.json(&["tasks", "states", "hello", "alone"]), "task_id"), ["greet"]);
    assert_eq!(shell.done(&["xcoms", "get", "hello", "alone", "greet"]), "Hello, Ada!\n");

    let tell = ["tasks", "run", "hello", "tell", "--conf", conf, "--with-upstream", "--run-id", "told", "--wait"];
    assert_eq!(shell.json(&tell)["state"], "success");
    let log = shell.done(&["tasks", "logs", "hello", "told", "tell"]);
    assert!(log.contains("Hello, Ada!"), "{log}");
    let run = shell.json(&["runs", "get", "hello", "told"]);
    assert_eq!((&run["triggered_by"], &run["triggering_user_name"]), (&json!("cli"), &json!("ada")));
    assert!(shell.fails(1, &["tasks", "run", "hello", "nobody"]).contains("nobody"));
}
