//! Backfills: which runs a range of dates makes, in which order, and what becomes of runs that are there already.

mod downstream;

pub use downstream::downstream;

use crate::coded::coded;
use crate::dag::{DagSpec, TaskSpec};
use crate::run::{RunType, permits};
use crate::state::RunState;
use crate::time::Millis;
use crate::timetable::{DataInterval, NextRun, Restriction, Schedule};

coded!(
    /// What a backfill does with runs that are there already, by Airflow's names.
    #[derive(Default)]
    Reprocess {
        /// It leaves them alone.
        #[default]
        None = "none",
        /// It runs the failed ones again.
        Failed = "failed",
        /// It runs all of them again that have ended.
        Completed = "completed",
    }
);

coded!(
    /// What has become of one run of a backfill.
    SlotState {
        /// Its turn has not come.
        Waiting = "waiting",
        /// It has not ended.
        Active = "active",
        /// It has ended.
        Ended = "ended",
        /// It was not made, see [`LeftOut`].
        LeftOut = "left_out",
    }
);

coded!(
    /// Why a backfill has not made a run, by Airflow's names.
    LeftOut {
        /// There is one for this date, and the backfill leaves such alone.
        AlreadyExists = "already exists",
        /// There is one for this date that has not ended.
        InFlight = "in flight",
        /// The run could not be made; the host's log says why.
        Unknown = "unknown",
    }
);

/// How many runs of one backfill are active at once unless it says otherwise.
pub const MAX_ACTIVE_RUNS: u32 = 10;
/// The most runs that one backfill may make.
pub const MAX_RUNS: usize = 10_000;

/// Why there is no such backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackfillError {
    /// The range ends before it begins.
    #[error("to_date is before from_date")]
    Backwards,
    /// The DAG's runs do not follow from dates.
    #[error("the DAG's schedule does not say which runs a range of dates has; trigger its runs one by one")]
    NotPeriodic,
    /// The DAG allows other kinds of runs only.
    #[error("the DAG's allowed_run_types do not hold backfill")]
    NotAllowed,
    /// Tasks need the run before, and it would come later.
    #[error("tasks of the DAG depend on the run before; leave out run_backwards")]
    PastBackwards,
    /// Tasks need the run before, and runs that are there could stand in the way.
    #[error("tasks of the DAG depend on the run before; set reprocess_behavior to failed or completed")]
    PastKept,
    /// Nothing would be made.
    #[error("the DAG's schedule has no run between these dates whose data is complete")]
    Empty,
    /// The range is too long.
    #[error("the range has more than {MAX_RUNS} runs; split it")]
    TooMany,
}

impl BackfillError {
    /// The error's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Backwards => "backfill-backwards",
            Self::NotPeriodic => "backfill-not-periodic",
            Self::NotAllowed => "backfill-not-allowed",
            Self::PastBackwards => "backfill-past-backwards",
            Self::PastKept => "backfill-past-kept",
            Self::Empty => "backfill-empty",
            Self::TooMany => "backfill-too-many",
        }
    }
}

/// Whether a DAG can be backfilled in this order and with what is to become of runs that are there.
pub fn check(spec: &DagSpec, reprocess: Reprocess, backwards: bool) -> Result<(), BackfillError> {
    if !permits(&spec.allowed_run_types, RunType::Backfill) {
        return Err(BackfillError::NotAllowed);
    }
    let needs_past = |task: &TaskSpec| task.depends_on_past || task.wait_for_downstream;
    match (spec.tasks.iter().any(needs_past), backwards, reprocess) {
        (true, true, _) => Err(BackfillError::PastBackwards),
        (true, false, Reprocess::None) => Err(BackfillError::PastKept),
        (true, false, Reprocess::Failed | Reprocess::Completed) | (false, _, _) => Ok(()),
    }
}

/// Whether the runs of a range can be told from a schedule alone.
pub fn is_known(schedule: &Schedule) -> bool {
    match schedule.by_time() {
        // The module would have to be asked for one run after the other.
        Schedule::Custom { .. } => false,
        Schedule::Trigger(_)
        | Schedule::Intervals(_)
        | Schedule::Once
        | Schedule::Continuous
        | Schedule::Events(_)
        | Schedule::Never
        | Schedule::Assets(_)
        | Schedule::AssetOrTime(..) => schedule.is_periodic(),
    }
}

/// The runs of a range, both ends included, in the order in which they are made. `next` is the DAG's timetable. Runs whose
/// data is not complete at `now` are not among them.
pub fn runs(
    next: impl Fn(Option<DataInterval>, Restriction) -> Option<NextRun>,
    (from, to): (Millis, Millis),
    now: Millis,
    backwards: bool,
) -> Result<Vec<NextRun>, BackfillError> {
    if to < from {
        return Err(BackfillError::Backwards);
    }
    let limits = Restriction { earliest: Some(from), latest: Some(to), catchup: true };
    let mut runs: Vec<NextRun> = Vec::new();
    let mut last = None;
    while let Some(run) = next(last, limits) {
        let stands_still = last.is_some_and(|last: DataInterval| run.interval.end <= last.end);
        if stands_still || run.interval.start > to || run.interval.end >= now {
            break;
        }
        if runs.len() == MAX_RUNS {
            return Err(BackfillError::TooMany);
        }
        last = Some(run.interval);
        runs.push(run);
    }
    if backwards {
        runs.reverse();
    }
    if runs.is_empty() { Err(BackfillError::Empty) } else { Ok(runs) }
}

/// What a backfill does for one date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It makes a run.
    Create,
    /// It runs the one that is there again.
    Clear,
    /// It leaves the one that is there alone.
    LeaveOut(LeftOut),
}

/// What a backfill does for a date whose run, if there is one, is in this state.
pub fn fate(reprocess: Reprocess, present: Option<RunState>) -> Fate {
    match (present, reprocess) {
        (None, _) => Fate::Create,
        (Some(RunState::Queued | RunState::Running), _) => Fate::LeaveOut(LeftOut::InFlight),
        (Some(RunState::Failed), Reprocess::Failed | Reprocess::Completed)
        | (Some(RunState::Success), Reprocess::Completed) => Fate::Clear,
        (Some(RunState::Failed), Reprocess::None) | (Some(RunState::Success), Reprocess::None | Reprocess::Failed) => {
            Fate::LeaveOut(LeftOut::AlreadyExists)
        }
    }
}

/// How many more runs a tenant's backfills may make that may have `allowed` runs at once and has `active`: what they leave is for
/// runs that are due now.
pub fn room(allowed: u64, active: u64) -> u64 {
    (allowed / 2).max(1).saturating_sub(active)
}

/// Where a run of a backfill stands, by the state of the run that was made for it.
pub fn slot_state(run: Option<RunState>) -> SlotState {
    match run {
        Some(RunState::Queued | RunState::Running) => SlotState::Active,
        // Somebody deleted a run that had ended.
        Some(RunState::Success | RunState::Failed) | None => SlotState::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const HOUR: i64 = 3_600_000;

    /// A timetable of whole hours.
    fn hourly(last: Option<DataInterval>, limits: Restriction) -> Option<NextRun> {
        let start = match (last, limits.earliest) {
            (Some(last), _) => last.end,
            (None, Some(earliest)) => Millis((earliest.0 + HOUR - 1).div_euclid(HOUR) * HOUR),
            (None, None) => return None,
        };
        let interval = DataInterval { start, end: Millis(start.0 + HOUR) };
        (start <= limits.latest?).then_some(NextRun { run_after: interval.end, interval })
    }

    fn dates(range: (i64, i64), now: i64, backwards: bool) -> Result<Vec<i64>, BackfillError> {
        let made = runs(hourly, (Millis(range.0), Millis(range.1)), Millis(now), backwards)?;
        Ok(made.iter().map(|run| run.interval.start.0 / HOUR).collect())
    }

    #[test]
    fn a_range_has_the_runs_whose_data_is_complete() {
        let late = 100 * HOUR;
        assert_eq!(dates((2 * HOUR, 4 * HOUR), late, false), Ok(vec![2, 3, 4]));
        assert_eq!(dates((2 * HOUR + 1, 4 * HOUR - 1), late, false), Ok(vec![3]));
        assert_eq!(dates((2 * HOUR, 4 * HOUR), late, true), Ok(vec![4, 3, 2]));
        assert_eq!(dates((2 * HOUR, 9 * HOUR), 5 * HOUR + 1, false), Ok(vec![2, 3, 4]));
        assert_eq!(dates((2 * HOUR, 4 * HOUR), 2 * HOUR, false), Err(BackfillError::Empty));
        assert_eq!(dates((4 * HOUR, 2 * HOUR), late, false), Err(BackfillError::Backwards));
        assert_eq!(dates((0, 10_000 * HOUR), i64::MAX, false), Err(BackfillError::TooMany));
        assert_eq!(dates((0, 9_999 * HOUR), i64::MAX, false).map(|made| made.len()), Ok(MAX_RUNS));
    }

    #[test]
    fn half_of_what_a_tenant_may_have_is_for_others() {
        assert_eq!([room(10, 0), room(10, 4), room(10, 5), room(10, 9), room(1, 0), room(1, 1)], [5, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn a_timetable_that_stands_still_ends_the_range() {
        let interval = DataInterval { start: Millis(5), end: Millis(6) };
        let stuck = |_, _| Some(NextRun { run_after: Millis(6), interval });
        let made = runs(stuck, (Millis(0), Millis(10)), Millis(100), false);
        assert_eq!(made.map(|made| made.len()), Ok(1));
    }

    #[test]
    fn tasks_that_need_the_past_need_it_in_order() {
        let dag = |more: Value| {
            let mut dag = json!({"dag_id": "d", "tasks": [{"task_id": "t", "function": "f"}]});
            dag["tasks"][0].as_object_mut().expect("a task").extend(more.as_object().expect("members").clone());
            serde_json::from_value::<DagSpec>(dag).expect("a DAG")
        };
        let (free, bound) = (dag(json!({})), dag(json!({"depends_on_past": true})));
        assert_eq!(check(&free, Reprocess::None, true), Ok(()));
        assert_eq!(check(&bound, Reprocess::Failed, true), Err(BackfillError::PastBackwards));
        assert_eq!(check(&bound, Reprocess::None, false), Err(BackfillError::PastKept));
        assert_eq!(check(&bound, Reprocess::Completed, false), Ok(()));
        let scheduled = DagSpec { allowed_run_types: vec![RunType::Scheduled], ..free };
        assert_eq!(check(&scheduled, Reprocess::None, false), Err(BackfillError::NotAllowed));
    }

    #[test]
    fn what_is_there_is_treated_as_was_asked() {
        use Fate::{Clear, Create, LeaveOut};
        use RunState::{Failed, Queued, Running, Success};
        let exists = LeaveOut(LeftOut::AlreadyExists);
        let flies = LeaveOut(LeftOut::InFlight);
        for (reprocess, fates) in [
            (Reprocess::None, [Create, flies, flies, exists, exists]),
            (Reprocess::Failed, [Create, flies, flies, exists, Clear]),
            (Reprocess::Completed, [Create, flies, flies, Clear, Clear]),
        ] {
            let found = [None, Some(Queued), Some(Running), Some(Success), Some(Failed)]
                .map(|present| fate(reprocess, present));
            assert_eq!(found, fates, "{reprocess}");
        }
    }
}
