//! The component's exports: the host's calls arrive here.

use std::mem;

use crate::bindings::exports::flow::host::{callbacks, dags, retry_policies, tasks, timetables, triggers};
use crate::bindings::flow::host::types;
use crate::error::Ending;
use crate::outcome::{Ended, Pause};
use crate::trigger::Deferred;
use crate::wait::Until;
use crate::{Context, DataInterval, Error, Failure, Restriction, Resume, RetryDecision, Timestamp, TimetableQuery};
use crate::{dag, runtime};

struct Module;

crate::bindings::export!(Module with_types_in crate::bindings);

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
    fn run(mut context: tasks::Context) -> Result<tasks::Outcome, types::Failure> {
        let (function, arguments) = (mem::take(&mut context.function), mem::take(&mut context.arguments));
        match runtime::run(&function, &context.into(), &arguments) {
            Ok(ended) => Ok(ended.into()),
            Err(error) => unfinished(error),
        }
    }
}

impl triggers::Guest for Module {
    fn poll(name: String, kwargs: String) -> Result<triggers::PollResult, String> {
        match runtime::poll(&name, &kwargs).map_err(|error| error.message)? {
            Ok(event) => Ok(triggers::PollResult::Fired(event)),
            Err(pause) => Ok(triggers::PollResult::Pending(end(pause).as_millis())),
        }
    }
}

impl timetables::Guest for Module {
    fn next(
        name: String,
        params: String,
        last: Option<timetables::DataInterval>,
        restriction: timetables::Restriction,
    ) -> Result<Option<timetables::NextRun>, String> {
        let instant = Timestamp::from_millis;
        let query = TimetableQuery {
            last: last.map(|last| DataInterval { start: instant(last.start), end: instant(last.end) }),
            restriction: Restriction {
                earliest: restriction.earliest.map(instant),
                latest: restriction.latest.map(instant),
                catchup: restriction.catchup,
            },
        };
        let next = runtime::next(&name, &params, &query).map_err(|error| error.message)?;
        Ok(next.map(|next| timetables::NextRun {
            run_after: next.run_after.as_millis(),
            data_interval: timetables::DataInterval {
                start: next.data_interval.start.as_millis(),
                end: next.data_interval.end.as_millis(),
            },
        }))
    }
}

impl callbacks::Guest for Module {
    fn run(function: String, arguments: String, event: String) -> Result<(), types::Failure> {
        runtime::notify(&function, &arguments, &event).or_else(|error| match error.ending {
            Ending::Skip => Ok(()),
            Ending::Retry | Ending::Fail | Ending::Defer(_) | Ending::Ask(_) => Err(error.into()),
        })
    }
}

impl retry_policies::Guest for Module {
    fn decide(policy: String, failure: retry_policies::FailedTry) -> retry_policies::Decision {
        let failure = Failure {
            class: failure.class,
            kind: failure.kind,
            message: failure.message,
            try_number: failure.try_number,
            max_tries: failure.max_tries,
        };
        match runtime::decide(&policy, &failure) {
            RetryDecision::Default => retry_policies::Decision::Default,
            RetryDecision::Retry { delay, reason } => {
                retry_policies::Decision::Retry(retry_policies::Again { delay: delay.map(dag::millis), reason })
            }
            RetryDecision::Fail { reason } => retry_policies::Decision::Fail(reason),
        }
    }
}

/// What the host is told of a task that did not end well, or not yet.
fn unfinished(error: Error) -> Result<tasks::Outcome, types::Failure> {
    match error.ending {
        Ending::Retry | Ending::Fail => Err(error.into()),
        Ending::Skip => Ok(tasks::Outcome::Skipped(error.message)),
        Ending::Ask(asked) => {
            let form = asked.form.to_string();
            Ok(tasks::Outcome::AwaitingInput(tasks::Question { form, resume_key: Some(asked.resume_key) }))
        }
        Ending::Defer(deferred) => {
            let Deferred { until, timeout, poke_interval, resume_key } = *deferred;
            let trigger = match until {
                Until::Trigger(name, kwargs) => {
                    let kwargs = if kwargs.is_null() { "{}".to_owned() } else { kwargs.to_string() };
                    tasks::Trigger::Guest(tasks::GuestTrigger { name: name.to_owned(), kwargs })
                }
                until @ Until::Host(..) => {
                    let mut wait = until.json();
                    if let Some(interval) = poke_interval {
                        wait["poke_interval_ms"] = dag::millis(interval).into();
                    }
                    tasks::Trigger::Host(wait.to_string())
                }
            };
            let timeout = timeout.map(dag::millis);
            Ok(tasks::Outcome::Deferred(tasks::Deferral { trigger, resume_key, timeout }))
        }
    }
}

/// When a pause is over that begins now.
fn end(pause: Pause) -> Timestamp {
    match pause {
        Pause::For(span) => Timestamp::now() + span,
        Pause::Until(instant) => instant,
    }
}

impl From<Error> for types::Failure {
    fn from(error: Error) -> Self {
        Self { message: error.message, retryable: error.ending == Ending::Retry, kind: error.kind }
    }
}

impl From<Ended> for tasks::Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Success(value) => Self::Success(value),
            Ended::Branch(followed) => {
                let value = serde_json::to_string(&followed).ok();
                Self::Branch(tasks::Branching { followed, value })
            }
            Ended::ShortCircuit => Self::ShortCircuit(None),
            Ended::Again(pause) => Self::Reschedule(end(pause).as_millis()),
        }
    }
}

impl From<tasks::Context> for Context {
    fn from(context: tasks::Context) -> Self {
        let instant = Timestamp::from_millis;
        Self {
            dag_id: context.dag_id,
            run_id: context.run_id,
            task_id: context.task_id,
            map_index: context.map_index,
            try_number: context.try_number,
            max_tries: context.max_tries,
            logical_date: context.logical_date.map(instant),
            data_interval_start: context.data_interval_start.map(instant),
            data_interval_end: context.data_interval_end.map(instant),
            conf_json: context.conf,
            resume: context.resume.map(|resume| Resume { key: resume.key, event_json: resume.event }),
            first_poke: context.first_poke.map(instant),
            triggering_events_json: context.triggering_asset_events,
            partition_key: context.partition_key,
        }
    }
}
