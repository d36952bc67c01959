//! Entries as aligned columns or as lines, and one thing as a list of its fields.

use std::borrow::Cow;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde_json::Value;

use super::{Columns, Look, visible, visible::json_line};

/// Entries under a header, as wide as the terminal allows.
pub(super) fn rows(rows: &[Value], columns: Columns, look: Look) -> String {
    let mut table = empty(look);
    table.set_header(columns.iter().map(|column| heading(column, look)));
    for row in rows {
        table.add_row(columns.iter().map(|column| cell(column, at(row, column), look)));
    }
    finish(&mut table)
}

/// Entries as lines of tab-separated columns under a line of their names.
pub(super) fn lines(rows: &[Value], columns: Columns) -> String {
    let mut out = columns.join("\t") + "\n";
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|column| text(at(row, column))).collect();
        out = out + &cells.join("\t") + "\n";
    }
    out
}

/// One thing, a field a row; fields without a value are left out.
pub(super) fn fields(object: &Value, columns: Columns, look: Look) -> String {
    let mut table = empty(look);
    for (name, value) in pairs(object, columns).into_iter().filter(|(_, value)| !value.is_null()) {
        table.add_row([heading(&name, look), cell(&name, value, look)]);
    }
    finish(&mut table)
}

/// One thing, a field a line, its name and its value separated by a tab.
pub(super) fn field_lines(object: &Value, columns: Columns) -> String {
    let pairs = pairs(object, columns).into_iter();
    pairs.fold(String::new(), |out, (name, value)| out + &name + "\t" + &text(value) + "\n")
}

fn pairs(object: &Value, columns: Columns) -> Vec<(Cow<'_, str>, &Value)> {
    match object {
        Value::Object(fields) if columns.is_empty() => {
            fields.iter().map(|(name, value)| (visible(name), value)).collect()
        }
        Value::Object(_) => columns.iter().map(|&column| (column.into(), at(object, column))).collect(),
        other => vec![("value".into(), other)],
    }
}

fn at<'a>(row: &'a Value, column: &str) -> &'a Value {
    column.split('.').fold(row, |value, field| value.get(field).unwrap_or(&Value::Null))
}

/// A value in a cell: texts bare, absent values empty, lists joined, anything else as JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => visible(text).into_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            items.iter().map(item).collect::<Option<Vec<_>>>().map_or_else(|| json_line(value), |all| all.join(", "))
        }
        Value::Object(_) => json_line(value),
    }
}

/// What stands for one item of a list: itself if it is plain, its name if it has one.
fn item(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Array(_) => None,
        Value::Object(fields) => fields.get("name").and_then(Value::as_str).map(|name| visible(name).into_owned()),
        Value::String(_) | Value::Bool(_) | Value::Number(_) => Some(text(value)),
    }
}

fn empty(look: Look) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    if let Some(width) = look.width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    if look.colour {
        table.enforce_styling();
    }
    table
}

fn finish(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn heading(name: &str, look: Look) -> Cell {
    let cell = Cell::new(name);
    if look.colour { cell.add_attribute(Attribute::Bold) } else { cell }
}

fn cell(column: &str, value: &Value, look: Look) -> Cell {
    let text = text(value);
    let colour = (look.colour && matches!(column, "state" | "status")).then(|| state_colour(&text)).flatten();
    let cell = Cell::new(text);
    match colour {
        Some(colour) => cell.fg(colour),
        None => cell,
    }
}

fn state_colour(state: &str) -> Option<Color> {
    match state {
        "success" | "healthy" => Some(Color::Green),
        "running" => Some(Color::Cyan),
        "failed" | "unhealthy" => Some(Color::Red),
        "upstream_failed" | "up_for_retry" => Some(Color::Yellow),
        "skipped" | "queued" => Some(Color::DarkGrey),
        _ => None,
    }
}
