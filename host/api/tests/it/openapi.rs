//! The OpenAPI document is what `docs/openapi.json` says it is, and every operation of it says who may call it.

use std::path::Path;

use serde_json::Value;

/// What the document says now, as it is kept.
fn current() -> String {
    flow_api::document().to_pretty_json().expect("the document is JSON") + "\n"
}

#[test]
fn the_kept_document_is_current() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let current = current();
    if std::fs::read_to_string(&kept).is_ok_and(|kept| kept == current) {
        return;
    }
    let new = kept.with_extension("json.new");
    std::fs::write(&new, current).expect("docs/ can be written");
    panic!("the API has changed: read docs/openapi.json.new, then `mv docs/openapi.json.new docs/openapi.json`");
}

#[test]
fn operations_are_named_once_and_say_who_may_call_them() {
    let document: Value = serde_json::from_str(&current()).expect("it is JSON");
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            names.push(operation["operationId"].as_str().expect("a name").to_owned());
            let guarded = !operation["security"].as_array().expect("stated").is_empty();
            assert_eq!(guarded, operation["x-flow-role"].is_string(), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path} has no words");
            let declared = operation["parameters"]
                .as_array()
                .map_or(0, |parameters| parameters.iter().filter(|parameter| parameter["in"] == "path").count());
            assert_eq!(declared, path.matches('{').count(), "{method} {path}: parameters of the path");
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "an operation's name is there twice");
}

#[test]
fn every_reference_leads_somewhere() {
    let text = current();
    let document: Value = serde_json::from_str(&text).expect("it is JSON");
    for part in text.split("\"$ref\": \"#").skip(1) {
        let pointer = part.split('"').next().expect("a pointer");
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}
