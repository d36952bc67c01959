//! Tasks without code of their own: the host does them itself.

use serde_json::{Value, json};

use crate::draft::Draft;
use crate::question::{Answer, Question};
use crate::wait::{WaitSpec, Waitable};
use crate::{Output, Result};

fn draw<T>(name: &str, native: Result<Value>) -> Output<T> {
    Output::of(Draft::with(|draft| {
        let native = draft.accept(native, || format!("task `{name}`"));
        draft.add(name, "native", native.unwrap_or_default())
    }))
}

/// Draws a task that does nothing: a place for edges to meet.
pub fn empty(id: impl Into<String>) -> Output<()> {
    draw("empty", Ok("empty".into())).id(id)
}

/// Draws a task named `latest_only` that lets what follows it run only in the latest scheduled run, or in one that was
/// asked for.
pub fn latest_only() -> Output<()> {
    draw("latest_only", Ok("latest_only".into()))
}

/// Draws a task named `wait_for` that waits without a slot, and without running anything: see [`wait`](crate::wait).
pub fn wait_for(what: impl Waitable) -> Output<()> {
    let wait = what.wait().map(WaitSpec::new);
    let uses = wait.as_ref().ok().and_then(WaitSpec::uses);
    let drawn = draw("wait_for", wait.and_then(|wait| Ok(json!({ "wait": serde_json::to_value(wait)? }))));
    match uses {
        Some((kind, name)) => drawn.change(|call| call.settings.uses(kind, [name])),
        None => drawn,
    }
}

/// Draws a task named `ask` that waits, without a slot, until a person has answered: see
/// [`question`](crate::question()).
pub fn ask(Question(form): Question) -> Output<Answer> {
    draw("ask", Ok(json!({ "human_input": form.0 })))
}
