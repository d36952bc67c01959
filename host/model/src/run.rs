//! What a DAG run is besides its tasks: where it came from, and what may be done to it.

use crate::coded::coded;
use crate::state::RunState;
use crate::time::Millis;

coded!(
    /// What made a run, by Airflow's names.
    RunType {
        /// Somebody asked for it.
        Manual = "manual",
        /// Its DAG's schedule.
        Scheduled = "scheduled",
        /// A backfill.
        Backfill = "backfill",
        /// A task of another run.
        OperatorTriggered = "operator_triggered",
        /// Events of assets.
        AssetTriggered = "asset_triggered",
        /// Somebody asked for an asset to be made.
        AssetMaterialization = "asset_materialization",
    }
);

coded!(
    /// Who triggered a run, by Airflow's names.
    TriggeredBy {
        /// The HTTP API.
        RestApi = "rest_api",
        /// The command line.
        Cli = "cli",
        /// The web interface.
        Ui = "ui",
        /// A run in memory, to test a module.
        Test = "test",
        /// A task of another run.
        Operator = "operator",
        /// The DAG's schedule.
        Timetable = "timetable",
        /// Events of assets.
        Asset = "asset",
        /// A backfill.
        Backfill = "backfill",
    }
);

/// How many runs of one DAG may have begun and not ended, unless it says otherwise: Airflow's default of
/// `max_active_runs`.
pub const MAX_ACTIVE_RUNS: u32 = 16;

impl RunType {
    /// What made a run that this asked for.
    pub fn of(by: TriggeredBy) -> Self {
        match by {
            TriggeredBy::RestApi | TriggeredBy::Cli | TriggeredBy::Ui | TriggeredBy::Test => Self::Manual,
            TriggeredBy::Operator => Self::OperatorTriggered,
            TriggeredBy::Timetable => Self::Scheduled,
            TriggeredBy::Asset => Self::AssetTriggered,
            TriggeredBy::Backfill => Self::Backfill,
        }
    }
}

/// Whether the time of a run has come. Until then it stays queued, whatever room there is.
pub fn is_due(run_after: Millis, now: Millis) -> bool {
    run_after <= now
}

/// The state that a new run begins in. A run of a paused DAG waits until the DAG is unpaused, one whose time has not come
/// until it has.
pub fn state_at_creation(dag_is_paused: bool, is_due: bool) -> RunState {
    if is_due && !dag_is_paused { RunState::Running } else { RunState::Queued }
}

/// Whether a run of a DAG may begin while this many others of it have begun and not ended. Runs of a backfill are counted
/// by themselves, against the backfill's own limit.
pub fn may_begin(dag_is_paused: bool, running: u64, at_most: u64) -> bool {
    !dag_is_paused && running < at_most
}

/// Whether a DAG allows runs of this kind. One that names none allows all.
pub fn permits(allowed: &[RunType], kind: RunType) -> bool {
    allowed.is_empty() || allowed.contains(&kind)
}

/// Whether a DAG is paused after a run of it has failed: `latest` are the states of its latest runs, newest first. 0 for
/// never, as in Airflow.
pub fn pauses(max_consecutive_failed: u32, latest: &[RunState]) -> bool {
    let failed = latest.iter().take_while(|state| **state == RunState::Failed).count();
    max_consecutive_failed > 0 && u32::try_from(failed).unwrap_or(u32::MAX) >= max_consecutive_failed
}

/// Whether a run may be deleted: nothing of it may still be running (Airflow's rule).
pub fn may_delete(state: RunState) -> bool {
    match state {
        RunState::Queued | RunState::Success | RunState::Failed => true,
        RunState::Running => false,
    }
}

/// The id of the scheduled run for a logical date, as Airflow writes it.
pub fn scheduled_run_id(logical_date: Millis) -> String {
    format!("scheduled__{}", airflow_instant(logical_date))
}

/// The id of a run that somebody triggered at this instant, as Airflow writes it.
pub fn manual_run_id(at: Millis) -> String {
    format!("manual__{}", airflow_instant(at))
}

/// The id of the run that a backfill makes for a logical date, as Airflow writes it.
pub fn backfill_run_id(logical_date: Millis) -> String {
    format!("backfill__{}", airflow_instant(logical_date))
}

/// The id of a run that was made at this instant because assets were updated, as Airflow writes it. The suffix keeps two of
/// one instant apart.
pub fn asset_triggered_run_id(at: Millis, suffix: u32) -> String {
    format!("asset_triggered__{}_{suffix:08x}", airflow_instant(at))
}

/// An instant as Python's `isoformat` writes it: `+00:00`, and a fraction only where there is one.
fn airflow_instant(at: Millis) -> String {
    match at.to_utc() {
        Some(instant) => instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false),
        None => at.0.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_begins_when_there_is_room() {
        assert!(may_begin(false, 15, 16));
        assert!(!may_begin(false, 16, 16));
        assert!(!may_begin(true, 0, 16));
    }

    #[test]
    fn a_run_begins_when_its_time_has_come() {
        assert!(is_due(Millis(5), Millis(5)));
        assert!(!is_due(Millis(6), Millis(5)));
        assert_eq!(state_at_creation(false, true), RunState::Running);
        assert_eq!(state_at_creation(false, false), RunState::Queued);
        assert_eq!(state_at_creation(true, true), RunState::Queued);
    }

    #[test]
    fn a_dag_names_the_kinds_of_run_that_it_allows() {
        assert!(permits(&[], RunType::Backfill));
        assert!(permits(&[RunType::Scheduled], RunType::Scheduled));
        assert!(!permits(&[RunType::Scheduled], RunType::Manual));
    }

    #[test]
    fn failures_in_a_row_pause_a_dag() {
        use RunState::{Failed, Running, Success};
        assert!(pauses(2, &[Failed, Failed]));
        assert!(pauses(2, &[Failed, Failed, Success]));
        assert!(!pauses(2, &[Failed, Success, Failed]));
        assert!(!pauses(2, &[Running, Failed, Failed]));
        assert!(!pauses(2, &[Failed]));
        assert!(!pauses(0, &[Failed, Failed]));
    }
}
