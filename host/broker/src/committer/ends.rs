//! How a worker says that a task's attempt has ended, held against what the task may ask for.

use std::collections::BTreeMap;

use flow_model::advance::Returned;
use flow_model::human_input;
use flow_model::time::Millis;
use flow_model::waiting::{self, Waiting};
use flow_model::work::{AttemptEnd, DeferTrigger, ErrorClass, Failure};
use flow_store::task_instance::{TaskKey, TaskRow};
use serde_json::value::RawValue;

use crate::plan::Plan;

/// The end as it counts: a sensor that has looked for long enough gives up, and a wait or a question that makes no sense is the
/// task's failure.
pub(super) fn accepted(plan: &Plan<'_>, key: TaskKey, end: &AttemptEnd) -> AttemptEnd {
    let (Some((run, version)), Some(row)) = (plan.run(key.run), plan.row(key)) else { return end.clone() };
    let task = version.graph.task(key.task);
    let refused = match end {
        AttemptEnd::Reschedule { at } => {
            let first = first_poke(row).unwrap_or(plan.now);
            return task.sensor.as_ref().map_or(end.clone(), |sensor| waiting::patience(sensor, first, *at, plan.now));
        }
        AttemptEnd::Deferred(deferral) => match &deferral.trigger {
            DeferTrigger::Host { wait } => {
                let mut uses = version.uses(key.task);
                uses.assets.extend(task.inlets.iter().chain(&task.outlets).cloned());
                waiting::check(wait, (&run.dag_id, &uses))
            }
            DeferTrigger::Guest { .. } => Ok(()),
        },
        AttemptEnd::AwaitingInput { form, .. } => {
            human_input::check(form).map_err(|why| format!("its question: {why}"))
        }
        AttemptEnd::Success { .. }
        | AttemptEnd::Branch { .. }
        | AttemptEnd::ShortCircuit { .. }
        | AttemptEnd::Skipped { .. }
        | AttemptEnd::Pending { .. }
        | AttemptEnd::Fired { .. }
        | AttemptEnd::NextRun(_)
        | AttemptEnd::Parsed { .. }
        | AttemptEnd::Failed(_) => Ok(()),
    };
    match refused {
        Ok(()) => end.clone(),
        Err(message) => AttemptEnd::Failed(Failure { class: ErrorClass::GuestBug, message, location: None }),
    }
}

/// When the sensor looked first.
pub(super) fn first_poke(row: &TaskRow) -> Option<Millis> {
    match &row.wait {
        Some(Waiting::Sensor { first_poke }) => Some(*first_poke),
        Some(Waiting::Trigger { .. } | Waiting::Host { .. } | Waiting::Human { .. } | Waiting::Over { .. }) | None => {
            row.start_date
        }
    }
}

/// What a task returned, as far as something can be mapped over it.
pub(crate) fn returned(end: &AttemptEnd) -> Returned {
    let Some(text) = end.value() else { return Returned::Nothing };
    // Read no further than is needed to count.
    match text.trim_start().as_bytes().first() {
        Some(b'[') => {
            serde_json::from_str(text).map_or(Returned::Value, |list: Vec<&RawValue>| Returned::Elements(list.len()))
        }
        Some(b'{') => serde_json::from_str(text)
            .map_or(Returned::Value, |members: BTreeMap<String, &RawValue>| Returned::Elements(members.len())),
        Some(_) if text.trim() == "null" => Returned::Nothing,
        Some(_) | None => Returned::Value,
    }
}
