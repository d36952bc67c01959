//! A DAG while its function draws it: tasks by the order of their calls, and the groups around them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::asset::Outlet;
use crate::group::Factor;
use crate::input::Supply;
use crate::runtime;
use crate::spec::{Argument, MapSource, Object};
use crate::{Error, Result};

mod finish;

pub(crate) use finish::Drawn;

thread_local! {
    /// The DAG whose function is being called.
    static CURRENT: RefCell<Option<Draft>> = const { RefCell::new(None) };
}

/// The tasks and groups of a DAG while they are drawn.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Draft {
    calls: Vec<Call>,
    groups: Vec<GroupDraft>,
    /// The innermost group whose closure is being called.
    open: Option<usize>,
    error: Option<Error>,
}

/// One task of the draft.
#[derive(Debug)]
pub(crate) struct Call {
    /// The id, unless one is given.
    name: String,
    pub(crate) id: Option<String>,
    /// The names of its function's parameters.
    parameters: &'static [&'static str],
    arguments: Vec<Argument>,
    expand_kwargs: Option<MapSource>,
    pub(crate) depends_on: Vec<usize>,
    group: Option<usize>,
    pub(crate) is_setup: bool,
    pub(crate) teardown: Option<Teardown>,
    pub(crate) inlets: Vec<Outlet>,
    pub(crate) outlets: Vec<Outlet>,
    /// What else there is to say of it.
    pub(crate) settings: Object,
}

/// What a teardown undoes.
#[derive(Debug, Default)]
pub(crate) struct Teardown {
    pub(crate) setups: Vec<usize>,
    pub(crate) on_failure_fail_dagrun: bool,
}

/// What a task that waits says of it.
pub(crate) enum Waits<'a> {
    Sensor(&'a mut Value),
    Wait(&'a mut Value),
    Question(&'a mut Value),
}

/// One group of the draft.
#[derive(Debug)]
pub(crate) struct GroupDraft {
    id: String,
    parent: Option<usize>,
    expand: Vec<(&'static str, MapSource)>,
    /// What else there is to say of it.
    pub(crate) settings: Object,
}

impl Draft {
    /// Calls `body` and answers what it drew.
    pub(crate) fn record<R>(body: impl FnOnce() -> R) -> (R, Self) {
        let outer = CURRENT.replace(Some(Self::default()));
        let result = body();
        (result, CURRENT.replace(outer).unwrap_or_default())
    }

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

    pub(crate) fn group(&mut self, index: usize) -> &mut GroupDraft {
        &mut self.groups[index]
    }

    /// Remembers the first mistake, for when the DAG is finished.
    pub(crate) fn refuse(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// What was given, unless that is a mistake.
    pub(crate) fn accept<T>(&mut self, given: Result<T>, what: impl FnOnce() -> String) -> Option<T> {
        given.map_err(|error| self.refuse(Error::fail(format_args!("{}: {error}", what())))).ok()
    }

    /// Draws a call of `task`.
    pub(crate) fn draw(&mut self, task: &'static runtime::Task, inputs: Vec<Result<Supply>>) -> usize {
        let index = self.add(task.id, "function", task.name.into());
        self.call(index).parameters = task.parameters;
        for (input, parameter) in inputs.into_iter().zip(task.parameters) {
            let what = || format!("argument `{parameter}` of task `{}` cannot be serialised", task.id);
            let Some(Supply { argument, kwargs }) = self.accept(input, what) else { continue };
            let call = self.call(index);
            call.arguments.push(argument);
            match (&call.expand_kwargs, kwargs) {
                (None, kwargs) => call.expand_kwargs = kwargs,
                (Some(one), Some(other)) if *one != other => {
                    let why =
                        format_args!("task `{}` takes fields of two lists: pass those of one `from_each`", task.id);
                    self.refuse(Error::fail(why));
                }
                (Some(_), _) => {}
            }
        }
        let call = self.call(index);
        if call.expand_kwargs.is_some() && call.arguments.iter().any(|one| matches!(one, Argument::Expand(_))) {
            let why =
                format_args!("task `{}` is mapped by `each` and by `from_each`: it can be by one of them", task.id);
            self.refuse(Error::fail(why));
        }
        index
    }

    /// Draws a task. `what` runs it: a `function`, or something `native` of the host.
    pub(crate) fn add(&mut self, name: &str, what: &str, value: Value) -> usize {
        let mut settings = Object::default();
        settings.set(what, value);
        self.calls.push(Call {
            name: name.to_owned(),
            id: None,
            parameters: &[],
            arguments: Vec::new(),
            expand_kwargs: None,
            depends_on: Vec::new(),
            group: self.open,
            is_setup: false,
            teardown: None,
            inlets: Vec::new(),
            outlets: Vec::new(),
            settings,
        });
        self.calls.len() - 1
    }

    /// Begins a group; what is drawn from now on is in it. Answers which group it is, and which one is around it.
    pub(crate) fn open(&mut self, id: String, expand: Vec<Factor>) -> (usize, Option<usize>) {
        let mut sources = Vec::with_capacity(expand.len());
        for (name, source) in expand {
            let source = self.accept(source, || format!("the list of group `{id}` cannot be serialised"));
            sources.extend(source.map(|source| (name, source)));
        }
        let outer = self.open;
        self.groups.push(GroupDraft { id, parent: outer, expand: sources, settings: Object::default() });
        let index = self.groups.len() - 1;
        self.open = Some(index);
        (index, outer)
    }

    /// Goes on in the group around the one that ends.
    pub(crate) fn close(&mut self, outer: Option<usize>) {
        self.open = outer;
    }

    /// Whether the call is in the group, or in one inside of it.
    fn is_inside(&self, call: &Call, group: usize) -> bool {
        std::iter::successors(call.group, |&inner| self.groups[inner].parent).any(|around| around == group)
    }

    fn members(&self, group: usize) -> impl Iterator<Item = (usize, &Call)> {
        self.calls.iter().enumerate().filter(move |(_, call)| self.is_inside(call, group))
    }

    /// The group's first tasks: those that follow no other one of it.
    pub(crate) fn roots(&self, group: usize) -> Vec<usize> {
        let is_first = |call: &Call| !call.upstream().iter().any(|&task| self.is_inside(&self.calls[task], group));
        self.members(group).filter(|(_, call)| is_first(call)).map(|(index, _)| index).collect()
    }

    /// The group's last tasks: those that no other one of it follows. A teardown does not hold up what is behind the
    /// group, so in its place stand the tasks that it follows, other than its setups.
    pub(crate) fn leaves(&self, group: usize) -> Vec<usize> {
        let workers: Vec<(usize, &Call)> = self.members(group).filter(|(_, call)| call.teardown.is_none()).collect();
        let followed: BTreeSet<usize> = workers.iter().flat_map(|(_, call)| call.upstream()).collect();
        let are_setups = workers.iter().all(|(_, call)| call.is_setup);
        let is_last = |(index, call): &(usize, &Call)| !followed.contains(index) && (!call.is_setup || are_setups);
        workers.iter().filter(|worker| is_last(worker)).map(|(index, _)| *index).collect()
    }
}

impl Call {
    /// What people would call it by now.
    pub(crate) fn shown(&self) -> &str {
        self.id.as_ref().unwrap_or(&self.name)
    }

    /// What it says of its waiting, if it waits.
    pub(crate) fn waits(&mut self) -> Option<Waits<'_>> {
        if self.settings.0.contains_key("sensor") {
            return self.settings.0.get_mut("sensor").map(Waits::Sensor);
        }
        let (kind, said) = self.settings.0.get_mut("native")?.as_object_mut()?.iter_mut().next()?;
        match kind.as_str() {
            "wait" => Some(Waits::Wait(said)),
            "human_input" => Some(Waits::Question(said)),
            _ => None,
        }
    }

    /// Every task that it follows.
    fn upstream(&self) -> Vec<usize> {
        let mut upstream = self.depends_on.clone();
        for argument in &self.arguments {
            argument.collect(&mut upstream);
        }
        if let Some(source) = &self.expand_kwargs {
            source.collect(&mut upstream);
        }
        upstream.extend(self.teardown.iter().flat_map(|teardown| &teardown.setups));
        upstream
    }
}
