//! The four forms of each kind of answer.

use serde_json::json;

use super::*;

const PIPE: Look = Look { colour: false, terminal: false, lively: false, width: None };

fn shown(answer: &Answer, format: Format) -> String {
    Printer { format, look: PIPE }.render(answer)
}

fn dags() -> Answer {
    let rows = vec![
        json!({"dag_id": "etl", "is_paused": false, "tags": [{"name": "a"}, {"name": "b"}], "next": {"at": "now"}}),
        json!({"dag_id": "x\u{1b}[2J", "is_paused": true, "tags": [], "next": null}),
    ];
    Answer::Rows(rows, &["dag_id", "is_paused", "tags", "next.at"])
}

#[test]
fn rows_as_a_table() {
    insta::assert_snapshot!(shown(&dags(), Format::Table), @r"
    dag_id      is_paused  tags  next.at
    etl         false      a, b  now
    x\u{1b}[2J  true
    ");
}

#[test]
fn rows_as_lines() {
    let expected = "dag_id\tis_paused\ttags\tnext.at\netl\tfalse\ta, b\tnow\nx\\u{1b}[2J\ttrue\t\t\n";
    assert_eq!(shown(&dags(), Format::Plain), expected);
}

#[test]
fn rows_as_data_keep_every_field() {
    let Answer::Rows(rows, _) = dags() else { panic!("dags are rows") };
    let json: Vec<Value> = serde_json::from_str(&shown(&dags(), Format::Json)).expect("it is JSON");
    let yaml: Vec<Value> = serde_yaml_ng::from_str(&shown(&dags(), Format::Yaml)).expect("it is YAML");
    assert_eq!(json, rows);
    assert_eq!(yaml, rows);
}

#[test]
fn one_thing_is_a_list_of_fields() {
    let run = json!({"state": "failed", "conf": {"a": 1}, "note": null});
    let all = Answer::Object(run.clone(), &[]);
    assert_eq!(shown(&all, Format::Plain), "conf\t{\"a\":1}\nnote\t\nstate\tfailed\n");
    insta::assert_snapshot!(shown(&all, Format::Table), @r#"
    conf   {"a":1}
    state  failed
    "#);
    let some = Answer::Object(run, &["state", "note"]);
    assert_eq!(shown(&some, Format::Plain), "state\tfailed\nnote\t\n");
    assert_eq!(shown(&some, Format::Table), "state  failed\n");
}

#[test]
fn a_text_is_exact_in_a_pipe_and_harmless_on_a_terminal() {
    let value = Answer::Text("a\u{1b}[2J\n".to_owned(), json!({"key": "k"}));
    assert_eq!(shown(&value, Format::Table), "a\u{1b}[2J\n\n");
    let on_terminal = Printer { format: Format::Table, look: Look { terminal: true, ..PIPE } };
    assert_eq!(on_terminal.render(&value), "a\\u{1b}[2J\n\n");
    assert_eq!(shown(&value, Format::Json), "{\n  \"key\": \"k\"\n}\n");
}

#[test]
fn colours_only_where_they_are_seen() {
    let run = Answer::Rows(vec![json!({"state": "failed"})], &["state"]);
    assert!(!shown(&run, Format::Table).contains('\u{1b}'));
    let coloured = Printer { format: Format::Table, look: Look { colour: true, ..PIPE } };
    assert!(coloured.render(&run).contains("\u{1b}["));
}

#[test]
fn a_table_fits_the_terminal() {
    let rows = vec![json!({"a": "word ".repeat(40), "b": "end"})];
    let narrow = Printer { format: Format::Table, look: Look { width: Some(40), ..PIPE } };
    let text = narrow.render(&Answer::Rows(rows, &["a", "b"]));
    assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
}
