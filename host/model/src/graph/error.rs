//! Why a DAG cannot run.

use super::{MAX_EDGES, MAX_TASKS};

/// Why a DAG cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There is nothing to run.
    #[error("it has no tasks; give it at least one")]
    Empty,
    /// More than [`MAX_TASKS`].
    #[error("it has {0} tasks; at most {MAX_TASKS} are allowed")]
    TooManyTasks(usize),
    /// More than [`MAX_EDGES`].
    #[error("it has more than {MAX_EDGES} edges")]
    TooManyEdges,
    /// Setups and teardowns around too much.
    #[error(
        "its setups and teardowns stand around more than {MAX_EDGES} tasks, counted for each; use fewer of them, or put \
         them closer to the tasks that need them"
    )]
    TooMuchBetween,
    /// Two tasks with one id.
    #[error("task id {0:?} is used twice; task ids are unique within a DAG")]
    DuplicateTask(String),
    /// A task waits for itself.
    #[error("task {0:?} depends on itself")]
    SelfEdge(String),
    /// A task waits for one that is not there.
    #[error("task {task:?} depends on {upstream:?}, which is not in the DAG")]
    UnknownUpstream {
        /// The task that waits.
        task: String,
        /// What it waits for.
        upstream: String,
    },
    /// Tasks wait for each other in a ring.
    #[error("its tasks form a cycle: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
    /// Two groups, or a group and a task, with one id.
    #[error("group id {0:?} is used twice; the ids of groups and tasks are unique within a DAG")]
    DuplicateGroup(String),
    /// A task or a group is in a group that is not there.
    #[error("{member:?} is in group {group:?}, which is not in the DAG")]
    UnknownGroup {
        /// What is in it.
        member: String,
        /// The group.
        group: String,
    },
    /// Groups are in each other in a ring.
    #[error("group {0:?} is in itself, directly or through other groups")]
    GroupCycle(String),
    /// A mapped group is in a mapped group.
    #[error(
        "group {group:?} is mapped and is in group {outer:?}, which is mapped too; a mapped group can be in no other"
    )]
    NestedMapping {
        /// The inner group.
        group: String,
        /// The outer one.
        outer: String,
    },
    /// A mapped task is in a mapped group.
    #[error(
        "task {task:?} is mapped and is in group {group:?}, which is mapped too; map over both in the group, or take the \
         task out of it"
    )]
    MappedInMappedGroup {
        /// The task.
        task: String,
        /// The group.
        group: String,
    },
    /// A mapped group is mapped over a task of its own.
    #[error("group {group:?} is mapped over {task:?}, which is in the group itself")]
    MappedOverOwnTask {
        /// The group.
        group: String,
        /// The task.
        task: String,
    },
    /// A literal that has no elements to map over.
    #[error("{mapped:?} is mapped over {found}; only a list or an object can be mapped over")]
    NotMappable {
        /// The task or the group.
        mapped: String,
        /// What it is mapped over.
        found: &'static str,
    },
    /// More instances than there may be.
    #[error("{mapped:?} is mapped over {length} elements; at most {max} are allowed", max = super::MAX_MAP_LENGTH)]
    TooManyInstances {
        /// The task or the group.
        mapped: String,
        /// How many elements.
        length: u64,
    },
    /// `always` runs at once, and in a mapped group it is not known what.
    #[error(
        "task {task:?} has the trigger rule always and is in the mapped group {group:?}; a rule that does not wait is \
         not possible there"
    )]
    AlwaysInMappedGroup {
        /// The task.
        task: String,
        /// The group.
        group: String,
    },
    /// Both ways of mapping at once.
    #[error("task {0:?} has both expand_kwargs and expanded arguments; use one of them")]
    TwoMappings(String),
    /// An argument asks for a member of what is not there.
    #[error("task {task:?} takes {argument:?} from expand_kwargs, which it does not have")]
    KeywordWithoutMapping {
        /// The task.
        task: String,
        /// The argument.
        argument: String,
    },
    /// An argument asks for an element of a mapped group that is not there.
    #[error(
        "task {task:?} takes the element {item:?} of a mapped group, but no mapped group around it has one of that name"
    )]
    UnknownGroupItem {
        /// The task.
        task: String,
        /// The name of the element.
        item: String,
    },
    /// A label shows an argument that is not there.
    #[error(
        "the map_index_template of task {task:?} asks for {parameter:?}, which is not one of its parameters; write what is \
         no name as {{{{ or }}}}"
    )]
    UnknownParameter {
        /// The task.
        task: String,
        /// What it asks for.
        parameter: String,
    },
    /// A setup cannot undo things, nor a teardown set them up.
    #[error("task {0:?} is both a setup and a teardown; make two tasks of it")]
    SetupAndTeardown(String),
    /// A teardown with a rule of its own.
    #[error("task {0:?} is a teardown and has a trigger rule; that of a teardown is always all_done_setup_success")]
    TeardownWithRule(String),
    /// A rule that `fail_fast` does not go with.
    #[error("task {0:?} has another trigger rule than all_success, which is not possible in a DAG with fail_fast")]
    RuleWithFailFast(String),
}

impl GraphError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "dag-without-tasks",
            Self::TooManyTasks(_) => "dag-too-many-tasks",
            Self::TooManyEdges => "dag-too-many-edges",
            Self::TooMuchBetween => "dag-too-much-between-setups",
            Self::DuplicateTask(_) => "dag-duplicate-task",
            Self::SelfEdge(_) => "dag-self-edge",
            Self::UnknownUpstream { .. } => "dag-unknown-upstream",
            Self::Cycle(_) => "dag-cycle",
            Self::DuplicateGroup(_) => "dag-duplicate-group",
            Self::UnknownGroup { .. } => "dag-unknown-group",
            Self::GroupCycle(_) => "dag-group-cycle",
            Self::NestedMapping { .. } => "dag-nested-mapping",
            Self::MappedInMappedGroup { .. } => "dag-mapped-in-mapped-group",
            Self::MappedOverOwnTask { .. } => "dag-mapped-over-own-task",
            Self::NotMappable { .. } => "dag-not-mappable",
            Self::TooManyInstances { .. } => "dag-too-many-instances",
            Self::AlwaysInMappedGroup { .. } => "dag-always-in-mapped-group",
            Self::TwoMappings(_) => "dag-two-mappings",
            Self::KeywordWithoutMapping { .. } => "dag-keyword-without-mapping",
            Self::UnknownGroupItem { .. } => "dag-unknown-group-item",
            Self::UnknownParameter { .. } => "dag-unknown-parameter",
            Self::SetupAndTeardown(_) => "dag-setup-and-teardown",
            Self::TeardownWithRule(_) => "dag-teardown-with-rule",
            Self::RuleWithFailFast(_) => "dag-rule-with-fail-fast",
        }
    }
}
