//! The handle of a task that was drawn into a DAG.

use std::marker::PhantomData;

use crate::draft::{Call, Draft};
use crate::input::Supply;
use crate::{Result, runtime};

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
    pub fn draw(task: &'static runtime::Task, arguments: Vec<Result<Supply>>) -> Self {
        Self::of(Draft::with(|draft| draft.draw(task, arguments)))
    }

    /// The handle of the call at `index`.
    pub(crate) fn of(index: usize) -> Self {
        Self { index, value: PhantomData }
    }

    pub(crate) fn index(self) -> usize {
        self.index
    }

    pub(crate) fn change(self, change: impl FnOnce(&mut Call)) -> Self {
        Draft::with(|draft| change(draft.call(self.index)));
        self
    }

    /// Changes the task as `given` says, unless that is a mistake.
    pub(crate) fn try_change<G>(self, given: Result<G>, change: impl FnOnce(&mut Call, G)) -> Self {
        Draft::with(|draft| match given {
            Ok(given) => change(draft.call(self.index), given),
            Err(error) => draft.refuse(error),
        });
        self
    }

    /// Names the task. Otherwise it is named as its function, and by `__1`, `__2` … where that is called again. In a
    /// group, the group's id is put before it.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.change(|call| call.id = Some(id.into()))
    }

    /// Runs the task after `upstream`, without handing a value over.
    pub fn depends_on(self, upstream: impl Upstream) -> Self {
        Draft::with(|draft| {
            let upstream = upstream.indices(draft);
            draft.call(self.index).depends_on.extend(upstream);
        });
        self
    }

    /// Makes the task a setup: something that a teardown undoes.
    pub fn setup(self) -> Self {
        self.change(|call| call.is_setup = true)
    }

    /// Makes the task a teardown. It runs once everything before it has ended, however that ended, and its own failure
    /// does not fail the run.
    pub fn teardown(self) -> Self {
        self.change(|call| {
            call.teardown.get_or_insert_default();
        })
    }

    /// Makes the task the [`teardown`](Self::teardown) of `setups`, which become setups and run before it. It runs unless
    /// all of them failed or were skipped.
    ///
    /// ```
    /// # use flow_sdk::prelude::*;
    /// # #[task] fn create() -> String { "db".to_owned() }
    /// # #[task] fn query(db: String) {}
    /// # #[task] fn drop_it(db: String) {}
    /// # #[dag] fn scratch() {
    /// let db = create();
    /// let used = query(db);
    /// drop_it(db).teardown_of(db).depends_on(used);
    /// # }
    /// # scratch().expect("it can be drawn");
    /// ```
    pub fn teardown_of(self, setups: impl Upstream) -> Self {
        Draft::with(|draft| {
            let setups = setups.indices(draft);
            for &setup in &setups {
                draft.call(setup).is_setup = true;
            }
            draft.call(self.index).teardown.get_or_insert_default().setups.extend(setups);
        });
        self
    }

    /// Lets the failure of this teardown fail the run.
    pub fn on_failure_fail_dagrun(self) -> Self {
        self.change(|call| call.teardown.get_or_insert_default().on_failure_fail_dagrun = true)
    }
}

/// One handle or several, or a [`Group`](crate::Group), for [`Output::depends_on`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no task that another one can follow",
    label = "not the handle of a task",
    note = "pass the `Output` of a task, a `Group`, or several of them as a list or a tuple"
)]
pub trait Upstream {
    #[doc(hidden)]
    fn indices(&self, draft: &Draft) -> Vec<usize>;
}

impl<T> Upstream for Output<T> {
    fn indices(&self, _: &Draft) -> Vec<usize> {
        vec![self.index]
    }
}

impl<U: Upstream> Upstream for [U] {
    fn indices(&self, draft: &Draft) -> Vec<usize> {
        self.iter().flat_map(|one| one.indices(draft)).collect()
    }
}

impl<U: Upstream> Upstream for Vec<U> {
    fn indices(&self, draft: &Draft) -> Vec<usize> {
        self.as_slice().indices(draft)
    }
}

impl<U: Upstream, const N: usize> Upstream for [U; N] {
    fn indices(&self, draft: &Draft) -> Vec<usize> {
        self.as_slice().indices(draft)
    }
}

impl<U: Upstream + ?Sized> Upstream for &U {
    fn indices(&self, draft: &Draft) -> Vec<usize> {
        (**self).indices(draft)
    }
}

macro_rules! upstream_of_tuples {
    ($($name:ident)+) => {
        impl<$($name: Upstream),+> Upstream for ($($name,)+) {
            #[expect(non_snake_case, reason = "each type parameter lends its name to the member of its type")]
            fn indices(&self, draft: &Draft) -> Vec<usize> {
                let ($($name,)+) = self;
                [$($name.indices(draft)),+].concat()
            }
        }
    };
}

upstream_of_tuples!(A B);
upstream_of_tuples!(A B C);
upstream_of_tuples!(A B C D);
upstream_of_tuples!(A B C D E);
upstream_of_tuples!(A B C D E F);
