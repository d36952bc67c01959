//! The end of a wait: how the task instance goes on.

use super::{Look, Waiting};
use crate::dag::{SensorSpec, WaitFor};
use crate::time::Millis;
use crate::work::{AttemptEnd, ErrorClass, Failure, Resume};

/// What a look makes of a wait.
#[derive(Debug, Clone, PartialEq)]
pub enum Conclusion {
    /// It goes on, and is looked at again at this instant.
    Again(Millis),
    /// The task goes on, here.
    GoesOn(Resume),
    /// The task was nothing but the wait, and ends like this.
    Ends(AttemptEnd),
    /// Nobody answered, and the question says what counts then.
    Defaults,
    /// There was no wait.
    Nothing,
}

impl Waiting {
    /// What a look makes of the wait. A wait that takes too long skips its task if it is soft; a question has its default
    /// answer. Otherwise a task that has somewhere to go on learns of it there, and one that was nothing but the wait has
    /// failed: for good if it waited in vain (Airflow's `AirflowSensorTimeout`), as a question has a timeout of its own.
    pub fn conclude(&self, found: Look) -> Conclusion {
        let (event, is_final) = match found {
            Look::Again(at) => return Conclusion::Again(at),
            Look::Done(event) => (Ok(event), false),
            Look::Failed(reason) => (Err(reason), false),
            Look::GivenUp => match self {
                Self::Human { form, .. } if form.defaults.is_some() => return Conclusion::Defaults,
                Self::Human { .. } => (Err("nobody answered in time".to_owned()), false),
                Self::Host { wait, .. } if wait.soft_fail => return Conclusion::Ends(skipped()),
                Self::Host { .. } | Self::Trigger { .. } => (Err(IN_VAIN.to_owned()), true),
                Self::Sensor { .. } | Self::Over { .. } => return Conclusion::Nothing,
            },
        };
        match self {
            Self::Sensor { .. } | Self::Over { .. } => Conclusion::Nothing,
            Self::Trigger { .. } | Self::Host { .. } | Self::Human { .. } => match (self.resume_key(), event) {
                (Some(key), event) => Conclusion::GoesOn(Resume { key: key.to_owned(), event }),
                (None, Ok(event)) => Conclusion::Ends(AttemptEnd::Success { value: self.result(event) }),
                (None, Err(reason)) => {
                    Conclusion::Ends(failed(if is_final { ErrorClass::Fatal } else { ErrorClass::Error }, reason))
                }
            },
        }
    }

    /// What a task returns that was nothing but the wait: what its trigger has found. What the host sees itself is known.
    fn result(&self, event: String) -> Option<String> {
        match self {
            Self::Host { wait, .. } => match &wait.until {
                WaitFor::Trigger(_) => Some(event),
                WaitFor::Instant(_)
                | WaitFor::Duration(_)
                | WaitFor::AfterInterval(_)
                | WaitFor::Run(_)
                | WaitFor::Asset(_)
                | WaitFor::Http(_) => None,
            },
            Self::Trigger { .. } | Self::Human { .. } | Self::Sensor { .. } | Self::Over { .. } => None,
        }
    }
}

/// What a sensor's wish to look again at `at` comes to, if it looked first at `first`: one that has looked for long enough
/// gives up (Airflow's `timeout` and `soft_fail`).
pub fn patience(sensor: &SensorSpec, first: Millis, at: Millis, now: Millis) -> AttemptEnd {
    let until = first.after_ms(sensor.timeout_ms);
    if now < until {
        AttemptEnd::Reschedule { at: at.min(until) }
    } else if sensor.soft_fail {
        skipped()
    } else {
        failed(ErrorClass::Fatal, IN_VAIN.to_owned())
    }
}

const IN_VAIN: &str = "what it waited for did not happen in time";

fn skipped() -> AttemptEnd {
    AttemptEnd::Skipped { reason: IN_VAIN.to_owned() }
}

fn failed(class: ErrorClass, message: String) -> AttemptEnd {
    AttemptEnd::Failed(Failure { class, message, location: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dag::{GuestTrigger, HumanInputSpec, WaitSpec};

    fn host(soft_fail: bool, resume_key: Option<&str>) -> Waiting {
        host_for(WaitFor::Duration(1), soft_fail, resume_key)
    }

    fn host_for(until: WaitFor, soft_fail: bool, resume_key: Option<&str>) -> Waiting {
        let wait = WaitSpec { until, poke_interval_ms: 1, timeout_ms: Some(9), soft_fail };
        let resume_key = resume_key.map(str::to_owned);
        Waiting::Host { wait: Box::new(wait), since: Millis(0), until: Millis(9), resume_key }
    }

    fn human(defaults: Option<&str>, resume_key: Option<&str>) -> Waiting {
        let form = HumanInputSpec { defaults: defaults.map(|one| vec![one.to_owned()]), ..HumanInputSpec::default() };
        Waiting::asked(form, resume_key.map(str::to_owned), Millis(0))
    }

    fn trigger() -> Waiting {
        let (trigger, kwargs, resume_key) = ("t".to_owned(), "{}".to_owned(), "here".to_owned());
        Waiting::Trigger { trigger, kwargs, resume_key, until: None }
    }

    fn goes_on(event: Result<&str, &str>) -> Conclusion {
        let event = event.map(str::to_owned).map_err(str::to_owned);
        Conclusion::GoesOn(Resume { key: "here".to_owned(), event })
    }

    #[test]
    fn every_wait_has_its_end() {
        let done = || Look::Done("1".to_owned());
        let lost = || Look::Failed("gone".to_owned());
        let ends = |class, why: &str| Conclusion::Ends(failed(class, why.to_owned()));
        let success = || Conclusion::Ends(AttemptEnd::Success { value: None });
        let skip = || Conclusion::Ends(skipped());
        let look_for = || WaitFor::Trigger(GuestTrigger { name: "t".to_owned(), kwargs: serde_json::Value::Null });
        for (number, (wait, found, expected)) in [
            (host(false, None), done(), success()),
            (host(false, None), lost(), ends(ErrorClass::Error, "gone")),
            (host(false, None), Look::GivenUp, ends(ErrorClass::Fatal, IN_VAIN)),
            (host(true, None), Look::GivenUp, skip()),
            (host(true, None), lost(), ends(ErrorClass::Error, "gone")),
            (host(false, Some("here")), done(), goes_on(Ok("1"))),
            (host(false, Some("here")), Look::GivenUp, goes_on(Err(IN_VAIN))),
            (host(true, Some("here")), Look::GivenUp, skip()),
            (
                host_for(look_for(), false, None),
                done(),
                Conclusion::Ends(AttemptEnd::Success { value: Some("1".to_owned()) }),
            ),
            (host_for(look_for(), false, None), lost(), ends(ErrorClass::Error, "gone")),
            (host_for(look_for(), true, None), Look::GivenUp, skip()),
            (host_for(look_for(), false, Some("here")), done(), goes_on(Ok("1"))),
            (trigger(), done(), goes_on(Ok("1"))),
            (trigger(), lost(), goes_on(Err("gone"))),
            (trigger(), Look::GivenUp, goes_on(Err(IN_VAIN))),
            (trigger(), Look::Again(Millis(7)), Conclusion::Again(Millis(7))),
            (human(None, None), Look::GivenUp, ends(ErrorClass::Error, "nobody answered in time")),
            (human(None, Some("here")), Look::GivenUp, goes_on(Err("nobody answered in time"))),
            (human(Some("a"), None), Look::GivenUp, Conclusion::Defaults),
            (human(Some("a"), Some("here")), Look::GivenUp, Conclusion::Defaults),
            (Waiting::Sensor { first_poke: Millis(0) }, Look::GivenUp, Conclusion::Nothing),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(wait.conclude(found), expected, "case {number}");
        }
    }

    #[test]
    fn a_sensor_counts_from_its_first_look() {
        let sensor = |soft_fail| SensorSpec { timeout_ms: 1_000, soft_fail };
        let again = |at| AttemptEnd::Reschedule { at: Millis(at) };
        let first = Millis(500);
        assert_eq!(patience(&sensor(false), first, Millis(900), Millis(800)), again(900));
        assert_eq!(patience(&sensor(false), first, Millis(9_000), Millis(1_400)), again(1_500), "one last look");
        assert_eq!(
            patience(&sensor(false), first, Millis(9_000), Millis(1_500)),
            failed(ErrorClass::Fatal, IN_VAIN.to_owned())
        );
        assert_eq!(patience(&sensor(true), first, Millis(9_000), Millis(1_500)), skipped());
    }
}
