//! The JSON by which a module describes its tasks to the host.

use serde_json::{Map, Value, json};

/// An enum whose members the host knows by a word.
macro_rules! words {
    ($(#[$doc:meta])* $visibility:vis enum $name:ident { $($(#[$about:meta])* $member:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility enum $name { $($(#[$about])* $member),+ }

        impl $name {
            /// The host's word for it.
            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$member => $word),+ }
            }
        }

        impl From<$name> for Value {
            fn from(one: $name) -> Self {
                one.word().into()
            }
        }
    };
}

pub(crate) use words;

words!(
    /// When a task may run, by how its direct upstream tasks ended.
    pub enum TriggerRule {
        /// All of them succeeded: what counts unless another rule is given.
        AllSuccess = "all_success",
        /// All of them failed.
        AllFailed = "all_failed",
        /// All of them ended, however they did. The result of one that did not succeed is `null`.
        AllDone = "all_done",
        /// All of them ended, none was skipped, and at least one succeeded.
        AllDoneMinOneSuccess = "all_done_min_one_success",
        /// All of them ended, and at least one of those that are setups succeeded: the rule of teardowns.
        AllDoneSetupSuccess = "all_done_setup_success",
        /// At least one succeeded; the others are not waited for.
        OneSuccess = "one_success",
        /// At least one failed; the others are not waited for.
        OneFailed = "one_failed",
        /// At least one succeeded or failed; the others are not waited for.
        OneDone = "one_done",
        /// None of them failed.
        NoneFailed = "none_failed",
        /// None of them failed, and at least one succeeded: what follows a branch and joins its ways.
        NoneFailedMinOneSuccess = "none_failed_min_one_success",
        /// None of them was skipped.
        NoneSkipped = "none_skipped",
        /// All of them were skipped.
        AllSkipped = "all_skipped",
        /// At once.
        Always = "always",
    }
);

words!(
    /// How the weights of other tasks add to a task's own.
    pub enum WeightRule {
        /// Those of all tasks downstream are added: what counts unless another rule is given.
        Downstream = "downstream",
        /// Those of all tasks upstream are added.
        Upstream = "upstream",
        /// None are.
        Absolute = "absolute",
    }
);

words!(
    /// How a task decides what goes on after it.
    #[doc(hidden)]
    pub enum Decides {
        Branch = "branch",
        ShortCircuit = "short_circuit",
    }
);

/// A JSON object that is filled step by step: what a DAG, a group or a task says of itself. What nobody sets stays as the
/// host takes it for granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Object(pub(crate) Map<String, Value>);

impl Object {
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Sets `key`, unless that is what the host takes for granted.
    pub(crate) fn set_unless_default<T: Into<Value> + Default + PartialEq>(&mut self, key: &str, value: T) {
        if value != T::default() {
            self.set(key, value);
        }
    }

    /// Sets `key` to a list, unless there is nothing in it.
    pub(crate) fn set_list(&mut self, key: &str, values: impl IntoIterator<Item = impl Into<Value>>) {
        for value in values {
            self.push(key, value);
        }
    }

    /// Adds `value` to the list at `key`.
    pub(crate) fn push(&mut self, key: &str, value: impl Into<Value>) {
        if let Value::Array(list) = self.0.entry(key).or_insert_with(|| json!([])) {
            list.push(value.into());
        }
    }

    /// Changes the object at `key`.
    pub(crate) fn within(&mut self, key: &str, change: impl FnOnce(&mut Self)) {
        let mut inner = match self.0.remove(key) {
            Some(Value::Object(inner)) => Self(inner),
            Some(_) | None => Self::default(),
        };
        change(&mut inner);
        self.set(key, inner);
    }

    /// Declares that names of this kind are used.
    pub(crate) fn uses<S: Into<String>>(&mut self, kind: &str, names: impl IntoIterator<Item = S>) {
        self.within("uses", |uses| uses.set_list(kind, names.into_iter().map(Into::into)));
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// One argument of a task. While a DAG is drawn its tasks name each other by the order of their calls, because an id can
/// still be given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Argument {
    /// A value known when the DAG is drawn.
    Literal(Value),
    /// What another task returned.
    Output(usize),
    /// What several tasks returned, as one array.
    Outputs(Vec<usize>),
    /// A member of the run's configuration.
    Conf(String),
    /// One element for each mapped instance.
    Expand(MapSource),
    /// A member of the mapped instance's object.
    Keyword(String),
    /// An element of the mapped group that the task is in.
    GroupItem(&'static str),
}

/// What a mapped task or group is expanded over.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub enum MapSource {
    /// A sequence or a map that the DAG gives.
    Literal(Value),
    /// What a task returned.
    Output(usize),
    /// The elements of several sources side by side, and what stands where one has none left.
    Zip(Vec<Self>, Option<Value>),
    /// The elements of several sources, one source after the other.
    Concat(Vec<Self>),
}

impl Argument {
    /// As the host reads it, with the tasks' ids.
    pub(crate) fn json(self, ids: &[String]) -> Value {
        match self {
            Self::Literal(value) => json!({ "literal": value }),
            Self::Output(task) => json!({ "output": ids[task] }),
            Self::Outputs(tasks) => json!({ "outputs": named(&tasks, ids) }),
            Self::Conf(member) => json!({ "conf": member }),
            Self::Expand(source) => json!({ "expand": source.json(ids) }),
            Self::Keyword(member) => json!({ "keyword": member }),
            Self::GroupItem(member) => json!({ "group_item": member }),
        }
    }

    /// Adds the tasks whose results it is made of to `tasks`.
    pub(crate) fn collect(&self, tasks: &mut Vec<usize>) {
        match self {
            Self::Output(task) => tasks.push(*task),
            Self::Outputs(all) => tasks.extend(all),
            Self::Expand(source) => source.collect(tasks),
            Self::Literal(_) | Self::Conf(_) | Self::Keyword(_) | Self::GroupItem(_) => {}
        }
    }
}

impl MapSource {
    /// As the host reads it, with the tasks' ids.
    pub(crate) fn json(self, ids: &[String]) -> Value {
        let all = |sources: Vec<Self>| sources.into_iter().map(|source| source.json(ids)).collect::<Vec<_>>();
        match self {
            Self::Literal(value) => json!({ "literal": value }),
            Self::Output(task) => json!({ "output": ids[task] }),
            Self::Zip(sources, None) => json!({ "zip": { "sources": all(sources) } }),
            Self::Zip(sources, Some(fill)) => json!({ "zip": { "sources": all(sources), "fill": fill } }),
            Self::Concat(sources) => json!({ "concat": all(sources) }),
        }
    }

    /// Adds the tasks whose results it is made of to `tasks`.
    pub(crate) fn collect(&self, tasks: &mut Vec<usize>) {
        match self {
            Self::Literal(_) => {}
            Self::Output(task) => tasks.push(*task),
            Self::Zip(sources, _) | Self::Concat(sources) => {
                for source in sources {
                    source.collect(tasks);
                }
            }
        }
    }
}

/// The ids of tasks.
pub(crate) fn named(tasks: &[usize], ids: &[String]) -> Vec<Value> {
    tasks.iter().map(|&task| ids[task].as_str().into()).collect()
}
