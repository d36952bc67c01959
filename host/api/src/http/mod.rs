//! What every route shares: how requests are read, how errors look, how answers are dressed.

mod accept;
mod body;
mod dress;
mod extract;
mod patch;
mod problem;
mod stream;

pub(crate) use accept::accepts;
pub(crate) use body::{Json, read};
pub(crate) use dress::{dress, panicked};
pub(crate) use extract::{PageQuery, Path, Queries, Query, Wild, whole, within_limit};
pub(crate) use patch::{MaskQuery, Patch, RawBulk, unmask};
pub(crate) use problem::{FieldError, Problem, ProblemBody};
pub(crate) use stream::{ndjson, sse};
