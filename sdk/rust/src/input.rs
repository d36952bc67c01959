//! What can be passed to a task inside of a DAG.

use serde::Serialize;

use crate::spec::Argument;
use crate::{Output, Result};

/// Something that supplies a task's parameter of type `T`: a literal, the [`Output`] of a task that returns one, or
/// [`conf`]. A `Vec<T>` is also supplied by a list of outputs, and an `Option<T>` by an output that may be missing.
#[diagnostic::on_unimplemented(
    message = "a task's parameter of type `{T}` cannot be supplied by `{Self}`",
    label = "expected a `{T}`",
    note = "pass a `{T}` that serde can serialise, the `Output<{T}>` of another task, or `conf(\"name\")`"
)]
pub trait Input<T> {
    #[doc(hidden)]
    fn into_argument(self) -> Result<Argument<usize>>;
}

/// A member of the run's configuration; see [`conf`].
#[derive(Debug, Clone, Copy)]
pub struct Conf<'a>(&'a str);

/// Passes the member `name` of the run's configuration to a task. It is `null` where the run has none.
pub fn conf(name: &str) -> Conf<'_> {
    Conf(name)
}

impl<T> Input<T> for Conf<'_> {
    fn into_argument(self) -> Result<Argument<usize>> {
        Ok(Argument::Conf(self.0.to_owned()))
    }
}

impl<T: Serialize> Input<T> for T {
    fn into_argument(self) -> Result<Argument<usize>> {
        Ok(Argument::Literal(serde_json::to_value(self)?))
    }
}

impl Input<String> for &str {
    fn into_argument(self) -> Result<Argument<usize>> {
        Ok(Argument::Literal(self.into()))
    }
}

impl Input<Option<String>> for &str {
    fn into_argument(self) -> Result<Argument<usize>> {
        Ok(Argument::Literal(self.into()))
    }
}

/// An output, or a list of them, supplies two types of parameters in the same way.
macro_rules! supplies {
    ($generics:tt $given:ty => $plain:ty, $optional:ty; $argument:expr) => {
        supplies!($generics $given => $plain; $argument);
        supplies!($generics $given => $optional; $argument);
    };
    ([$($generics:tt)+] $given:ty => $wanted:ty; $argument:expr) => {
        impl<$($generics)+> Input<$wanted> for $given {
            fn into_argument(self) -> Result<Argument<usize>> {
                let argument: fn(Self) -> Argument<usize> = $argument;
                Ok(argument(self))
            }
        }
    };
}

supplies!([T] Output<T> => T, Option<T>; |output| Argument::Output(output.index()));
supplies!([T] &Output<T> => T, Option<T>; |output| Argument::Output(output.index()));
supplies!([T] Vec<Output<T>> => Vec<T>, Vec<Option<T>>; |list| all(&list));
supplies!([T] &Vec<Output<T>> => Vec<T>, Vec<Option<T>>; |list| all(list));
supplies!([T] &[Output<T>] => Vec<T>, Vec<Option<T>>; |list| all(list));
supplies!([T, const N: usize] [Output<T>; N] => Vec<T>, Vec<Option<T>>; |list| all(&list));

fn all<T>(outputs: &[Output<T>]) -> Argument<usize> {
    Argument::Outputs(outputs.iter().map(|output| output.index()).collect())
}
