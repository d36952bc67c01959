//! DAGs, and the drawing of tasks into one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use crate::runtime::{self, Fallible};
use crate::spec::{self, Argument, Schedule, Settings, Task, Uses};
use crate::{Error, Result};

/// A DAG as the host gets to know it. It serialises as the host reads it, so that a test can look at it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dag {
    #[serde(rename = "dag_id")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<Schedule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
    #[serde(skip_serializing_if = "spec::is_default")]
    catchup: bool,
    #[serde(skip_serializing_if = "spec::is_default")]
    uses: Uses,
    tasks: Vec<Task>,
}

#[doc(hidden)]
#[expect(clippy::return_self_not_must_use, reason = "called only by what #[dag] expands to")]
impl Dag {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            description: None,
            tags: Vec::new(),
            schedule: None,
            start_date: None,
            end_date: None,
            catchup: false,
            uses: Uses::default(),
            tasks: Vec::new(),
        }
    }

    pub fn description(self, text: &str) -> Self {
        Self { description: Some(text.to_owned()), ..self }
    }

    pub fn tags<const N: usize>(self, tags: [&str; N]) -> Self {
        Self { tags: tags.map(str::to_owned).into(), ..self }
    }

    pub fn schedule(self, expression: &str, timezone: &str) -> Self {
        let schedule = Schedule::Cron { expression: expression.to_owned(), timezone: timezone.to_owned() };
        Self { schedule: Some(schedule), ..self }
    }

    pub fn every(self, interval: Duration) -> Self {
        Self { schedule: Some(Schedule::Interval { every_ms: millis(interval) }), ..self }
    }

    pub fn start_date(self, instant: &str) -> Self {
        Self { start_date: Some(instant.to_owned()), ..self }
    }

    pub fn end_date(self, instant: &str) -> Self {
        Self { end_date: Some(instant.to_owned()), ..self }
    }

    pub fn catchup(self, catchup: bool) -> Self {
        Self { catchup, ..self }
    }

    pub fn uses_variables<const N: usize>(mut self, keys: [&str; N]) -> Self {
        self.uses.variables.extend(keys.map(str::to_owned));
        self
    }

    pub fn uses_connections<const N: usize>(mut self, ids: [&str; N]) -> Self {
        self.uses.connections.extend(ids.map(str::to_owned));
        self
    }

    pub fn uses_dags<const N: usize>(mut self, ids: [&str; N]) -> Self {
        self.uses.dags.extend(ids.map(str::to_owned));
        self
    }

    /// Calls `body` and puts the tasks that it draws into the DAG.
    pub fn draw<R: Fallible<Value = ()>>(self, body: fn() -> R) -> Result<Self> {
        let outer = CURRENT.replace(Some(Draft::default()));
        let result = body().into_result();
        let draft = CURRENT.replace(outer).unwrap_or_default();
        result?;
        Ok(Self { tasks: draft.finish()?, ..self })
    }
}

/// `span` in whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

thread_local! {
    /// The DAG whose function is being called.
    static CURRENT: RefCell<Option<Draft>> = const { RefCell::new(None) };
}

/// The tasks of a DAG while they are drawn. They name each other by the order of their calls, because an id can still
/// be given.
#[derive(Default)]
pub(crate) struct Draft {
    calls: Vec<Call>,
    error: Option<Error>,
}

/// One call of a task in a DAG's function.
pub(crate) struct Call {
    task: &'static runtime::Task,
    pub(crate) id: Option<String>,
    arguments: Vec<Argument<usize>>,
    pub(crate) depends_on: Vec<usize>,
    pub(crate) settings: Settings,
}

impl Draft {
    /// Calls `action` with the DAG that is being drawn.
    ///
    /// # Panics
    /// Outside of a DAG's function, where a task cannot be drawn.
    pub(crate) fn with<R>(action: impl FnOnce(&mut Self) -> R) -> R {
        const OUTSIDE: &str = "a task was called outside of a #[dag] function; `name::body(…)` runs its code";
        CURRENT.with_borrow_mut(|current| action(current.as_mut().expect(OUTSIDE)))
    }

    pub(crate) fn call(&mut self, index: usize) -> &mut Call {
        &mut self.calls[index]
    }

    pub(crate) fn draw(&mut self, task: &'static runtime::Task, inputs: Vec<Result<Argument<usize>>>) -> usize {
        let mut arguments = Vec::with_capacity(inputs.len());
        for (input, parameter) in inputs.into_iter().zip(task.parameters) {
            match input {
                Ok(argument) => arguments.push(argument),
                Err(error) => {
                    let why = format!("argument `{parameter}` of task `{}` cannot be serialised: {error}", task.id);
                    self.error.get_or_insert(Error::fail(why));
                }
            }
        }
        let (depends_on, settings) = (Vec::new(), Settings::default());
        self.calls.push(Call { task, id: None, arguments, depends_on, settings });
        self.calls.len() - 1
    }

    fn finish(self) -> Result<Vec<Task>> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let ids = self.ids();
        let name = |index: usize| ids[index].clone();
        let task = |(call, id): (Call, &String)| Task {
            id: id.clone(),
            function: call.task.function,
            arguments: call.arguments.into_iter().map(|argument| argument.map(name)).collect(),
            depends_on: call.depends_on.into_iter().map(name).collect(),
            settings: call.settings,
        };
        Ok(self.calls.into_iter().zip(&ids).map(task).collect())
    }

    /// Every call's id: as given, else its function's name, numbered from the second call on.
    fn ids(&self) -> Vec<String> {
        let mut seen = HashMap::new();
        let mut number = |name: &'static str| match seen.entry(name).and_modify(|n| *n += 1).or_insert(0) {
            0 => name.to_owned(),
            n => format!("{name}__{n}"),
        };
        self.calls.iter().map(|call| call.id.clone().unwrap_or_else(|| number(call.task.id))).collect()
    }
}
