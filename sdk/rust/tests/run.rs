//! How the host's calls find a task, and how a task's endings are told apart.

use flow_sdk::prelude::*;
use flow_sdk::runtime::{Ended, run};

#[task]
fn add(a: i32, b: i32) -> i32 {
    a + b
}

#[task]
fn whoami(context: &Context, suffix: Option<String>) -> String {
    format!("{}{}", context.task_id, suffix.unwrap_or_default())
}

#[task]
fn nothing() {}

#[task]
fn parse(text: String) -> Result<i32> {
    Ok(text.parse()?)
}

#[task]
fn give_up() -> Result<(), String> {
    Err("out of ideas".to_owned())
}

#[task]
fn never_again() -> Result {
    Err(Error::fail("wrong for good"))
}

fn here(function: &str) -> String {
    format!("{}::{function}", module_path!())
}

#[test]
fn arguments_arrive_in_order_and_results_leave_as_json() {
    let context = Context { task_id: "who".to_owned(), ..Context::default() };
    let success = |json: &str| Ok(Ended::Success(Some(json.to_owned())));
    assert_eq!(run(&here("add"), &context, "[40, 2]"), success("42"));
    assert_eq!(run(&here("whoami"), &context, "[null]"), success("\"who\""));
    assert_eq!(run(&here("nothing"), &context, "[]"), Ok(Ended::Success(None)));
}

#[test]
fn an_error_means_another_try_unless_it_says_otherwise() {
    let run = |function, arguments| run(&here(function), &Context::default(), arguments);
    assert_eq!(run("parse", "[\"x\"]"), Err(Error::new("invalid digit found in string").kind("ParseIntError")));
    assert_eq!(run("give_up", "[]"), Err(Error::new("out of ideas")));
    assert_eq!(run("never_again", "[]"), Err(Error::fail("wrong for good")));
}

#[test]
fn what_cannot_be_called_fails_for_good_and_says_why() {
    for (function, arguments, expected) in [
        ("gone", "[]", "has no task function `run::gone`"),
        ("add", "[1]", "task `add` takes 2 arguments, not 1"),
        ("add", "{}", "the arguments of task `add`: invalid type"),
        ("add", "[1, \"two\"]", "argument `b` of task `add`: invalid type"),
    ] {
        let error = run(&here(function), &Context::default(), arguments).expect_err("the call is wrong");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error, Error::fail(&error));
    }
}
