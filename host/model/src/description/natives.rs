//! What the host is to do in place of a task's function: waits that can end, questions that can be answered.

use crate::dag::{DagSpec, Native, TaskSpec, WaitFor};
use crate::{human_input, waiting};

pub(super) fn check_task(dag: &DagSpec, task: &TaskSpec) -> Result<(), String> {
    match &task.native {
        Some(Native::Wait(wait)) => {
            let mut uses = dag.uses.union(&task.uses);
            // To wait for an asset is to declare that it is used.
            if let WaitFor::Asset(name) = &wait.until {
                uses.assets.push(name.clone());
            }
            waiting::check(wait, (&dag.dag_id, &uses))
        }
        Some(Native::HumanInput(form)) => human_input::check(form),
        Some(Native::Empty | Native::LatestOnly) | None => match &task.sensor {
            Some(sensor) if sensor.timeout_ms == 0 => {
                Err("its sensor gives up after 0 ms; leave timeout_ms out for seven days".to_owned())
            }
            Some(_) | None => Ok(()),
        },
    }
}
