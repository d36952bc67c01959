//! What is expected of a run: read from the command line before it begins, compared with what came of it afterwards.

use std::fmt;

use flow_model::ids::TaskId;
use flow_model::state::{RunState, TaskInstanceState};
use serde_json::{Number, Value};

/// What stands for the run itself where a task's id is expected.
const RUN: &str = "run";

/// Something that has to be so once the run is over.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expectation {
    /// A task has returned this.
    Result(Which, Value),
    /// A task has ended so.
    State(Which, TaskInstanceState),
    /// The run has ended so.
    Run(RunState),
}

/// A task with all its instances, or one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Which {
    /// The task.
    pub(super) task: TaskId,
    /// Which of its instances.
    pub(super) map_index: Option<u32>,
}

impl Expectation {
    /// Reads `TASK=JSON`.
    pub(super) fn of_result(text: &str) -> Result<Self, String> {
        let (which, value) = text.split_once('=').ok_or("use TASK=JSON")?;
        let value = serde_json::from_str(value).map_err(|error| {
            format!("what is expected of `{which}` is not JSON: {error}; a text is written as '{which}=\"text\"'")
        })?;
        Ok(Self::Result(Which::parse(which)?, value))
    }

    /// Reads `TASK=STATE`.
    pub(super) fn of_state(text: &str) -> Result<Self, String> {
        let (which, name) = text.split_once('=').ok_or("use TASK=STATE")?;
        if which == RUN {
            let state = RunState::from_name(name).filter(|state| state.is_terminal());
            return state.map(Self::Run).ok_or_else(|| "a run ends as success or failed".to_owned());
        }
        let state = TaskInstanceState::from_name(name).ok_or_else(|| {
            format!("{name:?} is not a state; tasks end as success, failed, skipped, upstream_failed or removed")
        })?;
        Ok(Self::State(Which::parse(which)?, state))
    }

    /// The task that it is about; `None` for the run itself.
    pub(super) fn task(&self) -> Option<&TaskId> {
        match self {
            Self::Result(which, _) | Self::State(which, _) => Some(&which.task),
            Self::Run(_) => None,
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(which, value) => write!(f, "{which} returns {value}"),
            Self::State(which, state) => write!(f, "{which} ends as {state}"),
            Self::Run(state) => write!(f, "the run ends as {state}"),
        }
    }
}

impl Which {
    /// Reads `TASK` or `TASK[2]`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, map_index) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
            Some((name, index)) => {
                let index = index.parse().map_err(|_| format!("{index:?} is not the index of a mapped task"))?;
                (name, Some(index))
            }
            None => (text, None),
        };
        let task = name.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { task, map_index })
    }

    /// Whether it is this task instance, or the task with all its instances.
    pub(super) fn is(&self, (task, map_index): (&TaskId, Option<u32>)) -> bool {
        self.task == *task && (self.map_index.is_none() || self.map_index == map_index)
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.map_index {
            Some(index) => write!(f, "{}[{index}]", self.task),
            None => write!(f, "{}", self.task),
        }
    }
}

/// Whether two values mean the same: `1` and `1.0` do.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        (
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
            _,
        ) => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    // Two whole numbers that differ stay different, however large.
    (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expectations_are_read_as_they_are_shown() {
        for (read, shown) in [
            (Expectation::of_result(r#"greet="Hello, Ada!""#), r#"greet returns "Hello, Ada!""#),
            (Expectation::of_result(r#"group.load[2]={"a": "x=y"}"#), r#"group.load[2] returns {"a":"x=y"}"#),
            (Expectation::of_state("load=upstream_failed"), "load ends as upstream_failed"),
            (Expectation::of_state("load[0]=skipped"), "load[0] ends as skipped"),
            (Expectation::of_state("run=failed"), "the run ends as failed"),
        ] {
            assert_eq!(read.expect("it is an expectation").to_string(), shown);
        }
    }

    #[test]
    fn mistakes_say_what_is_accepted() {
        for (read, part) in [
            (Expectation::of_result("greet"), "TASK=JSON"),
            (Expectation::of_result("greet=Hello"), "a text is written as 'greet=\"text\"'"),
            (Expectation::of_result("a b=1"), "a b"),
            (Expectation::of_result("load[x]=1"), "\"x\" is not the index"),
            (Expectation::of_state("load=done"), "success, failed, skipped"),
            (Expectation::of_state("run=running"), "success or failed"),
        ] {
            let error = read.expect_err("it is no expectation");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn numbers_are_compared_by_what_they_are() {
        assert!(same(&json!({"a": [1, 2.5]}), &json!({"a": [1.0, 2.5]})));
        for (one, other) in [
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64)),
            (json!([1]), json!([1, 2])),
            (json!({"a": 1}), json!({"b": 1})),
            (json!(null), json!(0)),
            (json!("1"), json!(1)),
        ] {
            assert!(!same(&one, &other), "{one} and {other}");
        }
    }
}
