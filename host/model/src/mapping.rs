//! The elements that mapped instances get: split out of their sources once, when a task or a group is expanded.
//!
//! Source: Airflow's `expandinput.py`. Of several sources every combination is one instance, the last source varies
//! fastest; the elements of an object are its `[key, value]` pairs, in the order of its keys.

use serde_json::{Value, json};

use crate::dag::{GroupItem, MapSource};
use crate::ids::TaskId;

/// What keeps a source from being expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmappable {
    /// A task did not return anything.
    #[error("task {0:?} returned nothing to map over; return a list or an object")]
    Nothing(String),
    /// A task returned neither a list nor an object.
    #[error("task {task:?} returned {found}, which cannot be mapped over; return a list or an object")]
    NotAList {
        /// The task.
        task: String,
        /// What it returned instead.
        found: &'static str,
    },
}

/// How many elements a value has, if it can be mapped over.
pub fn length(value: &Value) -> Option<usize> {
    match value {
        Value::Array(elements) => Some(elements.len()),
        Value::Object(members) => Some(members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The elements of a source. `result` is what a task returned, of a mapped task the array of what its instances did.
pub fn elements(source: &MapSource, result: &impl Fn(&TaskId) -> Option<Value>) -> Result<Vec<Value>, Unmappable> {
    match source {
        MapSource::Literal(value) => Ok(split(value.clone()).unwrap_or_default()),
        MapSource::Output(task) => {
            let value = result(task).ok_or_else(|| Unmappable::Nothing(task.to_string()))?;
            let found = kind(&value);
            split(value).ok_or_else(|| Unmappable::NotAList { task: task.to_string(), found })
        }
        MapSource::Zip { sources, fill } => {
            let columns = sources.iter().map(|source| elements(source, result)).collect::<Result<Vec<_>, _>>()?;
            let lengths = columns.iter().map(Vec::len);
            let rows = if fill.is_some() { lengths.max() } else { lengths.min() }.unwrap_or(0);
            let cell = |column: &Vec<Value>, row: usize| column.get(row).or(fill.as_ref()).cloned().unwrap_or_default();
            Ok((0..rows).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect())
        }
        MapSource::Concat(sources) => {
            let parts = sources.iter().map(|source| elements(source, result)).collect::<Result<Vec<_>, _>>()?;
            Ok(parts.into_iter().flatten().collect())
        }
    }
}

/// The item of each instance: one element of each factor, as an array in the factors' order.
pub fn product(factors: &[Vec<Value>]) -> Vec<Value> {
    let length = factors.iter().map(Vec::len).product();
    (0..length)
        .map(|index| {
            let mut rest = index;
            let mut item: Vec<Value> = Vec::with_capacity(factors.len());
            for factor in factors.iter().rev() {
                item.push(factor[rest % factor.len()].clone());
                rest /= factor.len();
            }
            item.reverse();
            Value::Array(item)
        })
        .collect()
}

/// The item of each instance of a mapped group: an object of one element of each source.
pub fn group_items(names: &[GroupItem], factors: &[Vec<Value>]) -> Vec<Value> {
    let named = |item: Value| match item {
        Value::Array(elements) => names.iter().map(|item| item.name.clone()).zip(elements).collect(),
        other => other,
    };
    product(factors).into_iter().map(named).collect()
}

fn split(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(elements) => Some(elements),
        Value::Object(members) => Some(members.into_iter().map(|(key, value)| json!([key, value])).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str) -> TaskId {
        name.parse().expect("an id")
    }

    fn of(source: &MapSource) -> Result<Vec<Value>, Unmappable> {
        elements(source, &|task| match task.as_str() {
            "list" => Some(json!([1, 2, 3])),
            "object" => Some(json!({"a": 1, "b": 2})),
            "number" => Some(json!(7)),
            _ => None,
        })
    }

    #[test]
    fn the_last_factor_varies_fastest() {
        let factors = [vec![json!(1), json!(2)], vec![json!("a"), json!("b"), json!("c")]];
        let items = product(&factors);
        assert_eq!(items.len(), 6);
        assert_eq!(items[..4], [json!([1, "a"]), json!([1, "b"]), json!([1, "c"]), json!([2, "a"])]);
        assert!(product(&[vec![json!(1)], vec![]]).is_empty());
    }

    #[test]
    fn every_source_has_its_elements() {
        let output = |name| MapSource::Output(task(name));
        let zip = |fill| MapSource::Zip { sources: vec![output("list"), MapSource::Literal(json!(["x"]))], fill };
        for (source, expected) in [
            (output("list"), json!([1, 2, 3])),
            (output("object"), json!([["a", 1], ["b", 2]])),
            (zip(None), json!([[1, "x"]])),
            (zip(Some(json!(0))), json!([[1, "x"], [2, 0], [3, 0]])),
            (MapSource::Concat(vec![output("list"), MapSource::Literal(json!([9]))]), json!([1, 2, 3, 9])),
        ] {
            assert_eq!(of(&source).map(Value::Array), Ok(expected));
        }
        let message = |name| of(&output(name)).expect_err("it cannot be mapped over").to_string();
        assert_eq!(message("none"), r#"task "none" returned nothing to map over; return a list or an object"#);
        assert_eq!(
            message("number"),
            r#"task "number" returned a number, which cannot be mapped over; return a list or an object"#
        );
    }

    #[test]
    fn a_groups_items_are_named() {
        let names = [GroupItem { name: "x".to_owned(), over: MapSource::Literal(json!([1])) }];
        assert_eq!(group_items(&names, &[vec![json!(1)]]), [json!({"x": 1})]);
    }
}
