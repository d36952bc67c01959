//! Waiting without a slot: what a task instance waits for, what a look at it comes to, and what follows from that.
//!
//! A wait costs a row. What user code has to look at is a trigger, polled in the sandbox as work of its own; everything else
//! the host knows by itself, and [`look`] says when to look again. [`Waiting::conclude`] says how the task instance goes on.

use serde::{Deserialize, Serialize};

use crate::dag::{HumanInputSpec, WaitSpec};
use crate::time::Millis;
use crate::work::{DeferTrigger, Deferral, Resume};

mod check;
mod look;
mod over;

pub use check::check;
pub use look::{Look, Sight, look};
pub use over::{Conclusion, patience};

/// What is kept beside a task instance while it waits, and until it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "waiting", rename_all = "snake_case")]
pub enum Waiting {
    /// A trigger of its module looks.
    Trigger {
        /// Which one.
        trigger: String,
        /// Handed to it at each look: one JSON text.
        kwargs: String,
        /// Where the task goes on.
        resume_key: String,
        /// When the wait is given up.
        until: Option<Millis>,
    },
    /// The host looks.
    Host {
        /// What for.
        wait: Box<WaitSpec>,
        /// When the wait began.
        since: Millis,
        /// When it is given up.
        until: Millis,
        /// Where the task goes on; a task that is nothing but a wait succeeds.
        resume_key: Option<String>,
    },
    /// A person is asked.
    Human {
        /// What.
        form: Box<HumanInputSpec>,
        /// When the question is given up.
        until: Option<Millis>,
        /// Where the task goes on; `None` if the answer is its result.
        resume_key: Option<String>,
    },
    /// A sensor between two looks.
    Sensor {
        /// When it looked first.
        first_poke: Millis,
    },
    /// The wait is over and the task has not begun to go on.
    Over {
        /// Where it goes on.
        resume: Resume,
    },
}

impl Waiting {
    /// How a deferral that begins now is kept.
    pub fn deferred(deferral: Deferral, now: Millis) -> Self {
        let until = deferral.timeout_ms.map(|timeout| given_up(now, timeout));
        match deferral.trigger {
            DeferTrigger::Guest { trigger, kwargs } => {
                Self::Trigger { trigger, kwargs, resume_key: deferral.resume_key, until }
            }
            DeferTrigger::Host { wait } => {
                let own = given_up(now, wait.patience_ms());
                let until = until.map_or(own, |until| until.min(own));
                Self::Host { wait, since: now, until, resume_key: Some(deferral.resume_key) }
            }
        }
    }

    /// How a task that is nothing but a wait is kept from now on.
    pub fn native(wait: &WaitSpec, now: Millis) -> Self {
        let until = given_up(now, wait.patience_ms());
        Self::Host { wait: Box::new(wait.clone()), since: now, until, resume_key: None }
    }

    /// How a question that is asked now is kept.
    pub fn asked(form: HumanInputSpec, resume_key: Option<String>, now: Millis) -> Self {
        let until = form.response_timeout_ms.map(|timeout| given_up(now, timeout));
        Self::Human { form: Box::new(form), until, resume_key }
    }

    /// When the wait is given up, if ever.
    pub fn until(&self) -> Option<Millis> {
        match self {
            Self::Trigger { until, .. } | Self::Human { until, .. } => *until,
            Self::Host { until, .. } => Some(*until),
            Self::Sensor { .. } | Self::Over { .. } => None,
        }
    }

    /// Where the task goes on, if it does.
    pub fn resume_key(&self) -> Option<&str> {
        match self {
            Self::Trigger { resume_key, .. } => Some(resume_key),
            Self::Host { resume_key, .. } | Self::Human { resume_key, .. } => resume_key.as_deref(),
            Self::Sensor { .. } => None,
            Self::Over { resume } => Some(&resume.key),
        }
    }
}

/// When a wait that begins now and takes so many milliseconds at most is given up. What is kept of it can be written down.
fn given_up(now: Millis, patience_ms: u64) -> Millis {
    now.after_ms(patience_ms).min(Millis::LAST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_wait_can_be_written_down_however_long_it_takes() {
        let now = Millis(1_767_225_600_000);
        let wait = |json: Value| serde_json::from_value::<WaitSpec>(json).expect("a wait");
        let trigger = || DeferTrigger::Guest { trigger: "t".to_owned(), kwargs: "{}".to_owned() };
        let deferral = Deferral { trigger: trigger(), resume_key: "here".to_owned(), timeout_ms: Some(u64::MAX) };
        let form = HumanInputSpec { response_timeout_ms: Some(u64::MAX), ..HumanInputSpec::default() };
        for (waiting, until) in [
            (Waiting::native(&wait(json!({"until": {"duration": 1}})), now), Millis::LAST),
            (Waiting::native(&wait(json!({"until": {"asset": "a"}})), now), now.after_ms(7 * 86_400_000)),
            (Waiting::native(&wait(json!({"until": {"asset": "a"}, "timeout_ms": u64::MAX})), now), Millis::LAST),
            (Waiting::native(&wait(json!({"until": {"duration": 1}, "timeout_ms": 5})), now), now.after_ms(5)),
            (Waiting::deferred(deferral, now), Millis::LAST),
            (Waiting::asked(form, None, now), Millis::LAST),
        ] {
            assert_eq!(waiting.until(), Some(until));
            let text = serde_json::to_string(&waiting).expect("JSON");
            assert_eq!(serde_json::from_str::<Waiting>(&text).expect("it can be read again"), waiting);
        }
    }
}
