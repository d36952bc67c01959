//! What was measured, for people on a terminal, for programs, and for the documentation.

mod page;
mod rows;

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::course::Results;
use crate::figures::Load;
use crate::form::Form;

pub(crate) use page::{replace_block, write_page};

/// Everything as text.
pub(crate) fn tables(form: Form, results: &[Results]) -> String {
    let parts = [rows::workloads(results), rows::growth(results), rows::curve(results), rows::left_out(results)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}; the {} form\n\n{}", machine(), form.name(), parts.join("\n"))
}

/// Writes the figures for programs.
pub(crate) fn write_json(file: &Path, form: Form, results: &[Results]) {
    let mut object =
        Map::from_iter([("machine".to_owned(), json!(machine())), ("form".to_owned(), json!(form.name()))]);
    object.extend(results.iter().map(|results| (results.database.name().to_owned(), of_database(results))));
    let text = format!("{:#}\n", Value::Object(object));
    file.parent().map_or(Ok(()), std::fs::create_dir_all).expect("the folder for the figures can be made");
    std::fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn of_database(results: &Results) -> Value {
    let mut members = results.figures.members();
    let growth = results.growth.iter().map(|series| (series.name.to_owned(), series.to_json()));
    members.insert("growth".to_owned(), Value::Object(growth.collect()));
    members.insert("saturation".to_owned(), results.curve.iter().map(Load::to_json).collect());
    members.insert("left_out".to_owned(), json!(results.left_out));
    members.insert("failed".to_owned(), json!(results.failed));
    Value::Object(members)
}

/// What it was measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!("{cores} cores, {}", model.trim_start_matches(['\t', ' ', ':']))
}
