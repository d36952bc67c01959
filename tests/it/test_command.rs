//! `flow-host test`: modules tested as their authors test them in CI, with no server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flow_tests::{binary, component};
use serde_json::Value;
use tempfile::TempDir;

use crate::shell;

/// A folder with components in it, and somebody who types there.
struct Desk(TempDir);

impl Desk {
    fn with(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for name in names {
            let file = folder.path().join(name).with_extension("wasm");
            std::fs::write(file, component(name)).expect("the component can be written");
        }
        std::fs::create_dir(folder.path().join("scratch")).expect("a folder can be made");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `flow-host test` with these arguments.
    fn test(&self, args: &[&str]) -> Output {
        let mut command = shell::command(self.0.path());
        settle(&mut command, self.0.path());
        command.arg("test").args(args).output().expect("flow-host starts")
    }

    /// What a test that passes shows as JSON.
    #[track_caller]
    fn passes(&self, args: &[&str]) -> Value {
        let output = self.test(&[args, &["-o", "json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", shown(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    /// What a test says on standard error that ends with this exit code.
    #[track_caller]
    fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.test(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", shown(&output));
        String::from_utf8(output.stderr).expect("standard error is UTF-8")
    }
}

/// Compiled code is kept where the next run of these tests finds it; everything else goes into the folder.
fn settle(command: &mut Command, folder: &Path) {
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command.env("TMPDIR", folder.join("scratch"));
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The task instance of this name in what a test shows as JSON.
fn task<'v>(shown: &'v Value, name: &str) -> &'v Value {
    let tasks = shown["task_instances"].as_array().expect("a list");
    tasks.iter().find(|task| task["task_id"] == name).unwrap_or_else(|| panic!("no task {name} in {shown}"))
}

const HOUR: f64 = 3_600.0;

/// Each example that can be run by itself, and what it does.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("hello", &["--conf", r#"{"name": "Ada"}"#, "--expect", r#"tell="Hello, Ada! (8 letters)""#]),
    (
        "flaky",
        &["--conf", r#"{"mode": "skip"}"#, "--expect-state", "after=skipped", "--expect-state", "always=success"],
    ),
    (
        "branching",
        &["--conf", r#"{"rows": 0}"#, "--expect-state", "load_all=skipped", "--expect-state", "join=skipped"],
    ),
    (
        "mapping",
        &[
            "--conf",
            r#"{"count": 3}"#,
            "--expect",
            "double=[2, 4, 6]",
            "--expect",
            "double[1]=4",
            "--expect",
            "total=12",
        ],
    ),
    ("groups", &["--conf", r#"{"fail": "query"}"#, "--expect-state", "run=failed"]),
    ("retries", &["--conf", r#"{"kind": "RateLimited"}"#, "--expect", "fetch=3", "--expect", "back_off=4"]),
    ("callbacks", &[]),
    ("limits", &[]),
    ("timetable", &[]),
];

#[test]
fn the_examples_do_what_they_say() {
    for (name, args) in EXAMPLES {
        let desk = Desk::with(&[name]);
        let file = format!("{name}.wasm");
        let shown = desk.passes(&[&[file.as_str(), name], *args].concat());
        let met = shown["expectations"].as_array().expect("a list").iter().filter(|one| one["met"] == true).count();
        let asked = args.iter().filter(|arg| matches!(**arg, "--expect" | "--expect-state")).count();
        let asked_of_run = args.contains(&"run=failed") || args.contains(&"run=success");
        assert_eq!(met, asked + usize::from(!asked_of_run), "{name}: {shown}");
    }
}

#[test]
fn the_main_job_finds_its_variable_its_connection_and_its_data() {
    let desk = Desk::with(&["etl"]);
    let conf = concat!("@", env!("CARGO_MANIFEST_DIR"), "/../guest-examples/etl/conf.json");
    std::fs::write(desk.path("connections.json"), r#"{"reports": "http://reports.example.com"}"#).expect("written");
    let given = ["--conf", conf, "--var", "temperature_unit=fahrenheit", "--conns-file", "connections.json"];
    let shown = desk.passes(&[&["etl.wasm", "etl"], &given[..]].concat());
    assert_eq!(task(&shown, "deliver")["try_number"], 2);
    assert_eq!(task(&shown, "deliver")["return_value"]["to"], "http://reports.example.com/");
    let january = &task(&shown, "report")["return_value"][0];
    assert!(january["mean_max"].as_f64().is_some_and(|degrees| degrees > 32.0), "{january}");
}

#[test]
fn waits_and_retries_take_no_time() {
    let desk = Desk::with(&["retries", "waiting"]);
    // Two pauses of an hour each.
    let shown = desk.passes(&["retries.wasm", "retries", "--conf", r#"{"kind": "Other"}"#, "--expect", "fetch=3"]);
    assert!(shown["own_seconds"].as_f64().is_some_and(|own| (2.0 * HOUR..3.0 * HOUR).contains(&own)), "{shown}");
    // Nobody answers for an hour, so that the default counts.
    let shown = desk.passes(&["waiting.wasm", "waiting", "--expect-state", "publish=skipped"]);
    assert!(shown["own_seconds"].as_f64().is_some_and(|own| (HOUR..2.0 * HOUR).contains(&own)), "{shown}");
    assert!(shown["real_seconds"].as_f64().is_some_and(|real| real < HOUR / 2.0), "{shown}");
    assert_eq!(task(&shown, "file_is_there")["return_value"], "seen at look 3");
}

#[test]
fn questions_are_answered() {
    let desk = Desk::with(&["waiting"]);
    let whole = r#"release={"chosen_options": ["publish"], "params_input": {"copies": 2}}"#;
    let published = r#"publish="seen at look 3; job-1 ended; 2 copies""#;
    let shown = desk.passes(&["waiting.wasm", "waiting", "--answer", whole, "--expect", published]);
    assert!(shown["own_seconds"].as_f64().is_some_and(|own| own < HOUR), "{shown}");
    desk.passes(&["waiting.wasm", "waiting", "--answer", "release=drop", "--expect-state", "publish=skipped"]);
    let said = desk.fails(1, &["waiting.wasm", "waiting", "--answer", "release=burn"]);
    assert!(said.contains("what --answer says is refused") && said.contains("\"burn\""), "{said}");
}

#[test]
fn what_is_not_as_expected_is_said_and_written_down() {
    let desk = Desk::with(&["hello"]);
    let expected = ["--expect", r#"greet="Hello, <Bob>!""#, "--expect", "count_letters=8"];
    let args =
        [&["hello.wasm", "hello", "--conf", r#"{"name": "Ada"}"#, "--junit", "report.xml"], &expected[..]].concat();
    let said = desk.fails(1, &args);
    assert!(said.contains(r#"greet returns "Hello, <Bob>!", but it returned "Hello, Ada!""#), "{said}");
    let report = std::fs::read_to_string(desk.path("report.xml")).expect("it was written");
    for part in [
        r#"<testsuites name="flow-host test" tests="6" failures="1" errors="0""#,
        r#"<testsuite name="hello" skipped="0""#,
        r#"name="greet returns &quot;Hello, &lt;Bob&gt;!&quot;" time="0.000">"#,
        r#"<failure message="it returned &quot;Hello, Ada!&quot;"/>"#,
        r#"name="the run ends as success" time="0.000"/>"#,
        r#"name="task greet""#,
    ] {
        assert!(report.contains(part), "{part} is missing in {report}");
    }
    assert_eq!(report.matches("<testcase ").count(), 6, "{report}");
}

#[test]
fn a_run_that_fails_shows_why() {
    let desk = Desk::with(&["flaky"]);
    let fail = ["flaky.wasm", "flaky", "--conf", r#"{"mode": "fail"}"#];
    let output = desk.test(&fail);
    let said = shown(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("this can never work"), "{said}");
    assert!(said.contains("the run ends as success, but it ended as failed: failed attempt"), "{said}");
    // A run that is meant to fail passes, and so does every case of its report.
    let meant = ["--expect-state", "run=failed", "--expect-state", "after=upstream_failed", "--junit", "report.xml"];
    let shown = desk.passes(&[&fail[..], &meant[..]].concat());
    assert_eq!(shown["state"], "failed");
    assert_eq!(task(&shown, "always")["return_value"], "it never worked");
    let report = std::fs::read_to_string(desk.path("report.xml")).expect("it was written");
    assert!(report.contains(r#"failures="0""#) && !report.contains("<failure"), "{report}");
}

#[test]
fn a_run_that_does_not_end_is_given_up() {
    let desk = Desk::with(&["waiting", "limits", "greedy"]);
    let said = desk.fails(1, &["waiting.wasm", "waiting", "--max-time", "1m"]);
    assert!(said.contains("more of its own time than --max-time allows: waiting release"), "{said}");
    let said = desk.fails(1, &["limits.wasm", "limits", "--pool", "crm=0"]);
    assert!(said.contains("nothing more happens in it by itself: waiting "), "{said}");
    let said = desk.fails(1, &["greedy.wasm", "greedy", "--conf", r#"{"mode": "sleep"}"#, "--max-real-time", "1s"]);
    assert!(said.contains("more real time than --max-real-time allows: waiting misbehave"), "{said}");
}

#[test]
fn each_mistake_is_named() {
    let desk = Desk::with(&["waiting"]);
    std::fs::write(desk.path("text.wasm"), "not a component").expect("it can be written");
    for (code, args, parts) in [
        (2, &["none.wasm", "x"][..], ["cannot read the component none.wasm", "cargo build --release"]),
        (2, &["waiting.wasm", "x"], ["`waiting` has no DAG `x`", "its DAGs are `follower`, `waiting`, `watcher`"]),
        (2, &["waiting.wasm", "waiting", "--expect", "x=1"], ["no task `x`", "`pause`"]),
        (2, &["waiting.wasm", "waiting", "--answer", "x=1"], ["no task `x`", "`release`"]),
        (2, &["waiting.wasm", "waiting", "--answer", "release"], ["--answer", "TASK=OPTION"]),
        (2, &["waiting.wasm", "waiting", "--expect", "publish=text"], ["is not JSON", "'publish=\"text\"'"]),
        (2, &["waiting.wasm", "waiting", "--expect-state", "publish=done"], ["\"done\" is not a state", "skipped"]),
        (2, &["waiting.wasm", "waiting", "--conf", "[1]"], ["--conf is not a JSON object", "hint: "]),
        (2, &["waiting.wasm", "waiting", "--var", "a"], ["--var", "no `=`"]),
        (2, &["waiting.wasm", "waiting", "--conn", "a=b"], ["connection `a`", "error: "]),
        (2, &["waiting.wasm", "waiting", "--max-time", "1y"], ["--max-time", "30d"]),
        (1, &["text.wasm", "x"], ["`text` is not a module", "hint: "]),
    ] {
        let said = desk.fails(code, args);
        assert!(parts.iter().all(|part| said.contains(part)), "{args:?}: {said}");
    }
}

#[test]
fn nothing_is_left_behind_and_every_form_is_offered() {
    let desk = Desk::with(&["hello"]);
    let output = desk.test(&["hello.wasm", "hello", "-o", "plain"]);
    let lines = String::from_utf8(output.stdout).expect("standard output is UTF-8");
    assert!(lines.starts_with("task\tstate\ttry\tseconds\tresult\ngreet\tsuccess\t1\t"), "{lines}");
    let output = desk.test(&["hello.wasm", "hello"]);
    assert!(shown(&output).contains("the run ends as success  as expected"), "{}", shown(&output));
    let output = desk.test(&["hello.wasm", "hello", "-o", "yaml"]);
    assert!(shown(&output).contains("dag_id: hello\n"), "{}", shown(&output));
    let left = std::fs::read_dir(desk.path("scratch")).expect("the folder is there").count();
    assert_eq!(left, 0);
}

/// The commands that a page shows, each on one line.
fn commands(page: &str) -> Vec<String> {
    let joined = page.replace("\\\n>", "");
    joined.lines().filter_map(|line| line.strip_prefix("$ flow-host test ")).map(str::to_owned).collect()
}

#[test]
fn the_commands_of_the_page_pass() {
    let desk = Desk::with(&["hello", "flaky", "etl", "retries", "waiting"]);
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository");
    std::fs::copy(top.join("guest-examples/etl/conf.json"), desk.path("conf.json")).expect("it can be copied");
    let page = std::fs::read_to_string(top.join("docs/TESTING.md")).expect("the page is there");
    let commands = commands(&page);
    assert!(commands.len() >= 3, "{commands:?}");
    for line in commands {
        let mut command = Command::new("sh");
        settle(command.current_dir(desk.0.path()), desk.0.path());
        let script = format!("'{}' test {line}", binary().display());
        let output = command.args(["-c", &script]).output().expect("a shell starts");
        assert!(output.status.success(), "{line}: {}", shown(&output));
    }
    assert!(desk.path("report.xml").exists());
}

#[test]
fn a_run_stands_for_its_logical_date() {
    let desk = Desk::with(&["timetable"]);
    let expected = r#"cover="2025-12-28/2026-01-04""#;
    let given = ["--logical-date", "2026-01-05", "--expect", expected];
    let shown = desk.passes(&[&["timetable.wasm", "timetable_weekly"], &given[..]].concat());
    assert_eq!(shown["logical_date"], "2026-01-05T00:00:00Z");
}
