//! How one call of a task is run. The options of `#[task]` have the same names.

use std::time::Duration;

use crate::asset::Outlet;
use crate::callback::On;
use crate::draft::{Call, Draft};
use crate::spec::{Decides, Native, Sensor, TriggerRule, WeightRule};
use crate::wait::WaitSpec;
use crate::{Callback, Deadline, Error, Output, RetryPolicy, dag};

#[expect(clippy::return_self_not_must_use, reason = "a task is drawn whether or not its handle is used")]
impl<T> Output<T> {
    /// How people see its id.
    pub fn display_name(self, name: impl Into<String>) -> Self {
        self.set(|call| call.settings.display_name = Some(name.into()))
    }

    /// What it does, in Markdown. Otherwise the doc comment of its function.
    pub fn doc_md(self, markdown: impl Into<String>) -> Self {
        self.set(|call| call.settings.doc_md = Some(markdown.into()))
    }

    /// Who answers for it.
    pub fn owner(self, name: impl Into<String>) -> Self {
        self.set(|call| call.settings.owner = Some(name.into()))
    }

    /// When the task may run.
    pub fn trigger_rule(self, rule: TriggerRule) -> Self {
        self.set(|call| call.settings.trigger_rule = rule)
    }

    /// Whether a short circuit of the task skips everything downstream, whatever the rules there say. It does, unless
    /// told otherwise: then it skips the direct downstream tasks, and the rules decide about the rest.
    pub fn ignore_downstream_trigger_rules(self, ignore: bool) -> Self {
        self.set(|call| call.settings.ignore_downstream_trigger_rules = Some(ignore))
    }

    /// How many more tries there are after the first one failed.
    pub fn retries(self, count: u32) -> Self {
        self.set(|call| call.settings.retries = count)
    }

    /// The pause before another try; five minutes unless given.
    pub fn retry_delay(self, delay: Duration) -> Self {
        self.set(|call| call.settings.retry_delay_ms = Some(dag::millis(delay)))
    }

    /// What the pause is multiplied by for each further try.
    pub fn retry_exponential_backoff(self, factor: f64) -> Self {
        self.set(|call| call.settings.retry_exponential_backoff = factor)
    }

    /// The longest pause that the multiplier leads to.
    pub fn max_retry_delay(self, delay: Duration) -> Self {
        self.set(|call| call.settings.max_retry_delay_ms = Some(dag::millis(delay)))
    }

    /// What is asked after a failure whether another try is worth it.
    pub fn retry_policy(self, policy: RetryPolicy) -> Self {
        self.set(|call| call.settings.retry_policy = Some(policy.name))
    }

    /// The wall-clock limit: of a task that of one try, of a sensor, a wait or a question that of waiting.
    pub fn timeout(self, limit: Duration) -> Self {
        let limit = dag::millis(limit);
        self.set(|call| match (&mut call.native, &mut call.settings.sensor) {
            (Some(Native::Wait(wait)), _) => wait.timeout_ms = Some(limit),
            (Some(Native::HumanInput(form)), _) => form.response_timeout_ms = Some(limit),
            (_, Some(sensor)) => sensor.timeout_ms = Some(limit),
            (_, None) => call.settings.execution_timeout_ms = Some(limit),
        })
    }

    /// The wall-clock limit of one try, also of a sensor.
    pub fn execution_timeout(self, limit: Duration) -> Self {
        self.set(|call| call.settings.execution_timeout_ms = Some(dag::millis(limit)))
    }

    /// How often a wait is looked at. That of a sensor is an option of `#[sensor]`.
    pub fn poke_interval(self, interval: Duration) -> Self {
        self.set_waiting("poke_interval", |call| match &mut call.native {
            Some(Native::Wait(wait)) => {
                wait.poke_interval_ms = Some(dag::millis(interval));
                true
            }
            Some(Native::Empty | Native::LatestOnly | Native::HumanInput(_)) | None => false,
        })
    }

    /// Lets a sensor or a wait that gives up be skipped instead of fail.
    pub fn soft_fail(self) -> Self {
        self.set_waiting("soft_fail", |call| match (&mut call.native, &mut call.settings.sensor) {
            (Some(Native::Wait(WaitSpec { soft_fail, .. })), _) | (_, Some(Sensor { soft_fail, .. })) => {
                *soft_fail = true;
                true
            }
            (_, None) => false,
        })
    }

    /// Makes a change that says whether the task is one that it applies to.
    fn set_waiting(self, option: &str, change: impl FnOnce(&mut Call) -> bool) -> Self {
        Draft::with(|draft| {
            let call = draft.call(self.index());
            if !change(call) {
                let why = format!("task `{}` does not wait for anything, so that it has no `{option}`", call.shown());
                draft.refuse(Error::fail(why));
            }
        });
        self
    }

    #[doc(hidden)]
    pub fn decides(self, decides: Option<Decides>) -> Self {
        self.set(|call| call.settings.decides = decides)
    }

    #[doc(hidden)]
    pub fn sensor(self) -> Self {
        self.set(|call| call.settings.sensor = Some(Sensor::default()))
    }

    /// Lets the task wait for its own success, or skip, in the run before.
    pub fn depends_on_past(self) -> Self {
        self.set(|call| call.settings.depends_on_past = true)
    }

    /// Lets it also wait for the direct downstream tasks of its instance in the run before.
    pub fn wait_for_downstream(self) -> Self {
        self.set(|call| call.settings.wait_for_downstream = true)
    }

    /// Whose slots it takes, instead of the default pool's.
    pub fn pool(self, name: impl Into<String>) -> Self {
        self.set(|call| call.settings.pool = Some(name.into()))
    }

    /// How many slots of its pool it takes, instead of one.
    pub fn pool_slots(self, count: u32) -> Self {
        self.set(|call| call.settings.pool_slots = Some(count))
    }

    /// How much it matters among those that wait for the same slots; 1 unless given.
    pub fn priority_weight(self, weight: i32) -> Self {
        self.set(|call| call.settings.priority_weight = Some(weight))
    }

    /// How the weights of other tasks add to its own.
    pub fn weight_rule(self, rule: WeightRule) -> Self {
        self.set(|call| call.settings.weight_rule = rule)
    }

    /// How many of its instances may be active in all runs of the DAG together.
    pub fn max_active_tis_per_dag(self, count: u32) -> Self {
        self.set(|call| call.settings.max_active_tis_per_dag = Some(count))
    }

    /// How many of its instances may be active in one run.
    pub fn max_active_tis_per_dagrun(self, count: u32) -> Self {
        self.set(|call| call.settings.max_active_tis_per_dagrun = Some(count))
    }

    /// How its mapped instances are called in lists: a text in which `{name}` stands for an argument. A running
    /// instance can also name itself, by [`set_map_label`](crate::set_map_label).
    pub fn map_index_template(self, template: impl Into<String>) -> Self {
        self.set(|call| call.settings.map_index_template = Some(template.into()))
    }

    /// An asset that it reads. There can be several.
    pub fn inlet(self, asset: impl Into<Outlet>) -> Self {
        self.set(|call| call.settings.inlets.push(asset.into()))
    }

    /// An asset that its success updates, or an alias under which it finds assets to update. There can be several.
    pub fn outlet(self, asset: impl Into<Outlet>) -> Self {
        self.set(|call| call.settings.outlets.push(asset.into()))
    }

    /// Runs when a try begins.
    pub fn on_execute(self, callback: Callback) -> Self {
        self.callback(On::Execute, callback)
    }

    /// Runs when the task has succeeded.
    pub fn on_success(self, callback: Callback) -> Self {
        self.callback(On::Success, callback)
    }

    /// Runs when the task has failed for good.
    pub fn on_failure(self, callback: Callback) -> Self {
        self.callback(On::Failure, callback)
    }

    /// Runs when a try has failed and another one follows.
    pub fn on_retry(self, callback: Callback) -> Self {
        self.callback(On::Retry, callback)
    }

    /// Runs when the task has skipped itself.
    pub fn on_skipped(self, callback: Callback) -> Self {
        self.callback(On::Skipped, callback)
    }

    fn callback(self, on: On, callback: Callback) -> Self {
        self.try_set(callback.spec(on), |call, spec| call.settings.callbacks.push(spec))
    }

    /// By when it has to be done. There can be several.
    pub fn deadline(self, deadline: Deadline) -> Self {
        self.try_set(deadline.spec(), |call, spec| call.settings.deadlines.push(spec))
    }

    /// Variables that the task uses; a trailing `*` is a prefix.
    pub fn uses_variables<S: Into<String>>(self, keys: impl IntoIterator<Item = S>) -> Self {
        self.set(|call| call.settings.uses.variables.extend(keys.into_iter().map(Into::into)))
    }

    /// Connections that the task uses; a trailing `*` is a prefix.
    pub fn uses_connections<S: Into<String>>(self, ids: impl IntoIterator<Item = S>) -> Self {
        self.set(|call| call.settings.uses.connections.extend(ids.into_iter().map(Into::into)))
    }

    /// Other DAGs that the task triggers or asks about; a trailing `*` is a prefix.
    pub fn uses_dags<S: Into<String>>(self, ids: impl IntoIterator<Item = S>) -> Self {
        self.set(|call| call.settings.uses.dags.extend(ids.into_iter().map(Into::into)))
    }

    /// Assets besides its inlets and outlets that the task updates or asks about; a trailing `*` is a prefix.
    pub fn uses_assets<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Self {
        self.set(|call| call.settings.uses.assets.extend(names.into_iter().map(Into::into)))
    }

    /// Origins that the task sends HTTP requests to, such as `https://api.example.com`.
    pub fn uses_origins<S: Into<String>>(self, origins: impl IntoIterator<Item = S>) -> Self {
        self.set(|call| call.settings.uses.origins.extend(origins.into_iter().map(Into::into)))
    }
}
