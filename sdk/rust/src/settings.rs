//! How one call of a task is run. The options of `#[task]` have the same names.

use std::time::Duration;

use serde_json::Value;

use crate::asset::Outlet;
use crate::draft::{Draft, Waits};
use crate::spec::{Decides, TriggerRule, WeightRule};
use crate::{Callback, Deadline, Error, Output, RetryPolicy, dag};

#[expect(clippy::return_self_not_must_use, reason = "a task is drawn whether or not its handle is used")]
impl<T> Output<T> {
    /// How people see its id.
    pub fn display_name(self, name: impl Into<String>) -> Self {
        self.set("display_name", name.into())
    }

    /// What it does, in Markdown. Otherwise the doc comment of its function.
    pub fn doc_md(self, markdown: impl Into<String>) -> Self {
        self.set("doc_md", markdown.into())
    }

    /// Who answers for it.
    pub fn owner(self, name: impl Into<String>) -> Self {
        self.set("owner", name.into())
    }

    /// When the task may run.
    pub fn trigger_rule(self, rule: TriggerRule) -> Self {
        self.set("trigger_rule", rule)
    }

    /// Whether a short circuit of the task skips everything downstream, whatever the rules there say. It does, unless
    /// told otherwise: then it skips the direct downstream tasks, and the rules decide about the rest.
    pub fn ignore_downstream_trigger_rules(self, ignore: bool) -> Self {
        self.set("ignore_downstream_trigger_rules", ignore)
    }

    /// How many more tries there are after the first one failed.
    pub fn retries(self, count: u32) -> Self {
        self.set("retries", count)
    }

    /// The pause before another try; five minutes unless given.
    pub fn retry_delay(self, delay: Duration) -> Self {
        self.set("retry_delay_ms", dag::millis(delay))
    }

    /// What the pause is multiplied by for each further try.
    pub fn retry_exponential_backoff(self, factor: f64) -> Self {
        self.set("retry_exponential_backoff", factor)
    }

    /// The longest pause that the multiplier leads to.
    pub fn max_retry_delay(self, delay: Duration) -> Self {
        self.set("max_retry_delay_ms", dag::millis(delay))
    }

    /// What is asked after a failure whether another try is worth it.
    pub fn retry_policy(self, policy: RetryPolicy) -> Self {
        self.set("retry_policy", policy.name)
    }

    /// The wall-clock limit: of a task that of one try, of a sensor, a wait or a question that of waiting.
    pub fn timeout(self, limit: Duration) -> Self {
        let limit = dag::millis(limit);
        self.change(|call| match call.waits() {
            Some(Waits::Sensor(said) | Waits::Wait(said)) => said["timeout_ms"] = limit.into(),
            Some(Waits::Question(said)) => said["response_timeout_ms"] = limit.into(),
            None => call.settings.set("execution_timeout_ms", limit),
        })
    }

    /// The wall-clock limit of one try, also of a sensor.
    pub fn execution_timeout(self, limit: Duration) -> Self {
        self.set("execution_timeout_ms", dag::millis(limit))
    }

    /// How often a wait is looked at. That of a sensor is an option of `#[sensor]`.
    pub fn poke_interval(self, interval: Duration) -> Self {
        self.set_waiting("poke_interval_ms", dag::millis(interval), |waits| match waits {
            Waits::Wait(said) => Some(said),
            Waits::Sensor(_) | Waits::Question(_) => None,
        })
    }

    /// Lets a sensor or a wait that gives up be skipped instead of fail.
    pub fn soft_fail(self) -> Self {
        self.set_waiting("soft_fail", true, |waits| match waits {
            Waits::Sensor(said) | Waits::Wait(said) => Some(said),
            Waits::Question(_) => None,
        })
    }

    /// Sets `key` of what a task says of its waiting, if it waits in a way that has such a thing.
    fn set_waiting(self, key: &str, value: impl Into<Value>, of: fn(Waits<'_>) -> Option<&mut Value>) -> Self {
        Draft::with(|draft| {
            let call = draft.call(self.index());
            if let Some(said) = call.waits().and_then(of) {
                said[key] = value.into();
            } else {
                let (shown, option) = (call.shown(), key.trim_end_matches("_ms"));
                let why = format!("task `{shown}` does not wait in a way that has a `{option}`");
                draft.refuse(Error::fail(why));
            }
        });
        self
    }

    #[doc(hidden)]
    pub fn decides(self, decides: Option<Decides>) -> Self {
        match decides {
            Some(decides) => self.set("decides", decides),
            None => self,
        }
    }

    #[doc(hidden)]
    pub fn sensor(self) -> Self {
        self.set("sensor", serde_json::json!({}))
    }

    /// Lets the task wait for its own success, or skip, in the run before.
    pub fn depends_on_past(self) -> Self {
        self.set("depends_on_past", true)
    }

    /// Lets it also wait for the direct downstream tasks of its instance in the run before.
    pub fn wait_for_downstream(self) -> Self {
        self.set("wait_for_downstream", true)
    }

    /// Whose slots it takes, instead of the default pool's.
    pub fn pool(self, name: impl Into<String>) -> Self {
        self.set("pool", name.into())
    }

    /// How many slots of its pool it takes, instead of one.
    pub fn pool_slots(self, count: u32) -> Self {
        self.set("pool_slots", count)
    }

    /// How much it matters among those that wait for the same slots; 1 unless given.
    pub fn priority_weight(self, weight: i32) -> Self {
        self.set("priority_weight", weight)
    }

    /// How the weights of other tasks add to its own.
    pub fn weight_rule(self, rule: WeightRule) -> Self {
        self.set("weight_rule", rule)
    }

    /// How many of its instances may be active in all runs of the DAG together.
    pub fn max_active_tis_per_dag(self, count: u32) -> Self {
        self.set("max_active_tis_per_dag", count)
    }

    /// How many of its instances may be active in one run.
    pub fn max_active_tis_per_dagrun(self, count: u32) -> Self {
        self.set("max_active_tis_per_dagrun", count)
    }

    /// How its mapped instances are called in lists: a text in which `{name}` stands for what an instance is given for
    /// that parameter, and `{{` for a brace. A running instance can also name itself, by
    /// [`set_map_label`](crate::set_map_label).
    pub fn map_index_template(self, template: impl Into<String>) -> Self {
        self.set("map_index_template", template.into())
    }

    /// An asset that it reads. There can be several.
    pub fn inlet(self, asset: impl Into<Outlet>) -> Self {
        self.change(|call| call.inlets.push(asset.into()))
    }

    /// An asset that its success updates, or an alias under which it finds assets to update. There can be several.
    pub fn outlet(self, asset: impl Into<Outlet>) -> Self {
        self.change(|call| call.outlets.push(asset.into()))
    }

    /// Runs when a try begins.
    pub fn on_execute(self, callback: Callback) -> Self {
        self.callback("on_execute", callback)
    }

    /// Runs when the task has succeeded.
    pub fn on_success(self, callback: Callback) -> Self {
        self.callback("on_success", callback)
    }

    /// Runs when the task has failed for good.
    pub fn on_failure(self, callback: Callback) -> Self {
        self.callback("on_failure", callback)
    }

    /// Runs when a try has failed and another one follows.
    pub fn on_retry(self, callback: Callback) -> Self {
        self.callback("on_retry", callback)
    }

    /// Runs when the task has skipped itself.
    pub fn on_skipped(self, callback: Callback) -> Self {
        self.callback("on_skipped", callback)
    }

    fn callback(self, on: &str, callback: Callback) -> Self {
        self.try_change(callback.json(on), |call, said| call.settings.push("callbacks", said))
    }

    /// By when it has to be done. There can be several.
    pub fn deadline(self, deadline: Deadline) -> Self {
        self.try_change(deadline.json(), |call, said| call.settings.push("deadlines", said))
    }

    /// Variables that the task uses; a trailing `*` is a prefix.
    pub fn uses_variables<S: Into<String>>(self, keys: impl IntoIterator<Item = S>) -> Self {
        self.uses("variables", keys)
    }

    /// Connections that the task uses; a trailing `*` is a prefix.
    pub fn uses_connections<S: Into<String>>(self, ids: impl IntoIterator<Item = S>) -> Self {
        self.uses("connections", ids)
    }

    /// Other DAGs that the task triggers or asks about; a trailing `*` is a prefix.
    pub fn uses_dags<S: Into<String>>(self, ids: impl IntoIterator<Item = S>) -> Self {
        self.uses("dags", ids)
    }

    /// Assets besides its inlets and outlets that the task updates or asks about; a trailing `*` is a prefix.
    pub fn uses_assets<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Self {
        self.uses("assets", names)
    }

    /// Origins that the task sends HTTP requests to, such as `https://api.example.com`.
    pub fn uses_origins<S: Into<String>>(self, origins: impl IntoIterator<Item = S>) -> Self {
        self.uses("origins", origins)
    }

    fn set(self, key: &str, value: impl Into<Value>) -> Self {
        self.change(|call| call.settings.set(key, value))
    }

    fn uses<S: Into<String>>(self, kind: &str, names: impl IntoIterator<Item = S>) -> Self {
        self.change(|call| call.settings.uses(kind, names))
    }
}
