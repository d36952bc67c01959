//! When a task may run, by the states of its direct upstream tasks.

use serde::{Deserialize, Serialize};

use crate::state::Terminal;

/// Airflow's trigger rules, by Airflow's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// Every upstream succeeded. A failed upstream makes the task `upstream_failed`, a skipped one skips it.
    #[default]
    AllSuccess,
    /// Every upstream failed.
    AllFailed,
    /// Every upstream has ended, however it ended.
    AllDone,
    /// Every upstream has ended, none was skipped, and at least one succeeded.
    AllDoneMinOneSuccess,
    /// That of teardowns: every upstream has ended, and at least one of the setups succeeded, if there are any.
    AllDoneSetupSuccess,
    /// At least one upstream succeeded; it does not wait for the others.
    OneSuccess,
    /// At least one upstream failed; it does not wait for the others.
    OneFailed,
    /// At least one upstream succeeded or failed; it does not wait for the others.
    OneDone,
    /// No upstream failed.
    NoneFailed,
    /// No upstream failed, and at least one succeeded.
    NoneFailedMinOneSuccess,
    /// No upstream was skipped.
    NoneSkipped,
    /// Every upstream was skipped.
    AllSkipped,
    /// At once.
    Always,
}

/// How many direct upstream task instances have ended, by how they ended. One small row answers what would otherwise
/// be a look at every upstream, so that a join of thousands costs one update per finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpstreamCounts {
    /// Succeeded.
    pub success: u32,
    /// Failed.
    pub failed: u32,
    /// Skipped.
    pub skipped: u32,
    /// Whose own upstream failed.
    pub upstream_failed: u32,
}

impl UpstreamCounts {
    /// One more upstream ended like this.
    pub fn count(&mut self, how: Terminal) {
        match how {
            Terminal::Success => self.success += 1,
            Terminal::Failed => self.failed += 1,
            Terminal::Skipped => self.skipped += 1,
            Terminal::UpstreamFailed => self.upstream_failed += 1,
        }
    }

    /// As many more as `growth` says.
    pub fn add(&mut self, growth: Self) {
        self.success += growth.success;
        self.failed += growth.failed;
        self.skipped += growth.skipped;
        self.upstream_failed += growth.upstream_failed;
    }

    /// How many have ended.
    pub fn done(&self) -> u32 {
        self.success + self.failed + self.skipped + self.upstream_failed
    }
}

/// What a trigger rule says about a task whose upstream looks like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It is too early to say.
    Wait,
    /// The task may run.
    Run,
    /// The task will not run and ends like this.
    End(Terminal),
}

impl TriggerRule {
    /// Judges a task with `expected` direct upstream task instances.
    ///
    /// Source: Airflow 3.3, `ti_deps/deps/trigger_rule_dep.py`. With both a failed and a skipped upstream Airflow's
    /// `all_success` depends on which came first; here a failure always wins, so a skip waits for the rest.
    pub fn judge(self, expected: u32, seen: UpstreamCounts) -> Ruling {
        let all_done = seen.done() >= expected;
        match self {
            Self::AllSuccess if seen.failed + seen.upstream_failed > 0 => Ruling::End(Terminal::UpstreamFailed),
            Self::AllSuccess if all_done && seen.skipped > 0 => Ruling::End(Terminal::Skipped),
            _ if all_done => Ruling::Run,
            _ => Ruling::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(success: u32, failed: u32, skipped: u32, upstream_failed: u32) -> UpstreamCounts {
        UpstreamCounts { success, failed, skipped, upstream_failed }
    }

    #[test]
    fn rules_as_a_table() {
        let upstream_failed = Ruling::End(Terminal::UpstreamFailed);
        let skipped = Ruling::End(Terminal::Skipped);
        for (expected, counts, all_success, all_done) in [
            (0, seen(0, 0, 0, 0), Ruling::Run, Ruling::Run),
            (2, seen(1, 0, 0, 0), Ruling::Wait, Ruling::Wait),
            (2, seen(2, 0, 0, 0), Ruling::Run, Ruling::Run),
            (2, seen(0, 1, 0, 0), upstream_failed, Ruling::Wait),
            (2, seen(0, 0, 0, 1), upstream_failed, Ruling::Wait),
            (2, seen(0, 0, 1, 0), Ruling::Wait, Ruling::Wait),
            (2, seen(1, 0, 1, 0), skipped, Ruling::Run),
            (2, seen(0, 1, 1, 0), upstream_failed, Ruling::Run),
            (2, seen(1, 1, 0, 0), upstream_failed, Ruling::Run),
        ] {
            assert_eq!(TriggerRule::AllSuccess.judge(expected, counts), all_success, "all_success of {counts:?}");
            assert_eq!(TriggerRule::AllDone.judge(expected, counts), all_done, "all_done of {counts:?}");
        }
    }
}
