//! What can limit how many task instances run at once, and which of it a task is under.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::dag::{DagSpec, GroupSpec, TaskSpec};
use crate::graph::{Graph, TaskIndex};
use crate::ids::{DagId, GroupId, PoolName, RunKey, TaskId};

/// The pool of every task that names none. Each tenant has it, with as many slots as anybody wants unless it says otherwise.
pub const DEFAULT_POOL: &str = "default_pool";

/// Whether this is the pool of every task that names none.
pub fn is_default_pool(pool: &PoolName) -> bool {
    pool.as_str() == DEFAULT_POOL
}

/// Something of which there is only so much. Its text is what the store knows it by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitKey {
    /// The slots of a pool.
    Pool(PoolName),
    /// The DAG's `max_active_tasks`, in one run.
    Run(RunKey),
    /// The task's `max_active_tis_per_dag`, in all runs.
    Task(DagId, TaskId),
    /// The task's `max_active_tis_per_dagrun`, in one run.
    TaskInRun(RunKey, TaskId),
    /// The group's `max_active_tis`, in one run.
    GroupInRun(RunKey, GroupId),
}

/// A limit that a task instance is under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Which one.
    pub key: LimitKey,
    /// How much of it the instance takes.
    pub weight: u32,
    /// How much there may be in all; `None` if that is the pool's to say.
    pub allowed: Option<u32>,
}

/// The limits that the instances of a task in a run are under; most tasks are under none. The default pool is one only if
/// it is `counted`, which it is from the day on which somebody gives it an end.
pub fn limits_of(graph: &Graph, task: TaskIndex, run: RunKey, counted: bool) -> Vec<Limit> {
    let (dag, task) = (graph.spec(), graph.task(task));
    let pool =
        pool_of(task, counted).map(|pool| Limit { key: LimitKey::Pool(pool), weight: task.pool_slots, allowed: None });
    let mut limits: Vec<Limit> = pool.into_iter().collect();
    let mut most = |allowed: Option<u32>, key: &dyn Fn() -> LimitKey| {
        limits.extend(allowed.map(|allowed| Limit { key: key(), weight: 1, allowed: Some(allowed) }));
    };
    most(dag.max_active_tasks, &|| LimitKey::Run(run));
    most(task.max_active_tis_per_dag, &|| LimitKey::Task(dag.dag_id.clone(), task.task_id.clone()));
    most(task.max_active_tis_per_dagrun, &|| LimitKey::TaskInRun(run, task.task_id.clone()));
    for group in groups_around(&dag.groups, task.group.as_ref()) {
        most(group.max_active_tis, &|| LimitKey::GroupInRun(run, group.group_id.clone()));
    }
    limits
}

/// The pools that the tasks of a DAG name, and the most slots that one of them takes; the default pool only where that is
/// more than one.
pub fn pools_of(dag: &DagSpec) -> BTreeMap<PoolName, u32> {
    let mut pools: BTreeMap<PoolName, u32> = BTreeMap::new();
    for task in dag.tasks.iter().filter(|task| task.pool.is_some() || task.pool_slots > 1) {
        if let Some(pool) = pool_of(task, true) {
            let most = pools.entry(pool).or_default();
            *most = task.pool_slots.max(1).max(*most);
        }
    }
    pools.retain(|pool, slots| !is_default_pool(pool) || *slots > 1);
    pools
}

/// The pool whose slots are counted for the task.
fn pool_of(task: &TaskSpec, counted: bool) -> Option<PoolName> {
    match &task.pool {
        Some(pool) if !is_default_pool(pool) => Some(pool.clone()),
        Some(_) | None if counted => DEFAULT_POOL.parse().ok(),
        Some(_) | None => None,
    }
}

/// A group and those around it, innermost first.
fn groups_around<'d>(groups: &'d [GroupSpec], innermost: Option<&'d GroupId>) -> impl Iterator<Item = &'d GroupSpec> {
    let find = move |id: &GroupId| groups.iter().find(|group| group.group_id == *id);
    // A description whose groups contain each other is refused, but nothing here relies on it.
    std::iter::successors(innermost.and_then(find), move |group| group.parent.as_ref().and_then(find))
        .take(groups.len())
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(pool) => write!(f, "pool:{pool}"),
            Self::Run(run) => write!(f, "run:{run}"),
            Self::Task(dag, task) => write!(f, "task:{dag}/{task}"),
            Self::TaskInRun(run, task) => write!(f, "run-task:{run}/{task}"),
            Self::GroupInRun(run, group) => write!(f, "run-group:{run}/{group}"),
        }
    }
}

/// The text names no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the key of a limit")]
pub struct InvalidLimitKey(String);

impl FromStr for LimitKey {
    type Err = InvalidLimitKey;

    fn from_str(text: &str) -> Result<Self, InvalidLimitKey> {
        parse(text).ok_or_else(|| InvalidLimitKey(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<LimitKey> {
    let (kind, rest) = text.split_once(':')?;
    let run_and = || rest.split_once('/').and_then(|(run, name)| Some((run.parse().ok()?, name)));
    match kind {
        "pool" => Some(LimitKey::Pool(rest.parse().ok()?)),
        "run" => Some(LimitKey::Run(rest.parse().ok()?)),
        "task" => {
            let (dag, task) = rest.split_once('/')?;
            Some(LimitKey::Task(dag.parse().ok()?, task.parse().ok()?))
        }
        "run-task" => run_and().and_then(|(run, task)| Some(LimitKey::TaskInRun(run, task.parse().ok()?))),
        "run-group" => run_and().and_then(|(run, group)| Some(LimitKey::GroupInRun(run, group.parse().ok()?))),
        _ => None,
    }
}

impl LimitKey {
    /// Whether it is one run's alone: whoever holds the run's lock holds it too.
    pub fn is_of_one_run(&self) -> bool {
        match self {
            Self::Pool(_) | Self::Task(..) => false,
            Self::Run(_) | Self::TaskInRun(..) | Self::GroupInRun(..) => true,
        }
    }

    /// The pool whose slots it stands for.
    pub fn pool(&self) -> Option<&PoolName> {
        match self {
            Self::Pool(pool) => Some(pool),
            Self::Run(_) | Self::Task(..) | Self::TaskInRun(..) | Self::GroupInRun(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const RUN: RunKey = RunKey(uuid::Uuid::nil());

    fn keys(dag: &Value, task: u32, counted: bool) -> Vec<String> {
        let spec = serde_json::from_value(dag.clone()).expect("a well-formed spec");
        let graph = Graph::build(spec).expect("no cycle");
        let limits = limits_of(&graph, TaskIndex(task), RUN, counted);
        limits.iter().map(|limit| format!("{} {} {:?}", limit.key, limit.weight, limit.allowed)).collect()
    }

    #[test]
    fn most_tasks_are_under_no_limit() {
        let dag = json!({"dag_id": "d", "tasks": [
            {"task_id": "a", "function": "f"}, {"task_id": "b", "function": "f", "pool": "default_pool"},
        ]});
        assert!(keys(&dag, 0, false).is_empty() && keys(&dag, 1, false).is_empty());
        assert_eq!(keys(&dag, 0, true), ["pool:default_pool 1 None"]);
        assert_eq!(keys(&dag, 1, true), ["pool:default_pool 1 None"]);
    }

    #[test]
    fn a_task_is_under_everything_that_names_it() {
        let dag = json!({"dag_id": "d", "max_active_tasks": 4,
            "groups": [{"group_id": "g", "max_active_tis": 2}, {"group_id": "g.h", "parent": "g"},
                       {"group_id": "g.h.i", "parent": "g.h", "max_active_tis": 1}],
            "tasks": [{"task_id": "g.h.i.a", "function": "f", "group": "g.h.i", "pool": "db", "pool_slots": 3,
                       "max_active_tis_per_dag": 6, "max_active_tis_per_dagrun": 5}]});
        let run = RUN.to_string();
        assert_eq!(
            keys(&dag, 0, true),
            [
                "pool:db 3 None".to_owned(),
                format!("run:{run} 1 Some(4)"),
                "task:d/g.h.i.a 1 Some(6)".to_owned(),
                format!("run-task:{run}/g.h.i.a 1 Some(5)"),
                format!("run-group:{run}/g.h.i 1 Some(1)"),
                format!("run-group:{run}/g 1 Some(2)"),
            ]
        );
    }

    #[test]
    fn a_dag_names_each_pool_once() {
        let dag = json!({"dag_id": "d", "tasks": [
            {"task_id": "a", "function": "f", "pool": "db"}, {"task_id": "b", "function": "f", "pool": "db", "pool_slots": 3},
            {"task_id": "c", "function": "f"}, {"task_id": "e", "function": "f", "pool": "default_pool"},
        ]});
        let spec: DagSpec = serde_json::from_value(dag).expect("a well-formed spec");
        let pools: Vec<(String, u32)> = pools_of(&spec).into_iter().map(|(pool, slots)| (pool.into(), slots)).collect();
        assert_eq!(pools, [("db".to_owned(), 3)]);
    }

    #[test]
    fn a_key_comes_back_from_its_text() {
        let name = || "n.a-m_e".to_owned();
        let keys = [
            LimitKey::Pool(name().try_into().expect("a name")),
            LimitKey::Run(RUN),
            LimitKey::Task(name().try_into().expect("a name"), name().try_into().expect("a name")),
            LimitKey::TaskInRun(RUN, name().try_into().expect("a name")),
            LimitKey::GroupInRun(RUN, name().try_into().expect("a name")),
        ];
        for key in keys {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for bad in ["", "pool", "pool:", "pool:a b", "run:x", "task:d", "run-task:x/y", "else:x"] {
            assert!(bad.parse::<LimitKey>().is_err(), "{bad:?} was accepted");
        }
    }
}
