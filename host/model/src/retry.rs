//! How long a failed task waits before its next try.
//!
//! Source: Airflow 3.3, `TaskInstance.next_retry_datetime`. The jitter is a hash of what names the try, so that it comes out
//! the same wherever and however often it is computed.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use sha1::{Digest, Sha1};

use crate::ids::{DagId, TaskId};
use crate::time::Millis;

/// The longest pause that exponential backoff leads to, in seconds.
pub const MAX_BACKOFF_SECONDS: u32 = 86_400;

/// What a task says of the pause between its tries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryDelay {
    /// The pause, or what the pauses grow from, in milliseconds.
    pub delay_ms: u64,
    /// What the pause is multiplied by for each further try. 0, 1 and whatever is negative leave it as it is.
    pub backoff: f64,
    /// The longest pause that the multiplier leads to, in milliseconds; 0 is no limit. Without a multiplier it says nothing.
    pub max_delay_ms: Option<u64>,
}

/// The try that failed, as the jitter depends on it.
#[derive(Debug, Clone, Copy)]
pub struct FailedTry<'a> {
    /// The task's DAG.
    pub dag_id: &'a DagId,
    /// The task.
    pub task_id: &'a TaskId,
    /// The run's logical date, if it has one.
    pub logical_date: Option<DateTime<Utc>>,
    /// Which try it was, counted from 1.
    pub try_number: u32,
}

impl RetryDelay {
    /// The pause after `failed`, unless a retry policy has decided on another, which then counts as it is.
    pub fn pause(&self, failed: &FailedTry<'_>, decided: Option<Duration>) -> Duration {
        if let Some(decided) = decided {
            return decided;
        }
        let delay = Duration::from_millis(self.delay_ms);
        if !self.grows() {
            return delay;
        }
        let pause = Duration::from_secs(self.backoff_seconds(delay, failed).into());
        match self.max_delay_ms {
            Some(max) if max > 0 => pause.min(Duration::from_millis(max)),
            Some(_) | None => pause,
        }
    }

    /// Whether there is exponential backoff. A multiplier below 1 is one too: its pauses shrink.
    #[expect(clippy::float_cmp, reason = "1 as it was written means no backoff; 1.0001 is a multiplier")]
    fn grows(&self) -> bool {
        self.backoff > 0.0 && self.backoff != 1.0
    }

    /// `b` and its jitter, which is between 0 and `b`, for `b = delay * backoff ^ (try_number - 1)` in whole seconds.
    fn backoff_seconds(&self, delay: Duration, failed: &FailedTry<'_>) -> u32 {
        let factor = self.backoff.powf(f64::from(failed.try_number.saturating_sub(1)));
        let base = (delay.as_secs_f64() * factor).ceil();
        // The jitter only adds. The limit is also what an overflow comes to, and a delay of zero times infinity.
        if !factor.is_finite() || base >= f64::from(MAX_BACKOFF_SECONDS) {
            return MAX_BACKOFF_SECONDS;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the limit")]
        let base = (base as u32).max(1);
        (base + failed.jitter(base)).min(MAX_BACKOFF_SECONDS)
    }
}

impl FailedTry<'_> {
    /// The SHA-1 of the try's name, a number of 160 bits, modulo `base`.
    fn jitter(&self, base: u32) -> u32 {
        let digest = Sha1::digest(self.name());
        let modulus = u64::from(base);
        let rest = digest.iter().fold(0, |rest, &byte| (rest * 256 + u64::from(byte)) % modulus);
        u32::try_from(rest).unwrap_or(0)
    }

    /// Airflow's name for the try. The logical date is in Python's spelling: a space, and microseconds only if there are any.
    fn name(&self) -> String {
        let date = self.logical_date.map_or_else(|| "None".to_owned(), python_spelling);
        format!("{}#{}#{date}#{}", self.dag_id, self.task_id, self.try_number)
    }
}

fn python_spelling(instant: DateTime<Utc>) -> String {
    let precision = if instant.timestamp_subsec_micros() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    instant.to_rfc3339_opts(precision, false).replacen('T', " ", 1)
}

/// When a task that failed at `end` is tried again.
pub fn next_retry(end: Millis, delay: &RetryDelay, failed: &FailedTry<'_>, decided: Option<Duration>) -> Millis {
    end.after(delay.pause(failed, decided))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(delay: RetryDelay, try_number: u32) -> Duration {
        let (dag_id, task_id) = ("d".parse().expect("a DAG id"), "t".parse().expect("a task id"));
        delay.pause(&FailedTry { dag_id: &dag_id, task_id: &task_id, logical_date: None, try_number }, None)
    }

    #[test]
    fn no_pause_is_endless_and_none_is_missing() {
        let huge = RetryDelay { delay_ms: u64::MAX, backoff: f64::MAX, max_delay_ms: None };
        assert_eq!(pause(huge, u32::MAX), Duration::from_hours(24));
        let nothing = RetryDelay { delay_ms: 0, ..huge };
        assert_eq!(pause(nothing, 3), Duration::from_hours(24), "zero times infinity, as Airflow has it");
        assert_eq!(pause(RetryDelay { backoff: 2.0, ..nothing }, 3), Duration::from_secs(1));
        assert_eq!(pause(RetryDelay { backoff: f64::NAN, ..nothing }, 3), Duration::ZERO);
    }

    #[test]
    fn without_backoff_no_limit_applies() {
        let week = 7 * 86_400_000;
        for backoff in [0.0, 1.0, -2.0] {
            let delay = RetryDelay { delay_ms: week, backoff, max_delay_ms: Some(1_000) };
            assert_eq!(pause(delay, 9), Duration::from_millis(week));
        }
    }

    #[test]
    fn a_policy_has_the_last_word() {
        let delay = RetryDelay { delay_ms: 1_000, backoff: 2.0, max_delay_ms: Some(1) };
        let (dag_id, task_id) = ("d".parse().expect("a DAG id"), "t".parse().expect("a task id"));
        let failed = FailedTry { dag_id: &dag_id, task_id: &task_id, logical_date: None, try_number: 1 };
        let decided = Duration::from_hours(48);
        assert_eq!(next_retry(Millis(5), &delay, &failed, Some(decided)), Millis(5).after(decided));
    }
}
