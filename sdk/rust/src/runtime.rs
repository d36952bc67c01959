//! What the macros expand to, and how the host's calls find their way to a function. Not for use by hand.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::outcome::{self, Pause};
use crate::{Check, Context, Dag, Error, Event, Failure, NextRun, Result, RetryDecision, RetryPolicy, TimetableQuery};

pub use crate::input::Supply;
pub use crate::outcome::{Decides, Ended, Outcome};
pub use inventory;
pub use serde_json::{Value, json};

/// A function of the module that the host calls by name.
#[derive(Debug)]
pub struct Function<Run: 'static> {
    /// What it was marked as.
    pub kind: &'static str,
    /// Its own name; a task's id, unless another is given.
    pub id: &'static str,
    /// Its path: what the host calls it by.
    pub name: &'static str,
    /// The names of its parameters.
    pub parameters: &'static [&'static str],
    /// Runs its body.
    pub run: Run,
}

/// A function marked `#[task]` or `#[sensor]`.
pub type Task = Function<fn(&Context, Arguments<'_>) -> Result<Ended>>;
/// A function marked `#[trigger]`. What it answers when it fires is JSON.
pub type Trigger = Function<fn(Arguments<'_>) -> Result<Result<String, Pause>>>;
/// A function marked `#[callback]`.
pub type Callback = Function<fn(&Event, Arguments<'_>) -> Result>;
/// A function marked `#[timetable]`.
pub type Timetable = Function<fn(&TimetableQuery, Arguments<'_>) -> Result<Option<NextRun>>>;

/// A function marked `#[dag]`.
#[derive(Debug)]
pub struct DagEntry {
    /// The DAG's id.
    pub id: &'static str,
    /// Where the function is.
    pub file: &'static str,
    /// The line in that file.
    pub line: u32,
    /// Draws the DAG.
    pub draw: fn() -> Result<Dag>,
}

inventory::collect!(DagEntry);
inventory::collect!(Task);
inventory::collect!(Trigger);
inventory::collect!(Callback);
inventory::collect!(Timetable);
inventory::collect!(RetryPolicy);

/// Why the module's DAGs cannot be described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// What went wrong.
    pub message: String,
    /// The source file.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}

/// All DAGs of this module as the JSON array that the host reads.
pub fn describe() -> Result<String, ImportError> {
    let mut entries: Vec<&DagEntry> = inventory::iter::<DagEntry>().collect();
    entries.sort_unstable_by_key(|entry| (entry.file, entry.line));
    let describe = |entry: &&DagEntry| {
        (entry.draw)().and_then(|dag| Ok(serde_json::to_string(&dag)?)).map_err(|error| ImportError {
            message: format!("DAG `{}`: {error}", entry.id),
            file: entry.file,
            line: entry.line,
        })
    };
    let dags = entries.iter().map(describe).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[{}]", dags.join(",")))
}

fn find<Run: Copy>(kind: &str, name: &str) -> Result<&'static Function<Run>>
where
    Function<Run>: inventory::Collect,
{
    inventory::iter::<Function<Run>>()
        .find(|function| function.name == name)
        .ok_or_else(|| Error::fail(format_args!("this module has no {kind} function `{name}`")))
}

/// Runs the task that the host knows as `name`. `arguments` is a JSON array.
pub fn run(name: &str, context: &Context, arguments: &str) -> Result<Ended> {
    let task: &Task = find("task", name)?;
    (task.run)(context, task.arguments(arguments)?)
}

/// Looks once with the trigger that the host knows as `name`. `kwargs` is a JSON object.
pub fn poll(name: &str, kwargs: &str) -> Result<Result<String, Pause>> {
    let trigger: &Trigger = find("trigger", name)?;
    (trigger.run)(trigger.keyword_arguments(kwargs)?)
}

/// Runs the callback that the host knows as `name`. `arguments` and `event` are JSON objects.
pub fn notify(name: &str, arguments: &str, event: &str) -> Result {
    let callback: &Callback = find("callback", name)?;
    (callback.run)(&Event::parse(event)?, callback.keyword_arguments(arguments)?)
}

/// Asks the timetable that the host knows as `name`. `params` is a JSON object.
pub fn next(name: &str, params: &str, query: &TimetableQuery) -> Result<Option<NextRun>> {
    let timetable: &Timetable = find("timetable", name)?;
    (timetable.run)(query, timetable.keyword_arguments(params)?)
}

/// Asks the retry policy that the host knows as `name`.
pub fn decide(name: &str, failure: &Failure) -> RetryDecision {
    let policy = inventory::iter::<RetryPolicy>().find(|policy| policy.name == name);
    policy.map_or(RetryDecision::Default, |policy| (policy.decide)(failure))
}

/// A function and what it will be called with: a JSON object, or `null` if it takes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// What the host calls the function by.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: Value,
}

impl<Run> Function<Run> {
    /// The function with its arguments, in order.
    pub(crate) fn bind(&'static self, arguments: Vec<Result<Value>>) -> Result<Bound> {
        let named = self.parameters.iter().zip(arguments).map(|(parameter, value)| match value {
            Ok(value) => Ok(((*parameter).to_owned(), value)),
            Err(error) => {
                let Self { kind, id, .. } = self;
                let why = format_args!("argument `{parameter}` of {kind} `{id}` cannot be serialised: {error}");
                Err(Error::fail(why))
            }
        });
        let named = named.collect::<Result<serde_json::Map<_, _>>>()?;
        Ok(Bound { name: self.name, arguments: if named.is_empty() { Value::Null } else { named.into() } })
    }

    /// Arguments from a JSON array.
    fn arguments<'a>(&'static self, json: &'a str) -> Result<Arguments<'a>> {
        let values: Vec<&RawValue> = self.read(json)?;
        if values.len() != self.parameters.len() {
            let Self { kind, id, parameters, .. } = self;
            let (expected, given) = (parameters.len(), values.len());
            return Err(Error::fail(format_args!("{kind} `{id}` takes {expected} arguments, not {given}")));
        }
        Ok(self.values(values))
    }

    /// Arguments from a JSON object, which may be `null` or lack members that can be.
    fn keyword_arguments<'a>(&'static self, json: &'a str) -> Result<Arguments<'a>> {
        let values: Option<BTreeMap<&str, &RawValue>> = self.read(json)?;
        let values = values.unwrap_or_default();
        Ok(self
            .values(self.parameters.iter().map(|name| values.get(name).copied().unwrap_or(RawValue::NULL)).collect()))
    }

    fn read<'a, T: serde::Deserialize<'a>>(&self, json: &'a str) -> Result<T> {
        let Self { kind, id, .. } = self;
        serde_json::from_str(json).map_err(|error| Error::fail(format_args!("the arguments of {kind} `{id}`: {error}")))
    }

    fn values<'a>(&'static self, values: Vec<&'a RawValue>) -> Arguments<'a> {
        let Self { kind, id, parameters, .. } = *self;
        Arguments { kind, id, rest: parameters.iter().copied().zip(values).collect::<Vec<_>>().into_iter() }
    }
}

/// A function's arguments, to be taken one after the other.
#[derive(Debug)]
pub struct Arguments<'a> {
    kind: &'static str,
    id: &'static str,
    rest: std::vec::IntoIter<(&'static str, &'a RawValue)>,
}

impl Arguments<'_> {
    /// The next argument.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T> {
        let Some((parameter, json)) = self.rest.next() else {
            return Err(Error::fail(format_args!("{} `{}` takes fewer arguments", self.kind, self.id)));
        };
        serde_json::from_str(json.get()).map_err(|error| {
            Error::fail(format_args!("argument `{parameter}` of {} `{}`: {error}", self.kind, self.id))
        })
    }
}

/// What a fallible function returns: a `Result` under whatever name, with any error that can be displayed.
pub trait Fallible {
    /// The value that it gives when all is well.
    type Value;

    /// The same with this crate's error.
    fn into_result(self) -> Result<Self::Value>;
}

impl Fallible for () {
    type Value = ();

    fn into_result(self) -> Result {
        Ok(())
    }
}

impl<T, E: Display + 'static> Fallible for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T> {
        self.map_err(|error| match (&error as &dyn Any).downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => Error::new(format_args!("{error:#}")),
        })
    }
}

/// What a task that cannot fail returned.
pub fn plain<T>(value: T) -> Result<T> {
    Ok(value)
}

/// What a task that can fail returned.
pub fn fallible<R: Fallible>(result: R) -> Result<R::Value> {
    result.into_result()
}

/// Ends a task.
pub fn end(value: impl Outcome) -> Result<Ended> {
    value.end()
}

/// Ends a task that short-circuits.
pub fn short_circuit<C: Check<Value: serde::Serialize>>(answer: C) -> Result<Ended> {
    match answer.poll().settle(Duration::ZERO) {
        Ok(value) => outcome::json(&value).map(Ended::Success),
        Err(_) => Ok(Ended::ShortCircuit),
    }
}

/// Ends a sensor's look.
pub fn sense<C: Check<Value: serde::Serialize>>(answer: C, poke_interval: Duration) -> Result<Ended> {
    match answer.poll().settle(poke_interval) {
        Ok(value) => outcome::json(&value).map(Ended::Success),
        Err(pause) => Ok(Ended::Again(pause)),
    }
}

/// Ends a trigger's look.
pub fn look<C: Check<Value: serde::Serialize>>(answer: C, poke_interval: Duration) -> Result<Result<String, Pause>> {
    match answer.poll().settle(poke_interval) {
        Ok(value) => Ok(Ok(outcome::json(&value)?.unwrap_or_else(|| "null".to_owned()))),
        Err(pause) => Ok(Err(pause)),
    }
}
