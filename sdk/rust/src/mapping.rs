//! Mapped tasks: one call, as many instances as a list has elements.
//!
//! [`each`] marks the argument that a task is mapped over. Its list may be known when the DAG is drawn or be what
//! another task returns; the handle then stands for what all instances returned, in order.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[task]
//! fn files() -> Vec<String> {
//!     vec!["a.csv".to_owned(), "b.csv".to_owned()]
//! }
//!
//! #[task]
//! fn count_rows(file: String, skip: u32) -> u32 {
//!     10 - skip
//! }
//!
//! #[task]
//! fn sum(rows: Vec<u32>) -> u32 {
//!     rows.into_iter().sum()
//! }
//!
//! #[dag]
//! fn count() {
//!     let rows = count_rows(each(files()), 1).map_index_template("{file}");
//!     sum(rows);
//! }
//! ```
//!
//! Several mapped arguments make the product of their lists, in which the last one varies fastest. [`zip`] puts lists
//! side by side, [`concat()`] one after the other, and [`from_each`] spreads the members of objects over parameters.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};

use serde::Serialize;

use crate::input::Supply;
use crate::spec::{Argument, MapSource};
use crate::{Input, Output, Result};

/// Whether a task is one instance or as many as a list has elements.
#[doc(hidden)]
pub trait Shape {
    /// That of a task with arguments of both shapes.
    type And<Other: Shape>: Shape;
    /// What such a task's handle stands for, if each instance returns a `T`.
    type Of<T>;
}

/// The shape of a task that is not mapped.
#[doc(hidden)]
#[derive(Debug)]
pub enum Single {}

/// The shape of a mapped task.
#[doc(hidden)]
#[derive(Debug)]
pub enum Mapped {}

impl Shape for Single {
    type And<Other: Shape> = Other;
    type Of<T> = T;
}

impl Shape for Mapped {
    type And<Other: Shape> = Self;
    type Of<T> = Vec<T>;
}

/// Something to map over: a list, a range or a map that is known when the DAG is drawn, or the [`Output`] of a task that
/// returns a list or a map. The elements of a map are its pairs of key and value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mapped over",
    label = "neither a list nor the output of a task that returns one",
    note = "pass a `Vec`, an array, a range, a `BTreeMap`, or the `Output` of a task that returns a `Vec` or a map; what a \
            mapped group gets of its own list cannot be mapped over again"
)]
pub trait Source {
    /// What each instance gets.
    type Item;

    #[doc(hidden)]
    fn into_source(self) -> Result<MapSource>;
}

/// A source that is known when the DAG is drawn, or that names the task which returns it.
macro_rules! source {
    ([$($generics:tt)*] $given:ty => $item:ty; $source:expr) => {
        impl<$($generics)*> Source for $given {
            type Item = $item;

            fn into_source(self) -> Result<MapSource> {
                let source: fn(Self) -> Result<MapSource> = $source;
                source(self)
            }
        }
    };
}

source!([T: Serialize] Vec<T> => T; |list| literal(&list));
source!([T: Serialize] &Vec<T> => T; |list| literal(list));
source!([T: Serialize] &[T] => T; |list| literal(list));
source!([T: Serialize, const N: usize] [T; N] => T; |list| literal(list.as_slice()));
source!([K: Serialize + Ord, V: Serialize] BTreeMap<K, V> => (K, V); |map| literal(&map));
source!([T] Output<Vec<T>> => T; |output| Ok(MapSource::Output(output.index())));
source!([T] &Output<Vec<T>> => T; |output| Ok(MapSource::Output(output.index())));
source!([K, V] Output<BTreeMap<K, V>> => (K, V); |output| Ok(MapSource::Output(output.index())));
source!([K, V] Output<HashMap<K, V>> => (K, V); |output| Ok(MapSource::Output(output.index())));

fn literal(list: &(impl Serialize + ?Sized)) -> Result<MapSource> {
    Ok(MapSource::Literal(serde_json::to_value(list)?))
}

impl<T: Serialize> Source for Range<T>
where
    Self: Iterator<Item = T>,
{
    type Item = T;

    fn into_source(self) -> Result<MapSource> {
        literal(&self.collect::<Vec<_>>())
    }
}

impl<T: Serialize> Source for RangeInclusive<T>
where
    Self: Iterator<Item = T>,
{
    type Item = T;

    fn into_source(self) -> Result<MapSource> {
        literal(&self.collect::<Vec<_>>())
    }
}

/// One element for each mapped instance; see [`each`].
#[derive(Debug)]
pub struct Each<T> {
    source: Result<MapSource>,
    item: PhantomData<fn() -> T>,
}

/// Maps the task that it is passed to: there are as many instances as `list` has elements, and each gets one.
pub fn each<S: Source>(list: S) -> Each<S::Item> {
    Each { source: list.into_source(), item: PhantomData }
}

/// What supplies an element supplies a parameter of its type, an optional one, or a `String` from a `&str`.
macro_rules! maps {
    ([$($generics:tt)*] $given:ty => $wanted:ty) => {
        impl<$($generics)*> Input<$wanted> for $given {
            type Shape = Mapped;

            fn into_argument(self) -> Result<Supply> {
                self.source.map(|source| Argument::Expand(source).into())
            }
        }
    };
}

maps!([T] Each<T> => T);
maps!([T] Each<T> => Option<T>);
maps!([] Each<&str> => String);

/// The elements of two lists side by side, as pairs; see [`zip`].
#[derive(Debug)]
pub struct Zip<A, B> {
    sources: Result<Vec<MapSource>>,
    fill: Option<Result<serde_json::Value>>,
    item: PhantomData<fn() -> (A, B)>,
}

/// Puts the elements of two lists side by side, as pairs. There are as many as the shorter list has.
pub fn zip<A: Source, B: Source>(first: A, second: B) -> Zip<A::Item, B::Item> {
    let sources = first.into_source().and_then(|first| Ok(vec![first, second.into_source()?]));
    Zip { sources, fill: None, item: PhantomData }
}

impl<A, B> Zip<A, B> {
    /// Makes as many pairs as the longer list has, with `value` where the other one has no element left.
    #[must_use]
    pub fn fill(self, value: impl Serialize) -> Self {
        Self { fill: Some(serde_json::to_value(value).map_err(Into::into)), ..self }
    }
}

impl<A, B> Source for Zip<A, B> {
    type Item = (A, B);

    fn into_source(self) -> Result<MapSource> {
        Ok(MapSource::Zip(self.sources?, self.fill.transpose()?))
    }
}

/// The elements of two lists, one list after the other; see [`concat()`].
#[derive(Debug)]
pub struct Concat<T> {
    sources: Result<Vec<MapSource>>,
    item: PhantomData<fn() -> T>,
}

/// Puts the elements of one list behind those of another.
pub fn concat<A: Source, B: Source<Item = A::Item>>(first: A, second: B) -> Concat<A::Item> {
    let sources = first.into_source().and_then(|first| Ok(vec![first, second.into_source()?]));
    Concat { sources, item: PhantomData }
}

impl<T> Source for Concat<T> {
    type Item = T;

    fn into_source(self) -> Result<MapSource> {
        Ok(MapSource::Concat(self.sources?))
    }
}

/// One object for each mapped instance; see [`from_each`].
#[derive(Debug, Clone)]
pub struct Objects(Result<MapSource>);

/// A parameter's share of each object; see [`from_each`].
#[derive(Debug, Clone)]
pub struct Field {
    source: Result<MapSource>,
    name: String,
}

/// Maps a task over a list of objects, of which each parameter gets a member of its own (Airflow's `expand_kwargs`):
///
/// ```
/// # use flow_sdk::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize)]
/// struct File {
///     path: String,
///     rows: u32,
/// }
///
/// #[task]
/// fn list() -> Vec<File> {
///     vec![File { path: "a.csv".to_owned(), rows: 10 }]
/// }
///
/// #[task]
/// fn load(path: String, rows: u32, table: String) {}
///
/// #[dag]
/// fn load_all() {
///     let file = from_each(list());
///     load(file.field("path"), file.field("rows"), "raw");
/// }
/// ```
pub fn from_each(list: impl Source) -> Objects {
    Objects(list.into_source())
}

impl Objects {
    /// Their member `name`; `null` where an object has none.
    pub fn field(&self, name: &str) -> Field {
        Field { source: self.0.clone(), name: name.to_owned() }
    }
}

impl<T> Input<T> for Field {
    type Shape = Mapped;

    fn into_argument(self) -> Result<Supply> {
        Ok(Supply { argument: Argument::Keyword(self.name), kwargs: Some(self.source?) })
    }
}
