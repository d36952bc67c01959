//! A DAG that cannot be drawn names itself and where it is.

use std::collections::HashMap;

use flow_sdk::prelude::*;

#[task]
fn look_up(_table: HashMap<Option<String>, u32>) {}

#[dag]
fn broken() {
    look_up(HashMap::from([(None, 1)]));
}

#[test]
fn an_import_error_says_which_dag_and_where() {
    let error = flow_sdk::describe().expect_err("a key that is no text cannot be written as JSON");
    assert!(error.message.contains("DAG `broken`: argument `table` of task `look_up`"), "{}", error.message);
    assert!(error.file.ends_with("import_error.rs"), "{}", error.file);
    assert_eq!(error.line, 10);
}
