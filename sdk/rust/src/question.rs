//! Asking a person: the task waits, without a slot, until somebody answers.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[task]
//! fn publish(answer: Answer) -> bool {
//!     answer.chose("publish")
//! }
//!
//! #[dag]
//! fn report() {
//!     let release = question("Publish the report?").options(["publish", "drop"]).defaults(["drop"]);
//!     publish(ask(release).id("release").timeout(Duration::from_hours(4)));
//!     ask(approval("Delete the drafts?").assigned_to(["ada"])).id("cleanup");
//! }
//! ```
//!
//! A task can also ask in the middle of its work: `return Err(question("…").options(["a", "b"]).resume_with("answered"))`.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Ending;
use crate::param::Param;
use crate::spec::Object;
use crate::{Error, Result, dag};

/// A question on its way to the host.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub(crate) form: Value,
    pub(crate) resume_key: String,
}

/// What a person is asked; see [`question`] and [`approval`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "pass it to `ask`, or return it from a task with `resume_with`"]
pub struct Question(pub(crate) Object);

/// A question. Without [`options`](Question::options) it can only be confirmed, by `OK`.
pub fn question(subject: impl Into<String>) -> Question {
    Question(Object::default()).set("subject", subject.into()).options(["OK"])
}

/// A question that is approved or rejected. If it is rejected, everything downstream is skipped.
pub fn approval(subject: impl Into<String>) -> Question {
    question(subject).options(["Approve", "Reject"]).set("approval", true)
}

fn texts<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

impl Question {
    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.set(key, value);
        self
    }

    /// The question in Markdown.
    pub fn body(self, markdown: impl Into<String>) -> Self {
        self.set("body", markdown.into())
    }

    /// What can be answered.
    pub fn options<S: Into<String>>(self, options: impl IntoIterator<Item = S>) -> Self {
        self.set("options", texts(options))
    }

    /// What counts as the answer if nobody answers in time. Without it the task fails then.
    pub fn defaults<S: Into<String>>(self, options: impl IntoIterator<Item = S>) -> Self {
        self.set("defaults", texts(options))
    }

    /// Lets several options be chosen.
    pub fn multiple(self) -> Self {
        self.set("multiple", true)
    }

    /// A further field to be filled in.
    pub fn param(mut self, name: &str, param: impl Into<Param>) -> Self {
        self.0.within("params", |params| params.set(name, param.into().json()));
        self
    }

    /// Who may answer, by username. Otherwise anyone who may operate the DAG.
    pub fn assigned_to<S: Into<String>>(self, users: impl IntoIterator<Item = S>) -> Self {
        self.set("assigned_users", texts(users))
    }

    /// Makes the options ids of direct downstream tasks: those chosen go on, the others are skipped.
    pub fn branch(self) -> Self {
        self.set("branch", true)
    }

    /// How long the answer may take.
    pub fn timeout(self, limit: Duration) -> Self {
        self.set("response_timeout_ms", dag::millis(limit))
    }

    /// Asks from inside of a task, which runs again with the answer. `key` tells it where to go on.
    pub fn resume_with(self, key: impl Into<String>) -> Error {
        let asked = Asked { form: self.0.into(), resume_key: key.into() };
        Error::ending(Ending::Ask(Box::new(asked)), "waiting for an answer")
    }
}

/// What a person answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The options that were chosen.
    pub chosen_options: Vec<String>,
    /// The further fields, by name; [`Answer::param`] reads one.
    #[serde(default)]
    pub params_input: Map<String, Value>,
    /// What else the host tells, such as who answered and when.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Answer {
    /// Whether `option` was chosen.
    pub fn chose(&self, option: &str) -> bool {
        self.chosen_options.iter().any(|chosen| chosen == option)
    }

    /// The field `name` as a type of yours. What does not fit is a failure that no other try can mend.
    pub fn param<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value = self.params_input.get(name).cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(|error| Error::fail(format_args!("the answer's field `{name}`: {error}")))
    }
}
