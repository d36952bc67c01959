//! One task as its module describes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::callback::{CallbackSpec, DeadlineSpec};
use super::mapping::{MapSource, Mapped};
use super::native::Native;
use super::omitted::is_default;
use crate::ids::{GroupId, PoolName, TaskId};
use crate::trigger_rule::TriggerRule;
use crate::uses::Uses;

/// One task as its module describes it. Every field but `task_id` has Airflow's default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, as in Airflow")]
pub struct TaskSpec {
    /// The task's id, unique within its DAG.
    pub task_id: TaskId,
    /// Which exported function runs; tasks may share one. It is opaque to the host and handed back on `run`. Empty if
    /// the host itself does what `native` says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub function: String,
    /// What the host does in place of a function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Native>,
    /// The function's arguments, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Argument>,
    /// Objects from which each mapped instance takes its `keyword` arguments (Airflow's `expand_kwargs`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand_kwargs: Option<MapSource>,
    /// How a mapped instance is called in lists: a text in which `{name}` stands for the argument of that parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index_template: Option<String>,
    /// The names of the function's parameters, one for each argument, where `map_index_template` asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Direct upstream tasks that hand no value over: order alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskId>,
    /// When the task may run, by the states of its direct upstream tasks. A teardown has a rule of its own.
    #[serde(default)]
    pub trigger_rule: TriggerRule,
    /// The innermost group that the task is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// Whether the task sets something up that a teardown undoes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub setup: bool,
    /// What the task undoes, if it is a teardown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Teardown>,
    /// Whether the task may decide what is followed, and how. What is behind it waits for its decision before it ends by a
    /// rule, so that the order in which tasks end changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decides: Option<Decides>,
    /// Whether a short circuit of this task skips everything downstream, whatever the rules there say.
    #[serde(default = "yes")]
    pub ignore_downstream_trigger_rules: bool,
    /// How many more tries there are after the first one failed.
    #[serde(default)]
    pub retries: u32,
    /// The pause before another try, in milliseconds.
    #[serde(default = "five_minutes")]
    pub retry_delay_ms: u64,
    /// What the pause is multiplied by for each further try; 0 and 1 leave it as it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry_exponential_backoff: f64,
    /// The longest pause that the multiplier leads to, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retry_delay_ms: Option<u64>,
    /// Which exported retry policy is asked whether a failure is worth another try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<String>,
    /// Wall-clock limit of one try in milliseconds, over all its resumptions; the tenant's limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timeout_ms: Option<u64>,
    /// What makes the task a sensor, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensor: Option<SensorSpec>,
    /// Whether the task waits for its own success or skip in the run before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub depends_on_past: bool,
    /// Whether it also waits for the direct downstream tasks of its instance in the run before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub wait_for_downstream: bool,
    /// Whose slots it takes; those of the default pool if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// How many slots of its pool it takes.
    #[serde(default = "one")]
    pub pool_slots: u32,
    /// How much it matters among those that wait for the same slots.
    #[serde(default = "one_weight")]
    pub priority_weight: i32,
    /// How the weights of other tasks add to it.
    #[serde(default)]
    pub weight_rule: WeightRule,
    /// How many instances of the task may be active in all runs of the DAG together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_tis_per_dag: Option<u32>,
    /// How many instances of the task may be active in one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_tis_per_dagrun: Option<u32>,
    /// Assets that it reads, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inlets: Vec<String>,
    /// Assets that its success updates, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outlets: Vec<String>,
    /// What runs after something has happened to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<CallbackSpec>,
    /// By when it has to be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deadlines: Vec<DeadlineSpec>,
    /// How people see its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it does, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_md: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What the task may use, besides the DAG's list.
    #[serde(default)]
    pub uses: Uses,
}

/// What makes a task a teardown. Its trigger rule is Airflow's `all_done_setup_success`, and it does not count for the
/// state of its run unless it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teardown {
    /// The setups that it undoes; each becomes a direct upstream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub setups: Vec<TaskId>,
    /// Whether its failure fails the run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_failure_fail_dagrun: bool,
}

/// A task that looks whether something is there yet. Between two looks it holds no slot, in either of Airflow's modes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorSpec {
    /// How long after its first look it gives up, in milliseconds; seven days unless given.
    #[serde(default = "seven_days")]
    pub timeout_ms: u64,
    /// Whether giving up skips it instead of failing it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub soft_fail: bool,
}

/// How a task decides what is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decides {
    /// It names the direct downstream tasks that go on (Airflow's branch operators).
    Branch,
    /// It says whether anything downstream goes on (Airflow's `ShortCircuitOperator`).
    ShortCircuit,
}

/// How the weights of other tasks add to a task's own (Airflow's `weight_rule`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightRule {
    /// Those of all tasks downstream are added.
    #[default]
    Downstream,
    /// Those of all tasks upstream are added.
    Upstream,
    /// None are.
    Absolute,
}

/// One argument of a task's function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Argument {
    /// A value known when the DAG is parsed.
    Literal(Value),
    /// What another task of the run returned: of a mapped task, the array of what its instances returned, in map order;
    /// between tasks of one mapped group, what the instance of the same index returned. It makes that task a direct
    /// upstream.
    Output(TaskId),
    /// Several tasks' results as one JSON array, in this order. It makes each of them a direct upstream.
    Outputs(Vec<TaskId>),
    /// A member of the run's configuration or params; `null` where the run has none of that name.
    Conf(String),
    /// One element for each mapped instance (Airflow's `expand`). Several such arguments make the product of their
    /// elements, in which the last one varies fastest.
    Expand(MapSource),
    /// A member of the instance's element of `expand_kwargs`; `null` where it has none of that name.
    Keyword(String),
    /// The element, or one of the named elements, of the mapped group that the task is in.
    GroupItem(String),
}

impl TaskSpec {
    /// How people see its id.
    pub fn shown_name(&self) -> String {
        self.display_name.clone().unwrap_or_else(|| self.task_id.to_string())
    }

    /// Which of the module's functions runs it, or what the host does in its place.
    pub fn operator(&self) -> String {
        self.native.as_ref().map_or_else(|| self.function.clone(), |native| native.name().to_owned())
    }

    /// The pause before another try.
    pub fn retry_delay(&self) -> Duration {
        Duration::from_millis(self.retry_delay_ms)
    }

    /// What its mapped instances are made of; `None` if it is not mapped by itself.
    pub fn mapped(&self) -> Option<Mapped<'_>> {
        if let Some(source) = &self.expand_kwargs {
            return Some(Mapped { factors: vec![source] });
        }
        let factors: Vec<&MapSource> = self
            .arguments
            .iter()
            .filter_map(|argument| match argument {
                Argument::Expand(source) => Some(source),
                Argument::Literal(_)
                | Argument::Output(_)
                | Argument::Outputs(_)
                | Argument::Conf(_)
                | Argument::Keyword(_)
                | Argument::GroupItem(_) => None,
            })
            .collect();
        if factors.is_empty() { None } else { Some(Mapped { factors }) }
    }

    /// Every direct upstream task that the task itself names, each once, in the order first named. The tasks that a
    /// mapped group adds to its first tasks are not among them.
    pub fn upstream(&self) -> Vec<&TaskId> {
        let mut seen = Vec::new();
        let mut add = |id| {
            if !seen.contains(&id) {
                seen.push(id);
            }
        };
        for argument in &self.arguments {
            match argument {
                Argument::Output(task) => add(task),
                Argument::Outputs(tasks) => tasks.iter().for_each(&mut add),
                Argument::Expand(source) => source.tasks().into_iter().for_each(&mut add),
                Argument::Literal(_) | Argument::Conf(_) | Argument::Keyword(_) | Argument::GroupItem(_) => {}
            }
        }
        self.expand_kwargs.iter().flat_map(MapSource::tasks).for_each(&mut add);
        self.depends_on.iter().for_each(&mut add);
        self.teardown.iter().flat_map(|teardown| &teardown.setups).for_each(&mut add);
        seen
    }
}

fn five_minutes() -> u64 {
    300_000
}

fn seven_days() -> u64 {
    7 * 86_400_000
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn one_weight() -> i32 {
    1
}
