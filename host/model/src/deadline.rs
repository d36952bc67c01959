//! Deadlines: by when a run, a task or a group has to be done, and whether it was.

use crate::dag::{DeadlineReference, DeadlineSpec};
use crate::time::Millis;

/// What is known of a run, or of a task or group in it, when its deadline is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// What the run stands for.
    pub logical_date: Option<Millis>,
    /// When the run was created, or cleared last.
    pub queued_at: Millis,
    /// When the run, the task or the first task of the group could begin; `None` as long as it cannot.
    pub start: Option<Millis>,
    /// How long earlier successful runs of the DAG took, in milliseconds, latest first.
    pub durations: &'a [i64],
}

/// When something is due; `None` if that cannot be said, or not yet.
pub fn due(spec: &DeadlineSpec, facts: Facts<'_>) -> Option<Millis> {
    let reference = match spec.reference {
        DeadlineReference::DagrunLogicalDate => facts.logical_date?,
        DeadlineReference::DagrunQueuedAt => facts.queued_at,
        DeadlineReference::Start => facts.start?,
        DeadlineReference::FixedDatetime(at) => at,
        DeadlineReference::AverageRuntime { max_runs, min_runs } => {
            Millis(facts.queued_at.0.saturating_add(average(facts.durations, max_runs, min_runs)?))
        }
    };
    Some(Millis(reference.0.saturating_add(spec.interval_ms)))
}

/// How many earlier runs have to be looked at to know the average that a deadline counts from.
pub fn runs_needed(spec: &DeadlineSpec) -> u32 {
    match spec.reference {
        DeadlineReference::AverageRuntime { max_runs, min_runs: _ } => max_runs,
        DeadlineReference::DagrunLogicalDate
        | DeadlineReference::DagrunQueuedAt
        | DeadlineReference::Start
        | DeadlineReference::FixedDatetime(_) => 0,
    }
}

fn average(durations: &[i64], max_runs: u32, min_runs: u32) -> Option<i64> {
    let looked_at = durations.len().min(usize::try_from(max_runs).unwrap_or(usize::MAX));
    if looked_at == 0 || looked_at < usize::try_from(min_runs).unwrap_or(usize::MAX) {
        return None;
    }
    let sum: i128 = durations[..looked_at].iter().copied().map(i128::from).sum();
    i64::try_from(sum / i128::try_from(looked_at).ok()?).ok()
}

/// Whether a deadline that has passed was kept: what it is for had succeeded by then. `ended_well` is when each part of
/// it succeeded or was skipped, `None` for a part that has not.
pub fn is_met(due: Millis, ended_well: impl IntoIterator<Item = Option<Millis>>) -> bool {
    ended_well.into_iter().all(|ended| ended.is_some_and(|ended| ended <= due))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(reference: &Value, interval_ms: i64, facts: Facts<'_>) -> Option<i64> {
        let spec = json!({"reference": reference, "interval_ms": interval_ms});
        due(&serde_json::from_value(spec).expect("a deadline"), facts).map(|at| at.0)
    }

    #[test]
    fn a_deadline_counts_from_its_reference() {
        let facts = Facts {
            logical_date: Some(Millis(1_000)),
            queued_at: Millis(2_000),
            start: Some(Millis(3_000)),
            durations: &[],
        };
        assert_eq!(at(&json!("dagrun_logical_date"), 5, facts), Some(1_005));
        assert_eq!(at(&json!("dagrun_queued_at"), 5, facts), Some(2_005));
        assert_eq!(at(&json!("start"), -5, facts), Some(2_995));
        assert_eq!(at(&json!({"fixed_datetime": "1970-01-01T00:00:09Z"}), 5, facts), Some(9_005));
        let waiting = Facts { logical_date: None, start: None, ..facts };
        assert_eq!(at(&json!("dagrun_logical_date"), 5, waiting), None);
        assert_eq!(at(&json!("start"), 5, waiting), None);
        assert_eq!(at(&json!("start"), i64::MAX, facts), Some(i64::MAX));
    }

    #[test]
    fn the_average_needs_enough_runs() {
        let average = |durations: &[i64], min_runs: u32| {
            let reference = json!({"average_runtime": {"max_runs": 3, "min_runs": min_runs}});
            at(&reference, 1, Facts { queued_at: Millis(100), durations, ..Facts::default() })
        };
        assert_eq!(average(&[10, 20, 30, 1_000], 3), Some(121));
        assert_eq!(average(&[10, 20], 3), None);
        assert_eq!(average(&[10, 20], 2), Some(116));
        assert_eq!(average(&[], 0), None);
    }

    #[test]
    fn a_deadline_is_met_by_all_parts_in_time() {
        let parts = |ended: &[Option<i64>]| is_met(Millis(10), ended.iter().map(|at| at.map(Millis)));
        assert!(parts(&[Some(10), Some(3)]));
        assert!(!parts(&[Some(11), Some(3)]));
        assert!(!parts(&[None, Some(3)]));
    }
}
