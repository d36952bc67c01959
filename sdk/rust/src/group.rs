//! Groups: tasks that are shown, repeated, limited or mapped together.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[task]
//! fn download(region: String) -> Vec<u32> {
//!     vec![region.len() as u32]
//! }
//!
//! #[task]
//! fn add(rows: Vec<u32>) -> u32 {
//!     rows.into_iter().sum()
//! }
//!
//! #[task]
//! fn compare(totals: Vec<u32>) {}
//!
//! #[dag]
//! fn regions() {
//!     let check = group("check", || {
//!         empty("reachable");
//!         empty("authorised");
//!     });
//!     let totals = group_each("region", ["eu", "us"], |region| add(download(region)));
//!     totals.tooltip("One instance for each region").max_active(2).depends_on(check);
//!     compare(totals.output);
//! }
//! ```
//!
//! The ids of a group's tasks begin with its own: `region.download`. A group that is mapped by [`group_each`] runs as a
//! whole for each element of its list: inside of it, tasks follow those of the same element; from outside, the handle in
//! [`Group::output`] stands for what they all returned. Neither a mapped task nor another mapped group fits into it, so an
//! element of the list cannot be mapped over again:
//!
//! ```compile_fail,E0277
//! # use flow_sdk::prelude::*;
//! # #[task] fn add(rows: u32) -> u32 { rows }
//! # #[dag] fn regions() {
//! group_each("region", [[1, 2], [3, 4]], |rows| add(each(rows)));
//! # }
//! ```

use std::time::Duration;

use crate::draft::{Draft, GroupDraft};
use crate::input::Supply;
use crate::mapping::Single;
use crate::output::Upstream;
use crate::spec::{Argument, MapSource};
use crate::{Deadline, Input, Output, Result, Source, dag};

/// A group that was drawn, and the handles that its closure returned.
#[derive(Debug, Clone, Copy)]
pub struct Group<R> {
    pub(crate) index: usize,
    /// What the closure returned; of a mapped group, with a list in place of each single value.
    pub output: R,
}

/// Draws the tasks that `draw` calls as a group.
pub fn group<R>(id: impl Into<String>, draw: impl FnOnce() -> R) -> Group<R> {
    open(id.into(), Vec::new(), draw)
}

/// Draws the tasks that `draw` calls as a group that runs for each element of a list. Two lists, as a pair, make their
/// product, in which the second one varies fastest.
pub fn group_each<E: Elements, R: Lift>(
    id: impl Into<String>,
    over: E,
    draw: impl FnOnce(E::Items) -> R,
) -> Group<R::Lifted> {
    let (sources, items) = over.split();
    let Group { index, output } = open(id.into(), sources, || draw(items));
    Group { index, output: output.lift() }
}

fn open<R>(id: String, expand: Vec<Factor>, draw: impl FnOnce() -> R) -> Group<R> {
    let (index, outer) = Draft::with(|draft| draft.open(id, expand));
    let output = draw();
    Draft::with(|draft| draft.close(outer));
    Group { index, output }
}

#[expect(clippy::return_self_not_must_use, reason = "a group is drawn whether or not its handle is used")]
impl<R> Group<R> {
    fn set(self, change: impl FnOnce(&mut GroupDraft)) -> Self {
        Draft::with(|draft| change(draft.group(self.index)));
        self
    }

    /// What it is for.
    pub fn tooltip(self, text: impl Into<String>) -> Self {
        self.set(|group| group.settings.set("tooltip", text.into()))
    }

    /// How often the group as a whole is tried again after a task of it failed for good.
    pub fn retries(self, count: u32) -> Self {
        self.set(|group| group.settings.set("retries", count))
    }

    /// The pause before that.
    pub fn retry_delay(self, delay: Duration) -> Self {
        self.set(|group| group.settings.set("retry_delay_ms", dag::millis(delay)))
    }

    /// How many of its task instances may be active in one run.
    pub fn max_active(self, count: u32) -> Self {
        self.set(|group| group.settings.set("max_active_tis", count))
    }

    /// By when it has to be done. There can be several.
    pub fn deadline(self, deadline: Deadline) -> Self {
        Draft::with(|draft| match deadline.json() {
            Ok(said) => draft.group(self.index).settings.push("deadlines", said),
            Err(error) => draft.refuse(error),
        });
        self
    }

    /// Runs the group's first tasks after `upstream`.
    pub fn depends_on(self, upstream: impl Upstream) -> Self {
        Draft::with(|draft| {
            let upstream = upstream.indices(draft);
            for root in draft.roots(self.index) {
                draft.call(root).depends_on.extend(&upstream);
            }
        });
        self
    }
}

impl<R> Upstream for Group<R> {
    /// The tasks of the group that no other task of it follows.
    fn indices(&self, draft: &Draft) -> Vec<usize> {
        draft.leaves(self.index)
    }
}

impl<T, R: Input<T>> Input<T> for Group<R> {
    type Shape = R::Shape;

    fn into_argument(self) -> Result<Supply> {
        self.output.into_argument()
    }
}

/// One list of a mapped group: the name of its elements, and where they come from.
#[doc(hidden)]
pub type Factor = (&'static str, Result<MapSource>);

/// What a mapped group runs for: a [`Source`], or a pair of them.
pub trait Elements {
    /// What the closure is given: an [`Item`], or a pair of them.
    type Items;

    #[doc(hidden)]
    fn split(self) -> (Vec<Factor>, Self::Items);
}

impl<S: Source> Elements for S {
    type Items = Item<S::Item>;

    fn split(self) -> (Vec<Factor>, Self::Items) {
        let (factor, item) = factor("item", self);
        (vec![factor], item)
    }
}

impl<A: Source, B: Source> Elements for (A, B) {
    type Items = (Item<A::Item>, Item<B::Item>);

    fn split(self) -> (Vec<Factor>, Self::Items) {
        let ((first, a), (second, b)) = (factor("first", self.0), factor("second", self.1));
        (vec![first, second], (a, b))
    }
}

fn factor<S: Source>(name: &'static str, source: S) -> (Factor, Item<S::Item>) {
    ((name, source.into_source()), Item { name, value: std::marker::PhantomData })
}

/// The element that a mapped group runs for. Pass it to the group's tasks.
#[derive(Debug)]
pub struct Item<T> {
    name: &'static str,
    value: std::marker::PhantomData<fn() -> T>,
}

impl<T> Clone for Item<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Item<T> {}

macro_rules! supplies {
    ([$($generics:tt)*] $given:ty => $wanted:ty) => {
        impl<$($generics)*> Input<$wanted> for $given {
            type Shape = Single;

            fn into_argument(self) -> Result<Supply> {
                Ok(Argument::GroupItem(self.name).into())
            }
        }
    };
}

supplies!([T] Item<T> => T);
supplies!([T] Item<T> => Option<T>);
supplies!([] Item<&str> => String);

/// Handles from inside of a mapped group, which from outside stand for lists.
pub trait Lift {
    /// The same from outside.
    type Lifted;

    #[doc(hidden)]
    fn lift(self) -> Self::Lifted;
}

impl<T> Lift for Output<T> {
    type Lifted = Output<Vec<T>>;

    fn lift(self) -> Self::Lifted {
        Output::of(self.index())
    }
}

impl<R: Lift> Lift for Group<R> {
    type Lifted = Group<R::Lifted>;

    fn lift(self) -> Self::Lifted {
        Group { index: self.index, output: self.output.lift() }
    }
}

impl Lift for () {
    type Lifted = ();

    fn lift(self) {}
}

impl<A: Lift, B: Lift> Lift for (A, B) {
    type Lifted = (A::Lifted, B::Lifted);

    fn lift(self) -> Self::Lifted {
        (self.0.lift(), self.1.lift())
    }
}

impl<A: Lift, B: Lift, C: Lift> Lift for (A, B, C) {
    type Lifted = (A::Lifted, B::Lifted, C::Lifted);

    fn lift(self) -> Self::Lifted {
        (self.0.lift(), self.1.lift(), self.2.lift())
    }
}

impl<R: Lift> Lift for Vec<R> {
    type Lifted = Vec<R::Lifted>;

    fn lift(self) -> Self::Lifted {
        self.into_iter().map(Lift::lift).collect()
    }
}
