//! The handle of a task that was drawn into a DAG.

use std::marker::PhantomData;
use std::time::Duration;

use crate::dag::Draft;
use crate::runtime;
use crate::spec::{Argument, TriggerRule};
use crate::{Result, dag};

/// What a task will have returned. Pass it to another task, or set how this one call is run:
/// `load(rows).id("load_once").retries(5)`.
#[derive(Debug)]
pub struct Output<T> {
    index: usize,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Output<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Output<T> {}

#[expect(clippy::return_self_not_must_use, reason = "a task is drawn whether or not its handle is used")]
impl<T> Output<T> {
    #[doc(hidden)]
    pub fn draw(task: &'static runtime::Task, arguments: Vec<Result<Argument<usize>>>) -> Self {
        let index = Draft::with(|draft| draft.draw(task, arguments));
        Self { index, value: PhantomData }
    }

    pub(crate) fn index(self) -> usize {
        self.index
    }

    fn set(self, change: impl FnOnce(&mut dag::Call)) -> Self {
        Draft::with(|draft| change(draft.call(self.index)));
        self
    }

    /// Names the task. Otherwise it is named as its function, and by `__1`, `__2` … where that is called again.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.set(|call| call.id = Some(id.into()))
    }

    /// Runs the task after `upstream`, without handing a value over.
    pub fn depends_on(self, upstream: impl Upstream) -> Self {
        self.set(|call| call.depends_on.extend(upstream.indices()))
    }

    /// How many more tries there are after the first one failed.
    pub fn retries(self, count: u32) -> Self {
        self.set(|call| call.settings.retries = count)
    }

    /// The pause before another try; five minutes unless given.
    pub fn retry_delay(self, delay: Duration) -> Self {
        self.set(|call| call.settings.retry_delay_ms = Some(dag::millis(delay)))
    }

    /// The wall-clock limit of one try.
    pub fn timeout(self, limit: Duration) -> Self {
        self.set(|call| call.settings.execution_timeout_ms = Some(dag::millis(limit)))
    }

    /// When the task may run.
    pub fn trigger_rule(self, rule: TriggerRule) -> Self {
        self.set(|call| call.settings.trigger_rule = rule)
    }

    /// Variables that the task uses; a trailing `*` is a prefix.
    pub fn uses_variables<S: Into<String>>(self, keys: impl IntoIterator<Item = S>) -> Self {
        self.set(|call| call.settings.uses.variables.extend(keys.into_iter().map(Into::into)))
    }

    /// Connections that the task uses; a trailing `*` is a prefix.
    pub fn uses_connections<S: Into<String>>(self, ids: impl IntoIterator<Item = S>) -> Self {
        self.set(|call| call.settings.uses.connections.extend(ids.into_iter().map(Into::into)))
    }

    /// Other DAGs that the task triggers or asks about; a trailing `*` is a prefix.
    pub fn uses_dags<S: Into<String>>(self, ids: impl IntoIterator<Item = S>) -> Self {
        self.set(|call| call.settings.uses.dags.extend(ids.into_iter().map(Into::into)))
    }
}

/// One handle or several, for [`Output::depends_on`].
pub trait Upstream {
    #[doc(hidden)]
    fn indices(&self) -> Vec<usize>;
}

impl<T> Upstream for Output<T> {
    fn indices(&self) -> Vec<usize> {
        vec![self.index]
    }
}

impl<T> Upstream for [Output<T>] {
    fn indices(&self) -> Vec<usize> {
        self.iter().map(|output| output.index).collect()
    }
}

impl<T> Upstream for Vec<Output<T>> {
    fn indices(&self) -> Vec<usize> {
        self.as_slice().indices()
    }
}

impl<T, const N: usize> Upstream for [Output<T>; N] {
    fn indices(&self) -> Vec<usize> {
        self.as_slice().indices()
    }
}

impl<U: Upstream + ?Sized> Upstream for &U {
    fn indices(&self) -> Vec<usize> {
        (**self).indices()
    }
}
