//! What a question may say, and what may answer it.

use super::*;
use serde_json::json;

fn form(json: &Value) -> HumanInputSpec {
    let mut whole = json!({"subject": "Well?", "options": ["yes", "no"]});
    for (key, value) in json.as_object().expect("an object") {
        whole[key] = value.clone();
    }
    serde_json::from_value(whole).expect("a form")
}

fn answer(options: &[&str], params: Value) -> Answer {
    let chosen_options = options.iter().map(ToString::to_string).collect();
    Answer { chosen_options, params_input: serde_json::from_value(params).expect("an object") }
}

#[test]
fn a_question_makes_sense_or_is_refused() {
    let whole = json!({"multiple": true, "defaults": ["no", "yes"], "params": {"copies": {"value": 1}}});
    assert_eq!(check(&form(&whole)), Ok(()));
    for (json, begin) in [
        (json!({"subject": ""}), "its subject is empty"),
        (json!({"body": "\0"}), "its body"),
        (json!({"options": []}), "it has no options"),
        (json!({"options": ["a", "a"]}), "its options hold \"a\" twice"),
        (json!({"options": ["a", ""]}), "its options hold \"\""),
        (json!({"assigned_users": ["ada\n"]}), "its assigned_users hold"),
        (json!({"response_timeout_ms": 0}), "its response_timeout_ms is 0"),
        (json!({"approval": true, "branch": true}), "it is an approval"),
        (json!({"params": [1]}), "its params are not valid"),
        (json!({"params": {"a": {"schema": {"type": 7}}}}), "param \"a\": its schema is not valid"),
        (json!({"defaults": []}), "its defaults cannot be an answer: chosen_options is empty"),
        (json!({"defaults": ["maybe"]}), "its defaults cannot be an answer: chosen_options has \"maybe\""),
        (json!({"defaults": ["yes", "no"]}), "its defaults cannot be an answer: chosen_options has several"),
    ] {
        let message = check(&form(&json)).expect_err("it is refused");
        assert!(message.starts_with(begin), "{json}: {message}");
    }
}

#[test]
fn an_answer_fits_its_question_or_is_refused() {
    let fields = json!({"copies": {"value": 1, "schema": {"type": "integer", "minimum": 1}}, "why": {"value": null}});
    let one = form(&json!({"assigned_users": ["ada", "grace"], "params": fields}));
    for (user, answer, expected) in [
        ("bob", answer(&["yes"], json!({})), "users \"ada\", \"grace\" are asked, and nobody else may answer"),
        ("ada", answer(&[], json!({})), "chosen_options is empty; choose one of \"yes\", \"no\""),
        ("ada", answer(&["yes", "no"], json!({})), "chosen_options has several options; choose one of \"yes\", \"no\""),
        ("ada", answer(&["yes", "yes"], json!({})), "chosen_options has \"yes\" twice; choose it once"),
        (
            "ada",
            answer(&["maybe"], json!({})),
            "chosen_options has \"maybe\", which is no option; choose one of \"yes\", \"no\"",
        ),
        (
            "ada",
            answer(&["yes"], json!({"size": 1})),
            "params_input has \"size\", which is not asked for; leave it out",
        ),
    ] {
        assert_eq!(accept(&one, user, answer, Millis(5)).expect_err("it is refused").to_string(), expected);
    }
    let refused = accept(&one, "ada", answer(&["yes"], json!({"copies": 0})), Millis(5)).expect_err("it is refused");
    assert_eq!(refused.code(), "param-value");
    let taken = accept(&one, "grace", answer(&["no"], json!({"copies": 3})), Millis(5)).expect("it is taken");
    let expected = json!({
        "chosen_options": ["no"], "params_input": {"copies": 3, "why": null},
        "responded_at": "1970-01-01T00:00:00.005Z", "responded_by_user": {"id": "grace", "name": "grace"},
    });
    assert_eq!(serde_json::to_value(taken).expect("JSON"), expected);
}

#[test]
fn an_answer_decides_what_follows() {
    let take = |form: &HumanInputSpec, options: &[&str]| {
        let given = accept(form, "ada", answer(options, json!({})), Millis(0)).expect("it fits");
        (outcome(form, &given), serde_json::to_string(&given).ok())
    };
    let (end, value) = take(&form(&json!({})), &["no"]);
    assert_eq!(end, AttemptEnd::Success { value });
    let (end, value) = take(&form(&json!({"approval": true})), &["yes"]);
    assert_eq!(end, AttemptEnd::Success { value });
    let (end, value) = take(&form(&json!({"approval": true})), &["no"]);
    assert_eq!(end, AttemptEnd::ShortCircuit { value });
    let (end, value) = take(&form(&json!({"branch": true, "multiple": true})), &["no", "yes"]);
    assert_eq!(end, AttemptEnd::Branch { follow: vec!["no".to_owned(), "yes".to_owned()], value });
    let asked = form(&json!({"defaults": ["no"], "params": {"copies": {"value": 2}}}));
    let given = by_default(&asked, Millis(0));
    assert_eq!(given.chosen_options, ["no"]);
    assert_eq!((given.params_input["copies"].clone(), given.responded_by_user), (json!(2), None));
}
