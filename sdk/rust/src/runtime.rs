//! What the macros expand to, and how the host's calls find their way to a task. Not for use by hand.

use std::any::Any;
use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{Context, Dag, Error, Result};

pub use inventory;
pub use serde_json::json;

/// A function marked `#[task]`.
pub struct Task {
    /// Its name: the task's id, unless another is given.
    pub id: &'static str,
    /// Its path: what the host hands back to run it.
    pub function: &'static str,
    /// The names of its arguments.
    pub parameters: &'static [&'static str],
    /// Runs its body with arguments from a JSON array.
    pub run: fn(&Context, Arguments<'_>) -> Result<Option<String>>,
}

/// A function marked `#[dag]`.
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

inventory::collect!(Task);
inventory::collect!(DagEntry);

/// Why a module's DAGs could not be described.
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

/// Runs the task that the host knows as `function`. The answer is its result as JSON, unless that is `null`.
pub fn run(function: &str, context: &Context, arguments: &str) -> Result<Option<String>> {
    let Some(task) = inventory::iter::<Task>().find(|task| task.function == function) else {
        return Err(Error::fail(format_args!("this module has no task function `{function}`")));
    };
    (task.run)(context, Arguments::parse(task, arguments)?)
}

/// A task's arguments, to be taken one after the other.
pub struct Arguments<'a> {
    task: &'static Task,
    values: std::vec::IntoIter<&'a RawValue>,
    taken: usize,
}

impl<'a> Arguments<'a> {
    fn parse(task: &'static Task, json: &'a str) -> Result<Self> {
        let values: Vec<&RawValue> = serde_json::from_str(json)
            .map_err(|error| Error::fail(format_args!("the arguments of task `{}`: {error}", task.id)))?;
        if values.len() != task.parameters.len() {
            let (expected, given) = (task.parameters.len(), values.len());
            return Err(Error::fail(format_args!("task `{}` takes {expected} arguments, not {given}", task.id)));
        }
        Ok(Self { task, values: values.into_iter(), taken: 0 })
    }

    /// The next argument.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T> {
        let json = self.values.next().map_or("null", RawValue::get);
        let position = self.taken;
        self.taken += 1;
        serde_json::from_str(json).map_err(|error| {
            let parameter = self.task.parameters.get(position).copied().unwrap_or_default();
            Error::fail(format_args!("argument `{parameter}` of task `{}`: {error}", self.task.id))
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

/// Ends the run of a task that cannot fail.
pub fn succeed<T: Serialize>(value: T) -> Result<Option<String>> {
    let json = serde_json::to_string(&value)
        .map_err(|error| Error::fail(format_args!("the result cannot be serialised: {error}")))?;
    Ok(Some(json).filter(|json| json != "null"))
}

/// Ends the run of a task that can fail.
pub fn finish<R: Fallible<Value: Serialize>>(result: R) -> Result<Option<String>> {
    succeed(result.into_result()?)
}
