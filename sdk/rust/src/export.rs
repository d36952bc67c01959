//! The component's exports: the host's calls arrive here.

use std::mem;

use crate::bindings::exports::flow::host::{dags, tasks};
use crate::error::Ending;
use crate::{Context, Timestamp, runtime};

struct Module;

impl dags::Guest for Module {
    fn describe() -> Result<String, dags::ImportError> {
        runtime::describe().map_err(|error| dags::ImportError {
            message: error.message,
            file: Some(error.file.to_owned()),
            line: Some(error.line),
        })
    }
}

impl tasks::Guest for Module {
    fn run(mut context: tasks::Context) -> Result<tasks::Outcome, tasks::Failure> {
        let (function, arguments) = (mem::take(&mut context.function), mem::take(&mut context.arguments));
        let error = match runtime::run(&function, &context.into(), &arguments) {
            Ok(value) => return Ok(tasks::Outcome::Success(value)),
            Err(error) => error,
        };
        match error.ending {
            Ending::Retry => Err(tasks::Failure { message: error.message, retryable: true, kind: None }),
            Ending::Fail => Err(tasks::Failure { message: error.message, retryable: false, kind: None }),
            Ending::Skip => Ok(tasks::Outcome::Skipped(error.message)),
        }
    }
}

impl From<tasks::Context> for Context {
    fn from(context: tasks::Context) -> Self {
        Self {
            dag_id: context.dag_id,
            run_id: context.run_id,
            task_id: context.task_id,
            map_index: context.map_index,
            try_number: context.try_number,
            max_tries: context.max_tries,
            logical_date: context.logical_date.map(Timestamp::from_millis),
            data_interval_start: context.data_interval_start.map(Timestamp::from_millis),
            data_interval_end: context.data_interval_end.map(Timestamp::from_millis),
            conf_json: context.conf,
        }
    }
}

crate::bindings::export!(Module with_types_in crate::bindings);
