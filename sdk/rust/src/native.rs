//! Tasks without code of their own: the host does them itself.

use crate::draft::Draft;
use crate::question::{Answer, Question};
use crate::spec::Native;
use crate::wait::{WaitSpec, Waitable};
use crate::{Output, Result};

fn draw<T>(name: &str, native: Result<Native>) -> Output<T> {
    Output::of(Draft::with(|draft| draft.draw_native(name, native)))
}

/// Draws a task that does nothing: a place for edges to meet.
pub fn empty(id: impl Into<String>) -> Output<()> {
    draw("empty", Ok(Native::Empty)).id(id)
}

/// Draws a task named `latest_only` that lets what follows it run only in the latest scheduled run, or in one that was
/// asked for.
pub fn latest_only() -> Output<()> {
    draw("latest_only", Ok(Native::LatestOnly))
}

/// Draws a task named `wait_for` that waits without a slot, and without running anything: see [`wait`](crate::wait).
pub fn wait_for(what: impl Waitable) -> Output<()> {
    let spec = what.wait().map(WaitSpec::new);
    let uses = spec.as_ref().map(WaitSpec::uses).unwrap_or_default();
    draw("wait_for", spec.map(Native::Wait)).set(|call| call.settings.uses = uses)
}

/// Draws a task named `ask` that waits, without a slot, until a person has answered: see
/// [`question`](crate::question()).
pub fn ask(question: Question) -> Output<Answer> {
    draw("ask", Ok(Native::HumanInput(Box::new(question.0))))
}
