//! A DAG's params: what a run may be given, held against JSON Schema, and what its tasks get of it.
//!
//! A tenant writes both the schema and the value, and both are looked at in the control plane. So schemas cannot refer
//! to anything, patterns match in linear time, and the size of schema and value together is bounded: what a check costs
//! is then bounded too.

use std::collections::BTreeMap;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::dag::ParamSpec;

/// A DAG's params by their names.
pub type Params = BTreeMap<String, ParamSpec>;

/// Why params, or values for them, are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// The name is not one.
    #[error("param {0:?}: use a name of 1 to 250 bytes without control characters")]
    Name(String),
    /// There are more than [`MAX_PARAMS`].
    #[error("it has {0} params; at most {MAX_PARAMS} are allowed")]
    TooMany(usize),
    /// The schema or the default is larger than [`MAX_SPEC`].
    #[error("param {0:?}: its schema and its default have more than {MAX_SPEC} bytes of JSON together")]
    TooLarge(String),
    /// The schema refers to something.
    #[error("param {param:?}: its schema has a {keyword:?}; write out what it refers to")]
    Reference {
        /// The param.
        param: String,
        /// The keyword that refers.
        keyword: &'static str,
    },
    /// The schema is not one.
    #[error("param {param:?}: its schema is not valid: {reason}")]
    Schema {
        /// The param.
        param: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The DAG runs by itself, and the default does not fit.
    #[error("param {param:?}: its default {reason}; a DAG with a schedule needs defaults that fit: {accepted}")]
    Default {
        /// The param.
        param: String,
        /// What is wrong with it.
        reason: String,
        /// The schema.
        accepted: String,
    },
    /// There is neither a value nor a default.
    #[error("param {param:?} has no value; give one that fits {accepted}")]
    Missing {
        /// The param.
        param: String,
        /// The schema.
        accepted: String,
    },
    /// The value does not fit.
    #[error("param {param:?} {reason}; it accepts {accepted}")]
    Value {
        /// The param.
        param: String,
        /// What is wrong with the value.
        reason: String,
        /// The schema.
        accepted: String,
    },
    /// The check would take too long.
    #[error("param {0:?}: the value is too large to be held against its schema; give less, or simplify the schema")]
    TooCostly(String),
}

impl ParamError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(_) => "param-name",
            Self::TooMany(_) => "param-too-many",
            Self::TooLarge(_) => "param-too-large",
            Self::Reference { .. } => "param-reference",
            Self::Schema { .. } => "param-schema",
            Self::Default { .. } => "param-default",
            Self::Missing { .. } => "param-missing",
            Self::Value { .. } => "param-value",
            Self::TooCostly(_) => "param-too-costly",
        }
    }
}

/// The most params a DAG may have.
pub const MAX_PARAMS: usize = 250;
/// The most bytes that the schema and the default of one param may have together, as JSON.
pub const MAX_SPEC: usize = 64 << 10;
/// The longest name in bytes.
const MAX_NAME: usize = 250;
/// The most values in a schema times the most values in what is held against it.
const MAX_COST: usize = 20_000_000;
/// About how many bytes a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;
/// How much of a schema, or of what is wrong with a value, is shown.
const MAX_SHOWN: usize = 500;

/// Checks what a module says of a DAG's params. If the DAG runs by itself, the defaults must fit too.
pub fn check(params: &Params, runs_by_itself: bool) -> Result<(), ParamError> {
    if params.len() > MAX_PARAMS {
        return Err(ParamError::TooMany(params.len()));
    }
    for (name, spec) in params {
        if !(1..=MAX_NAME).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(ParamError::Name(name.chars().take(MAX_NAME).collect()));
        }
        let schema = Value::Object(spec.schema.clone());
        if schema.to_string().len() + spec.value.to_string().len() > MAX_SPEC {
            return Err(ParamError::TooLarge(name.clone()));
        }
        let validator = compile(name, &schema)?;
        if runs_by_itself && let Err(reason) = fit(name, &validator, spec, &spec.value)? {
            return Err(ParamError::Default { param: name.clone(), reason, accepted: shown(&schema) });
        }
    }
    Ok(())
}

/// Checks the values that a run's tasks would get: those of its configuration, one JSON object, and defaults for the
/// rest. What is not a param may be anything.
pub fn admit(params: &Params, conf: Option<&str>) -> Result<(), ParamError> {
    let given = members::<Value>(conf);
    for (name, spec) in params {
        let schema = Value::Object(spec.schema.clone());
        let validator = compile(name, &schema)?;
        let value = given.get(name);
        if let Err(reason) = fit(name, &validator, spec, value.unwrap_or(&spec.value))? {
            let (param, accepted) = (name.clone(), shown(&schema));
            return Err(match value {
                None if spec.value.is_null() => ParamError::Missing { param, accepted },
                Some(_) | None => ParamError::Value { param, reason, accepted },
            });
        }
    }
    Ok(())
}

/// What a run's tasks get: its configuration, and the default of every param that it does not give. Values stay as they
/// were written.
pub fn merged(params: &Params, conf: Option<&str>) -> String {
    if params.is_empty() {
        return conf.unwrap_or("{}").to_owned();
    }
    let mut all: BTreeMap<String, Box<RawValue>> = members(conf);
    for (name, spec) in params {
        if !all.contains_key(name)
            && let Ok(default) = serde_json::value::to_raw_value(&spec.value)
        {
            all.insert(name.clone(), default);
        }
    }
    serde_json::to_string(&all).unwrap_or_else(|_| "{}".to_owned())
}

/// The members of a configuration, which was checked to be an object when it came in.
fn members<T: serde::de::DeserializeOwned>(conf: Option<&str>) -> BTreeMap<String, T> {
    conf.and_then(|conf| serde_json::from_str(conf).ok()).unwrap_or_default()
}

fn compile(name: &str, schema: &Value) -> Result<Validator, ParamError> {
    let param = || name.to_owned();
    if let Some(keyword) = reference(schema) {
        return Err(ParamError::Reference { param: param(), keyword });
    }
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES))
        .build(schema)
        .map_err(|error| ParamError::Schema { param: param(), reason: explained(&error) })
}

/// The first keyword of a schema that refers to something: with references a small schema could take forever.
fn reference(schema: &Value) -> Option<&'static str> {
    const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
    match schema {
        Value::Object(members) => REFERENCES
            .into_iter()
            .find(|keyword| members.get(*keyword).is_some_and(Value::is_string))
            .or_else(|| members.iter().filter(|(key, _)| !is_data(key)).find_map(|(_, value)| reference(value))),
        Value::Array(elements) => elements.iter().find_map(reference),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Whether a keyword's value is data and no schema.
fn is_data(keyword: &str) -> bool {
    matches!(keyword, "enum" | "const" | "default" | "examples" | "values_display")
}

/// Whether a value fits, or what is wrong with it.
fn fit(name: &str, validator: &Validator, spec: &ParamSpec, value: &Value) -> Result<Result<(), String>, ParamError> {
    if members_of(&spec.schema).saturating_mul(size(value)) > MAX_COST {
        return Err(ParamError::TooCostly(name.to_owned()));
    }
    Ok(validator.validate(value).map_err(|error| format!("does not fit: {}", explained(&error))))
}

/// How many values there are within a value, itself included.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        // A pattern reads every byte, and takes about as long for 64 of them as a rule for one value.
        Value::String(text) => 1 + text.len() / 64,
        Value::Array(elements) => 1 + elements.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members_of(members),
    }
}

fn members_of(members: &Map<String, Value>) -> usize {
    members.values().map(size).sum()
}

/// What an error says and where, without line breaks and in a few hundred characters.
fn explained(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().as_str();
    let message = cut(&error.to_string());
    if place.is_empty() { message } else { format!("{message} (at {})", cut(place)) }
}

fn shown(schema: &Value) -> String {
    cut(&schema.to_string())
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests;
