//! What can be passed to a task inside of a DAG.

use serde::Serialize;
use serde_json::Value;

use crate::mapping::{Shape, Single};
use crate::spec::{Argument, MapSource};
use crate::{Output, Result};

/// Something that supplies a task's parameter of type `T`: a literal, the [`Output`] of a task that returns one, or
/// [`conf`]. A `Vec<T>` is also supplied by a list of outputs, and an `Option<T>` by an output that may be missing.
/// [`each`](crate::each) supplies one element to each mapped instance.
#[diagnostic::on_unimplemented(
    message = "a task's parameter of type `{T}` cannot be supplied by `{Self}`",
    label = "expected a `{T}`",
    note = "pass a `{T}` that serde can serialise, the `Output<{T}>` of another task, `conf(\"name\")`, or `each(…)` of a \
            list of them"
)]
pub trait Input<T> {
    /// Whether the task is mapped over it.
    #[doc(hidden)]
    type Shape: Shape;

    #[doc(hidden)]
    fn into_argument(self) -> Result<Supply>;
}

/// An argument, and where its objects come from if it is a member of each mapped instance's own.
#[doc(hidden)]
#[derive(Debug)]
pub struct Supply {
    pub(crate) argument: Argument,
    pub(crate) kwargs: Option<MapSource>,
}

impl From<Argument> for Supply {
    fn from(argument: Argument) -> Self {
        Self { argument, kwargs: None }
    }
}

/// A value that is known at once: a `T` that serde can serialise, also for an `Option<T>`, or a `&str` for a `String`.
#[diagnostic::on_unimplemented(
    message = "a parameter of type `{T}` cannot be given as `{Self}`",
    label = "expected a `{T}`",
    note = "pass a `{T}` that serde can serialise: the value is needed now, so it cannot come from a task"
)]
pub trait Literal<T> {
    #[doc(hidden)]
    fn into_json(self) -> Result<Value>;
}

macro_rules! literal {
    ([$($generics:tt)*] $given:ty => $wanted:ty) => {
        impl<$($generics)*> Literal<$wanted> for $given {
            fn into_json(self) -> Result<Value> {
                Ok(serde_json::to_value(self)?)
            }
        }
    };
}

literal!([T: Serialize] T => T);
literal!([T: Serialize] T => Option<T>);
literal!([] &str => String);
literal!([] &str => Option<String>);

/// A member of the run's configuration; see [`conf`].
#[derive(Debug, Clone, Copy)]
pub struct Conf<'a>(&'a str);

/// Passes the member `name` of the run's configuration, or of the DAG's params, to a task. It is `null` where there is
/// none.
pub fn conf(name: &str) -> Conf<'_> {
    Conf(name)
}

/// What supplies parameters of several types in the same way, without mapping the task.
macro_rules! supplies {
    ($generics:tt $given:ty => $plain:ty, $optional:ty; $argument:expr) => {
        supplies!($generics $given => $plain; $argument);
        supplies!($generics $given => $optional; $argument);
    };
    ([$($generics:tt)*] $given:ty => $wanted:ty; $argument:expr) => {
        impl<$($generics)*> Input<$wanted> for $given {
            type Shape = Single;

            fn into_argument(self) -> Result<Supply> {
                let argument: fn(Self) -> Result<Argument> = $argument;
                argument(self).map(Supply::from)
            }
        }
    };
}

supplies!([T] Conf<'_> => T; |conf| Ok(Argument::Conf(conf.0.to_owned())));
supplies!([T: Serialize] T => T, Option<T>; |value| Ok(Argument::Literal(serde_json::to_value(value)?)));
supplies!([] &str => String, Option<String>; |text| Ok(Argument::Literal(text.into())));
supplies!([T] Output<T> => T, Option<T>; |output| Ok(Argument::Output(output.index())));
supplies!([T] &Output<T> => T, Option<T>; |output| Ok(Argument::Output(output.index())));
supplies!([T] Vec<Output<T>> => Vec<T>, Vec<Option<T>>; |list| all(&list));
supplies!([T] &Vec<Output<T>> => Vec<T>, Vec<Option<T>>; |list| all(list));
supplies!([T] &[Output<T>] => Vec<T>, Vec<Option<T>>; |list| all(list));
supplies!([T, const N: usize] [Output<T>; N] => Vec<T>, Vec<Option<T>>; |list| all(&list));

#[expect(clippy::unnecessary_wraps, reason = "the other ways to supply an argument can fail")]
fn all<T>(outputs: &[Output<T>]) -> Result<Argument> {
    Ok(Argument::Outputs(outputs.iter().map(|output| output.index()).collect()))
}
