//! A DAG while its function draws it: tasks by the order of their calls, and the groups around them.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::group::Factor;
use crate::input::Supply;
use crate::runtime;
use crate::spec::{self, Argument, GroupSettings, MapSource, Native, Settings, Teardown};
use crate::{Error, Result};

thread_local! {
    /// The DAG whose function is being called.
    static CURRENT: RefCell<Option<Draft>> = const { RefCell::new(None) };
}

/// The tasks and groups of a DAG while they are drawn. They name each other by the order of their calls, because an id
/// can still be given.
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
    name: String,
    pub(crate) id: Option<String>,
    function: Option<&'static str>,
    pub(crate) native: Option<Native>,
    arguments: Vec<Argument<usize>>,
    expand_kwargs: Option<MapSource<usize>>,
    pub(crate) depends_on: Vec<usize>,
    group: Option<usize>,
    pub(crate) teardown: Option<Teardown<usize>>,
    pub(crate) settings: Settings,
}

/// One group of the draft.
#[derive(Debug)]
pub(crate) struct GroupDraft {
    id: String,
    parent: Option<usize>,
    expand: Vec<(&'static str, MapSource<usize>)>,
    pub(crate) settings: GroupSettings,
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
    fn accept<T>(&mut self, given: Result<T>, what: impl FnOnce() -> String) -> Option<T> {
        given.map_err(|error| self.refuse(Error::fail(format_args!("{}: {error}", what())))).ok()
    }

    /// Draws a call of `task`.
    pub(crate) fn draw(&mut self, task: &'static runtime::Task, inputs: Vec<Result<Supply>>) -> usize {
        let index = self.add(task.id.to_owned(), Some(task.name), None);
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

    /// Draws something that the host does itself.
    pub(crate) fn draw_native(&mut self, name: &str, native: Result<Native>) -> usize {
        let native = self.accept(native, || format!("task `{name}`"));
        self.add(name.to_owned(), None, native)
    }

    fn add(&mut self, name: String, function: Option<&'static str>, native: Option<Native>) -> usize {
        self.calls.push(Call {
            name,
            id: None,
            function,
            native,
            arguments: Vec::new(),
            expand_kwargs: None,
            depends_on: Vec::new(),
            group: self.open,
            teardown: None,
            settings: Settings::default(),
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
        self.groups.push(GroupDraft { id, parent: outer, expand: sources, settings: GroupSettings::default() });
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
        let followed: HashSet<usize> = workers.iter().flat_map(|(_, call)| call.upstream()).collect();
        let is_last = |&(index, call): &(usize, &Call)| {
            !followed.contains(&index) && (!call.settings.setup || workers.iter().all(|(_, call)| call.settings.setup))
        };
        workers.iter().filter(|worker| is_last(worker)).map(|(index, _)| *index).collect()
    }

    /// The groups and tasks by their ids, or the first mistake.
    pub(crate) fn finish(self) -> Result<(Vec<spec::Group>, Vec<spec::Task>)> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let group_ids = self.group_ids();
        let ids = self.ids(&group_ids);
        let name = |index: usize| ids[index].clone();
        let group_name = |index: usize| group_ids[index].clone();
        let groups = self.groups.into_iter().zip(&group_ids).map(|(group, id)| spec::Group {
            id: id.clone(),
            parent: group.parent.map(group_name),
            expand: group
                .expand
                .into_iter()
                .map(|(name_of_item, source)| spec::GroupItem { name: name_of_item, over: source.map(name) })
                .collect(),
            settings: group.settings,
        });
        let tasks = self.calls.into_iter().zip(&ids).map(|(call, id)| spec::Task {
            id: id.clone(),
            function: call.function,
            native: call.native,
            arguments: call.arguments.into_iter().map(|argument| argument.map(name)).collect(),
            expand_kwargs: call.expand_kwargs.map(|source| source.map(name)),
            depends_on: call.depends_on.into_iter().map(name).collect(),
            group: call.group.map(group_name),
            teardown: call.teardown.map(|teardown| teardown.map(name)),
            settings: call.settings,
        });
        Ok((groups.collect(), tasks.collect()))
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
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn distinguish(&mut self, id: String) -> String {
        match self.0.entry(id.clone()).and_modify(|n| *n += 1).or_insert(0) {
            0 => id,
            n => format!("{id}__{n}"),
        }
    }
}

impl Call {
    /// What people would call it by now.
    pub(crate) fn shown(&self) -> &str {
        self.id.as_ref().unwrap_or(&self.name)
    }

    /// Every task that it follows.
    fn upstream(&self) -> Vec<usize> {
        let mut upstream = self.depends_on.clone();
        for argument in &self.arguments {
            match argument {
                Argument::Output(task) => upstream.push(*task),
                Argument::Outputs(tasks) => upstream.extend(tasks),
                Argument::Expand(source) => source.collect(&mut upstream),
                Argument::Literal(_) | Argument::Conf(_) | Argument::Keyword(_) | Argument::GroupItem(_) => {}
            }
        }
        self.expand_kwargs.iter().for_each(|source| source.collect(&mut upstream));
        upstream.extend(self.teardown.iter().flat_map(|teardown| &teardown.setups));
        upstream
    }
}
