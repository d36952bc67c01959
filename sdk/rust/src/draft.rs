//! A DAG while its function draws it: tasks by the order of their calls, and the groups around them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::asset::Outlet;
use crate::group::Factor;
use crate::input::Supply;
use crate::runtime;
use crate::spec::{Argument, MapSource, Object, named};
use crate::{Error, Result};

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

/// What was drawn.
pub(crate) struct Drawn {
    pub(crate) groups: Vec<Value>,
    pub(crate) tasks: Vec<Value>,
    /// What the tasks read and update.
    pub(crate) outlets: Vec<Outlet>,
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

    /// The groups and tasks by their ids, or the first mistake.
    pub(crate) fn finish(self) -> Result<Drawn> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let group_ids = self.group_ids();
        let ids = self.ids(&group_ids);
        let groups =
            self.groups.into_iter().zip(&group_ids).map(|(group, id)| group.json(id, &group_ids, &ids)).collect();
        let mut outlets = Vec::new();
        let mut tasks = Vec::with_capacity(ids.len());
        for (mut call, id) in self.calls.into_iter().zip(&ids) {
            for (key, named) in
                [("inlets", std::mem::take(&mut call.inlets)), ("outlets", std::mem::take(&mut call.outlets))]
            {
                call.settings.set_list(key, named.iter().map(Outlet::name));
                outlets.extend(named);
            }
            tasks.push(call.json(id, &group_ids, &ids));
        }
        Ok(Drawn { groups, tasks, outlets })
    }

    /// Every group's id, with those of the groups around it, numbered where it is given again.
    fn group_ids(&self) -> Vec<String> {
        let mut numbers = Numbers::default();
        let mut ids: Vec<String> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let id = inside(group.parent.map(|parent| ids[parent].as_str()), &group.id);
            ids.push(numbers.distinguish(id));
        }
        ids
    }

    /// Every task's id: as given, else its function's name, numbered from the second call on; behind its group's.
    fn ids(&self, groups: &[String]) -> Vec<String> {
        let mut numbers = Numbers::default();
        let id = |call: &Call| {
            let group = call.group.map(|group| groups[group].as_str());
            match &call.id {
                Some(id) => inside(group, id),
                None => numbers.distinguish(inside(group, &call.name)),
            }
        };
        self.calls.iter().map(id).collect()
    }
}

fn inside(group: Option<&str>, id: &str) -> String {
    group.map_or_else(|| id.to_owned(), |group| format!("{group}.{id}"))
}

/// How often each id was given.
#[derive(Default)]
struct Numbers(BTreeMap<String, u32>);

impl Numbers {
    fn distinguish(&mut self, id: String) -> String {
        match self.0.entry(id.clone()).and_modify(|n| *n += 1).or_insert(0) {
            0 => id,
            n => format!("{id}__{n}"),
        }
    }
}

impl GroupDraft {
    fn json(self, id: &str, groups: &[String], tasks: &[String]) -> Value {
        let mut said = self.settings;
        said.set("group_id", id);
        if let Some(parent) = self.parent {
            said.set("parent", groups[parent].as_str());
        }
        let lists = self.expand.into_iter().map(|(name, source)| json!({ "name": name, "over": source.json(tasks) }));
        said.set_list("expand", lists);
        said.into()
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

    fn json(self, id: &str, groups: &[String], tasks: &[String]) -> Value {
        let mut said = self.settings;
        said.set("task_id", id);
        said.set_list("arguments", self.arguments.into_iter().map(|argument| argument.json(tasks)));
        said.set_list("depends_on", named(&self.depends_on, tasks));
        if let Some(source) = self.expand_kwargs {
            said.set("expand_kwargs", source.json(tasks));
        }
        if let Some(group) = self.group {
            said.set("group", groups[group].as_str());
        }
        said.set_unless_default("setup", self.is_setup);
        if let Some(Teardown { setups, on_failure_fail_dagrun }) = self.teardown {
            let mut teardown = Object::default();
            teardown.set_list("setups", named(&setups, tasks));
            teardown.set_unless_default("on_failure_fail_dagrun", on_failure_fail_dagrun);
            said.set("teardown", teardown);
        }
        said.into()
    }
}
