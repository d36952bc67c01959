//! Between columns and the model's types: reading what a row holds, writing instants as numbers.

use std::fmt::Display;
use std::str::FromStr;

use flow_model::time::Millis;
use flow_model::work::ErrorClass;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// A text column of a type that parses itself.
pub(crate) fn text<T: FromStr<Err: Display>>(column: &'static str, value: &str) -> Result<T, StoreError> {
    value.parse().map_err(|error: T::Err| StoreError::Inconsistent { column, reason: error.to_string() })
}

/// The same, where the column may be null.
pub(crate) fn optional<T: FromStr<Err: Display>>(
    column: &'static str,
    value: Option<&str>,
) -> Result<Option<T>, StoreError> {
    value.map(|value| text(column, value)).transpose()
}

/// A text column that holds one of an enum's names.
pub(crate) fn named<T>(column: &'static str, value: &str, find: fn(&str) -> Option<T>) -> Result<T, StoreError> {
    find(value)
        .ok_or_else(|| StoreError::Inconsistent { column, reason: format!("{value:?} is not a name it can hold") })
}

/// A number column that is never negative.
pub(crate) fn count<T: TryFrom<i64>>(column: &'static str, value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| StoreError::Inconsistent { column, reason: format!("{value} is out of range") })
}

/// A map index as a column: -1 stands for a task that is not mapped, as in Airflow.
pub(crate) fn map_index(index: Option<u32>) -> i64 {
    index.map_or(-1, i64::from)
}

/// A map index from its column.
pub(crate) fn read_map_index(value: i64) -> Option<u32> {
    u32::try_from(value).ok()
}

/// An instant's column.
pub(crate) fn instant(value: Option<i64>) -> Option<Millis> {
    value.map(Millis)
}

/// An error class from its column.
pub(crate) fn class(column: &'static str, value: Option<&str>) -> Result<Option<ErrorClass>, StoreError> {
    value.map(|value| named(column, value, ErrorClass::from_code)).transpose()
}

/// A text column that holds one JSON value.
pub(crate) fn json<T: DeserializeOwned>(column: &'static str, value: &str) -> Result<T, StoreError> {
    serde_json::from_str(value).map_err(|error| StoreError::Inconsistent { column, reason: error.to_string() })
}

/// The same, where the column may be null.
pub(crate) fn optional_json<T: DeserializeOwned>(
    column: &'static str,
    value: Option<&str>,
) -> Result<Option<T>, StoreError> {
    value.map(|value| json(column, value)).transpose()
}

/// A value for a text column that holds one JSON value.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Inconsistent { column: "a parameter", reason: error.to_string() })
}

/// Rows as the one JSON parameter of a many-row statement.
pub(crate) fn rows<T: Serialize>(rows: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(rows)
        .map_err(|error| StoreError::Inconsistent { column: "a parameter", reason: error.to_string() })
}

/// How many rows one statement takes; more are written by several.
pub(crate) const ROWS_PER_STATEMENT: usize = 4_096;
