//! Params against the values and schemas that people, and those who mean ill, write.

use serde_json::json;

use super::*;

fn params(json: Value) -> Params {
    serde_json::from_value(json).expect("well-formed params")
}

fn admitted(all: &Value, conf: &str) -> Result<(), String> {
    admit(&params(all.clone()), Some(conf)).map_err(|error| error.to_string())
}

#[test]
fn a_value_is_held_against_its_schema_and_the_message_says_what_fits() {
    let all = json!({"days": {"value": 7, "schema": {"type": "integer", "minimum": 1}}});
    assert_eq!(admitted(&all, "{}"), Ok(()));
    assert_eq!(admitted(&all, r#"{"days": 30, "anything": "else"}"#), Ok(()));
    assert_eq!(
        admitted(&all, r#"{"days": "x"}"#),
        Err(r#"param "days" does not fit: "x" is not of type "integer"; it accepts {"minimum":1,"type":"integer"}"#
            .into())
    );
    assert_eq!(
        admitted(&all, r#"{"days": 0}"#),
        Err(r#"param "days" does not fit: 0 is less than the minimum of 1; it accepts {"minimum":1,"type":"integer"}"#
            .into())
    );
    let nested = json!({"who": {"value": null, "schema": {"properties": {"name": {"type": "string"}}}}});
    assert_eq!(
        admitted(&nested, r#"{"who": {"name": 1}}"#),
        Err("param \"who\" does not fit: 1 is not of type \"string\" (at /name); it accepts \
             {\"properties\":{\"name\":{\"type\":\"string\"}}}"
            .into())
    );
}

#[test]
fn a_param_without_a_default_must_be_given() {
    let all = json!({"day": {"schema": {"type": "string", "format": "date"}}});
    assert_eq!(
        admitted(&all, "{}"),
        Err("param \"day\" has no value; give one that fits {\"format\":\"date\",\"type\":\"string\"}".into())
    );
    assert!(admitted(&all, r#"{"day": "2026-11-31"}"#).expect_err("no such day").contains("is not a \"date\""));
    assert_eq!(admitted(&all, r#"{"day": "2026-11-30"}"#), Ok(()));
    assert_eq!(admitted(&json!({"free": {}}), "{}"), Ok(()), "without a schema null will do");
}

#[test]
fn defaults_of_a_dag_that_runs_by_itself_must_fit() {
    let all = params(json!({"n": {"value": "x", "schema": {"type": ["integer", "null"]}}}));
    assert_eq!(check(&all, false), Ok(()));
    assert_eq!(
        check(&all, true).expect_err("the default is a text").to_string(),
        "param \"n\": its default does not fit: \"x\" is not of types \"null\", \"integer\"; a DAG with a schedule \
         needs defaults that fit: {\"type\":[\"integer\",\"null\"]}"
    );
    let fits = params(json!({"n": {"schema": {"type": ["integer", "null"]}}}));
    assert_eq!(check(&fits, true), Ok(()));
}

#[test]
fn schemas_that_cannot_be_kept_are_refused() {
    let code = |schema: Value| {
        check(&params(json!({"p": {"value": 1, "schema": schema}})), false).map_err(|error| error.code())
    };
    assert_eq!(code(json!({"type": "whole"})), Err("param-schema"));
    assert_eq!(code(json!({"pattern": "("})), Err("param-schema"));
    assert_eq!(code(json!({"pattern": "(?=look)ahead"})), Err("param-schema"));
    assert_eq!(code(json!({"pattern": "(a{1000}){1000}"})), Err("param-schema"));
    assert_eq!(code(json!({"items": {"$ref": "#"}})), Err("param-reference"));
    assert_eq!(code(json!({"$ref": "file:///etc/passwd"})), Err("param-reference"));
    assert_eq!(code(json!({"enum": [{"$ref": "data"}], "title": "T", "section": "S", "values_display": {}})), Ok(()));
    assert_eq!(code(json!({"description": "x".repeat(MAX_SPEC)})), Err("param-too-large"));
    let many: Params = (0..=MAX_PARAMS).map(|n| (n.to_string(), ParamSpec::default())).collect();
    assert_eq!(check(&many, false), Err(ParamError::TooMany(MAX_PARAMS + 1)));
    assert_eq!(check(&params(json!({"": {}})), false), Err(ParamError::Name(String::new())));
}

#[test]
fn what_a_check_costs_is_bounded() {
    let rules: Vec<Value> = (0..2_000).map(|n| json!({"items": {"not": {"const": n}}})).collect();
    let all = params(json!({"list": {"value": [], "schema": {"allOf": rules}}}));
    assert_eq!(check(&all, true), Ok(()));
    let long = format!("{{\"list\": [{}0]}}", "0,".repeat(100_000));
    assert_eq!(admit(&all, Some(&long)), Err(ParamError::TooCostly("list".into())));
}

#[test]
fn tasks_get_the_conf_and_the_defaults_as_they_were_written() {
    let all = params(json!({"a": {"value": 1}, "b": {"value": {"x": []}}}));
    assert_eq!(merged(&all, None), r#"{"a":1,"b":{"x":[]}}"#);
    let digits = r#"{"a": 12345678901234567890.5, "z": "more"}"#;
    assert_eq!(merged(&all, Some(digits)), r#"{"a":12345678901234567890.5,"b":{"x":[]},"z":"more"}"#);
    assert_eq!(merged(&Params::new(), Some(digits)), digits);
    assert_eq!(merged(&Params::new(), None), "{}");
}
