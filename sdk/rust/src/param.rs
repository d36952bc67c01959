//! What a run can be given: the params of a DAG, and the further fields of a question.

use serde_json::{Map, Value, json};

/// One param: a default and what is accepted in its place; see [`param`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    value: Value,
    description: Option<String>,
    schema: Map<String, Value>,
}

/// A param with a default, whose type becomes that of the param. Tasks receive it by [`conf`](crate::conf).
///
/// ```
/// use flow_sdk::prelude::*;
///
/// #[task]
/// fn load(rows: u32, region: String) {}
///
/// #[dag(params(rows = param(100).title("Rows").minimum(1), region = param("eu").one_of(["eu", "us"])))]
/// fn import() {
///     load(conf("rows"), conf("region"));
/// }
/// ```
pub fn param(default: impl Into<Value>) -> Param {
    let value = default.into();
    let kind = match &value {
        Value::Null => None,
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) if number.is_f64() => Some("number"),
        Value::Number(_) => Some("integer"),
        Value::String(_) => Some("string"),
        Value::Array(_) => Some("array"),
        Value::Object(_) => Some("object"),
    };
    let schema = kind.map(|kind| ("type".to_owned(), kind.into())).into_iter().collect();
    Param { value, description: None, schema }
}

impl Param {
    /// As the host reads it.
    pub(crate) fn json(self) -> Value {
        let Self { value, description, schema } = self;
        json!({ "value": value, "description": description, "schema": schema })
    }

    /// A param without a default: each run has to be given one. `kind` is a type of JSON Schema, such as `"integer"`.
    pub fn required(kind: &str) -> Self {
        param(Value::Null).schema("type", kind)
    }

    /// What it is for.
    #[must_use]
    pub fn description(self, text: impl Into<String>) -> Self {
        Self { description: Some(text.into()), ..self }
    }

    /// How forms call it.
    #[must_use]
    pub fn title(self, text: &str) -> Self {
        self.schema("title", text)
    }

    /// Under which heading forms show it.
    #[must_use]
    pub fn section(self, text: &str) -> Self {
        self.schema("section", text)
    }

    /// The least number that is accepted.
    #[must_use]
    pub fn minimum(self, least: impl Into<Value>) -> Self {
        self.schema("minimum", least)
    }

    /// The greatest number that is accepted.
    #[must_use]
    pub fn maximum(self, greatest: impl Into<Value>) -> Self {
        self.schema("maximum", greatest)
    }

    /// The only values that are accepted.
    #[must_use]
    pub fn one_of<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Self {
        self.schema("enum", values.into_iter().map(Into::into).collect::<Vec<Value>>())
    }

    /// Any other keyword of JSON Schema (draft 2020-12), or what Airflow's forms read besides: `format`, `examples`,
    /// `description_md`, `values_display`.
    #[must_use]
    pub fn schema(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        self.schema.insert(keyword.to_owned(), value.into());
        self
    }
}

impl<V: Into<Value>> From<V> for Param {
    fn from(default: V) -> Self {
        param(default)
    }
}
