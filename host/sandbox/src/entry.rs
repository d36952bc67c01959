//! Which of a module's functions is called, and with what.

use flow_model::call::limit;
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, Restriction};
use flow_model::work::{Job, TaskContext, TimetableQuery};

use crate::bindings::imports::task_instance::{Context, Resumption};
use crate::bindings::{retry_policies, timetables};

/// A call of the host to a guest. A store is good for one.
pub(crate) enum Entry {
    /// `tasks.run`
    Task(Box<TaskContext>),
    /// `dags.describe`
    Parse {
        /// What the guest's clocks answer.
        now: Millis,
    },
    /// `triggers.poll`
    Trigger {
        /// Which trigger.
        name: String,
        /// One JSON text.
        kwargs: String,
    },
    /// `timetables.next`
    Timetable(TimetableQuery),
    /// `callbacks.run`
    Callback {
        /// Which callback.
        function: String,
        /// One JSON text.
        arguments: String,
        /// One JSON object as text.
        event: String,
    },
    /// `retry-policies.decide`
    RetryPolicy {
        /// Which policy.
        policy: String,
        /// What it is asked about.
        failure: retry_policies::FailedTry,
    },
}

impl Entry {
    /// How `job` enters its module; `None` for one that runs no guest.
    pub(crate) fn of(job: Job) -> Option<Self> {
        match job {
            Job::Task(context) => Some(Self::Task(context)),
            Job::Parse { now } => Some(Self::Parse { now }),
            Job::Trigger { trigger, kwargs } => Some(Self::Trigger { name: trigger, kwargs }),
            Job::Http { .. } => None,
            Job::Timetable(query) => Some(Self::Timetable(query)),
            Job::Callback { function, arguments, event } => Some(Self::Callback { function, arguments, event }),
        }
    }

    /// Where the guest's clocks stand, if its answer must depend on nothing else.
    pub(crate) fn stands_at(&self) -> Option<Millis> {
        match self {
            Self::Parse { now } => Some(*now),
            Self::Timetable(query) => Some(query.now),
            Self::Task(_) | Self::Trigger { .. } | Self::Callback { .. } | Self::RetryPolicy { .. } => None,
        }
    }

    /// The largest value in bytes that the guest may hand to the host.
    pub(crate) fn largest(&self) -> usize {
        match self {
            Self::Parse { .. } => limit::BULK,
            Self::Task(_) | Self::Trigger { .. } | Self::Callback { .. } => limit::XCOM,
            Self::Timetable(_) | Self::RetryPolicy { .. } => limit::VALUE,
        }
    }
}

impl From<&TaskContext> for Context {
    fn from(context: &TaskContext) -> Self {
        let resume = context.resume.clone().map(|resume| Resumption { key: resume.key, event: resume.event });
        Self {
            dag_id: context.dag_id.to_string(),
            run_id: context.run_id.to_string(),
            task_id: context.task_id.to_string(),
            function: context.function.clone(),
            map_index: context.map_index,
            try_number: context.try_number,
            max_tries: context.max_tries,
            logical_date: context.logical_date.map(|at| at.0),
            data_interval_start: context.data_interval_start.map(|at| at.0),
            data_interval_end: context.data_interval_end.map(|at| at.0),
            conf: context.conf.clone(),
            arguments: context.arguments.clone(),
            resume,
            first_poke: context.first_poke.map(|at| at.0),
            triggering_asset_events: context.triggering_asset_events.clone(),
            partition_key: context.partition_key.clone(),
        }
    }
}

impl From<DataInterval> for timetables::DataInterval {
    fn from(interval: DataInterval) -> Self {
        Self { start: interval.start.0, end: interval.end.0 }
    }
}

impl From<Restriction> for timetables::Restriction {
    fn from(restriction: Restriction) -> Self {
        Self {
            earliest: restriction.earliest.map(|at| at.0),
            latest: restriction.latest.map(|at| at.0),
            catchup: restriction.catchup,
        }
    }
}
