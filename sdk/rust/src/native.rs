//! Tasks without code of their own: the host does them itself.

use serde_json::{Value, json};

use crate::draft::Draft;
use crate::question::{Answer, Question};
use crate::wait::{Wait, Waitable};
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

/// Draws a task named `wait_for` that waits without a slot, and runs nothing but the trigger that it may be given: see
/// [`wait`](crate::wait).
pub fn wait_for<W: Waitable>(what: W) -> Output<W::Value> {
    let (said, uses) = match what.wait() {
        Ok(Wait { until, uses }) => (Ok(json!({ "wait": until.json() })), uses),
        Err(error) => (Err(error), None),
    };
    draw("wait_for", said).change(|call| {
        if let Some((kind, name)) = uses {
            call.settings.uses(kind, [name]);
        }
    })
}

/// Draws a task named `ask` that waits, without a slot, until a person has answered: see
/// [`question`](crate::question()).
pub fn ask(Question(form): Question) -> Output<Answer> {
    draw("ask", Ok(json!({ "human_input": form.0 })))
}
