//! What guests return, held against the contract: a value that is not what it should be is the guest's failure.

use flow_model::call::limit;
use flow_model::dag::{HumanInputSpec, WaitSpec};
use flow_model::ids::TaskId;
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun};
use flow_model::work::{AttemptEnd, DeferTrigger, Deferral, ErrorClass, Failure, RetryDecision, SourceLocation};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::imports::types::Failure as Told;
use crate::bindings::{dags, retry_policies, tasks, timetables, triggers};
use crate::execute::Returned;

/// How much of what a guest says is kept as the attempt's message.
const SHOWN_BYTES: usize = 4 << 10;
/// The longest name of a trigger.
const NAME_BYTES: usize = 250;
/// The longest wait that is told from an endless one, in milliseconds: a hundred years.
const LONGEST_WAIT: u64 = 100 * 366 * 86_400_000;

/// The end of an attempt whose guest returned.
pub(crate) fn end(returned: Returned) -> Result<AttemptEnd, Failure> {
    match returned {
        Returned::Task(Ok(outcome)) => task(outcome),
        Returned::Task(Err(failed)) | Returned::Callback(Err(failed)) => Err(told(&failed)),
        Returned::Parse(Ok(dags)) => parsed(dags),
        Returned::Parse(Err(error)) => Err(import_error(error)),
        Returned::Trigger(Ok(triggers::PollResult::Pending(until))) => {
            Ok(AttemptEnd::Pending { until: instant("the trigger's next look", until)? })
        }
        Returned::Trigger(Ok(triggers::PollResult::Fired(event))) => {
            Ok(AttemptEnd::Fired { event: json("what the trigger returned", event)? })
        }
        Returned::Trigger(Err(message)) | Returned::Timetable(Err(message)) => {
            Err(failure(ErrorClass::Error, presentable(&message)))
        }
        Returned::Timetable(Ok(next)) => Ok(AttemptEnd::NextRun(next.map(next_run).transpose()?)),
        Returned::Callback(Ok(())) => Ok(AttemptEnd::Success { value: None }),
        Returned::Decision(_) => {
            Err(failure(ErrorClass::HostError, "a retry policy was asked where a task should run".into()))
        }
    }
}

/// What a retry policy decided.
pub(crate) fn decision(returned: Returned) -> RetryDecision {
    let Returned::Decision(decision) = returned else { return RetryDecision::Default };
    let said = |reason: Option<String>| reason.as_deref().map(presentable);
    match decision {
        retry_policies::Decision::Default => RetryDecision::Default,
        retry_policies::Decision::Retry(again) => RetryDecision::Retry {
            delay_ms: again.delay.map(|delay| delay.min(LONGEST_WAIT)),
            reason: said(again.reason),
        },
        retry_policies::Decision::Fail(reason) => RetryDecision::Fail { reason: said(reason) },
    }
}

/// A failure without a place.
pub(crate) fn failure(class: ErrorClass, message: String) -> Failure {
    Failure { class, message, location: None }
}

/// What a guest said, fit to be stored beside the attempt: not endless, and without NUL, which not every database can
/// store in a text.
pub(crate) fn presentable(text: &str) -> String {
    text[..text.floor_char_boundary(SHOWN_BYTES)].replace('\0', "\u{fffd}")
}

fn task(outcome: tasks::Outcome) -> Result<AttemptEnd, Failure> {
    Ok(match outcome {
        tasks::Outcome::Success(value) => AttemptEnd::Success { value: result(value)? },
        tasks::Outcome::Skipped(reason) => AttemptEnd::Skipped { reason: presentable(&reason) },
        tasks::Outcome::Branch(tasks::Branching { followed, value }) => {
            followed.iter().try_for_each(|id| followable(id))?;
            AttemptEnd::Branch { follow: followed, value: result(value)? }
        }
        tasks::Outcome::ShortCircuit(value) => AttemptEnd::ShortCircuit { value: result(value)? },
        tasks::Outcome::Deferred(deferral) => AttemptEnd::Deferred(deferred(deferral)?),
        tasks::Outcome::Reschedule(at) => AttemptEnd::Reschedule { at: instant("the task's next look", at)? },
        tasks::Outcome::AwaitingInput(tasks::Question { form, resume_key }) => AttemptEnd::AwaitingInput {
            form: Box::new(read::<HumanInputSpec>("the task's form", form)?),
            resume_key: resume_key.map(key).transpose()?,
        },
    })
}

fn result(value: Option<String>) -> Result<Option<String>, Failure> {
    value.map(|value| json("what the task returned", value)).transpose()
}

fn followable(id: &str) -> Result<(), Failure> {
    // Groups are named as tasks are.
    match id.parse::<TaskId>() {
        Ok(_) => Ok(()),
        Err(error) => Err(wrong(&format!("the task chose what cannot be its downstream: {error}"))),
    }
}

fn deferred(deferral: tasks::Deferral) -> Result<Deferral, Failure> {
    let tasks::Deferral { trigger, resume_key, timeout } = deferral;
    let trigger = match trigger {
        tasks::Trigger::Guest(tasks::GuestTrigger { name, kwargs }) => {
            if !(1..=NAME_BYTES).contains(&name.len()) || name.chars().any(char::is_control) {
                let why = format!("the trigger's name must be 1 to {NAME_BYTES} bytes without control characters");
                return Err(wrong(&why));
            }
            DeferTrigger::Guest { trigger: name, kwargs: json("the trigger's kwargs", kwargs)? }
        }
        tasks::Trigger::Host(wait) => {
            DeferTrigger::Host { wait: Box::new(read::<WaitSpec>("what the task waits for", wait)?) }
        }
    };
    let timeout_ms = timeout.map(|timeout| timeout.min(LONGEST_WAIT));
    Ok(Deferral { trigger, resume_key: key(resume_key)?, timeout_ms })
}

fn next_run(next: timetables::NextRun) -> Result<NextRun, Failure> {
    let timetables::DataInterval { start, end } = next.data_interval;
    let interval = DataInterval {
        start: instant("the begin of the data interval", start)?,
        end: instant("the end of the data interval", end)?,
    };
    if interval.end < interval.start {
        return Err(wrong(&format!("the data interval ends before it begins: {} to {}", interval.start, interval.end)));
    }
    Ok(NextRun { run_after: instant("the next run", next.run_after)?, interval })
}

fn told(told: &Told) -> Failure {
    failure(if told.retryable { ErrorClass::Error } else { ErrorClass::Fatal }, presentable(&told.message))
}

fn parsed(dags: String) -> Result<AttemptEnd, Failure> {
    if dags.len() > limit::BULK {
        let why = format!("the description of the DAGs has {} bytes; it may have {}", dags.len(), limit::BULK);
        return Err(failure(ErrorClass::Quota, why));
    }
    Ok(AttemptEnd::Parsed { dags })
}

fn import_error(error: dags::ImportError) -> Failure {
    let location = error.file.map(|file| SourceLocation { file: presentable(&file), line: error.line });
    Failure { class: ErrorClass::Fatal, message: presentable(&error.message), location }
}

/// Refuses what is not one JSON text of bounded size and depth.
fn json(what: &str, text: String) -> Result<String, Failure> {
    read::<Value>(what, text.as_str()).map(|_| text)
}

fn read<T: DeserializeOwned>(what: &str, text: impl AsRef<str>) -> Result<T, Failure> {
    let text = text.as_ref();
    if text.len() > limit::XCOM {
        let why = format!("{what} has {} bytes; it may have {}", text.len(), limit::XCOM);
        return Err(failure(ErrorClass::Quota, why));
    }
    serde_json::from_str(text).map_err(|error| {
        wrong(&match error.classify() {
            serde_json::error::Category::Data => format!("{what} does not fit the contract: {error}"),
            _ => format!("{what} is not JSON: {error}"),
        })
    })
}

/// Refuses a resume key that is too large or that not every database can store.
fn key(key: String) -> Result<String, Failure> {
    if key.len() > limit::VALUE {
        let why = format!("the resume key has {} bytes; it may have {}", key.len(), limit::VALUE);
        return Err(failure(ErrorClass::Quota, why));
    }
    if key.contains('\0') { Err(wrong("the resume key holds a NUL character")) } else { Ok(key) }
}

fn instant(what: &str, millis: i64) -> Result<Millis, Failure> {
    let instant = Millis(millis);
    if instant.is_dated() {
        return Ok(instant);
    }
    Err(wrong(&format!("{what} is {millis} ms after 1970; it must be in the years 1 to 9999")))
}

fn wrong(why: &str) -> Failure {
    failure(ErrorClass::GuestBug, presentable(why))
}
