//! What each rule makes of the counts.

use super::{Expected, TriggerRule, UpstreamCounts};
use crate::state::Terminal;

/// What a trigger rule says about a task whose upstream looks like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// Nothing yet.
    Wait,
    /// It may run.
    Run,
    /// It ends without running.
    End(Terminal),
}

/// Who asks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewpoint {
    /// Its index, if it is an instance of an expanded task.
    pub map_index: Option<u32>,
    /// Whether it stands for all instances of a task of a mapped group, while a task before it in the group is expanded
    /// already. What those have come to is each instance's own question, once there are instances.
    pub stands_for_many: bool,
    /// Whether what has not ended never will.
    pub is_final: bool,
}

impl TriggerRule {
    /// What the rule says when `seen` of `expected` upstream task instances have ended.
    ///
    /// Source: Airflow 3.3, `ti_deps/deps/trigger_rule_dep.py`. Two things differ. `all_success` skips only when everything
    /// upstream has ended, as a failure that is still to come decides otherwise; Airflow lets whichever is first decide. And
    /// what was removed stands in nobody's way; in Airflow only instances of mapped tasks do not wait for it for ever.
    pub fn judge(self, expected: Expected, seen: &UpstreamCounts, from: Viewpoint) -> Ruling {
        if expected.instances == 0 && !from.stands_for_many {
            return Ruling::Run;
        }
        let counts = Counts::new(expected, seen, from);
        match self {
            Self::AllSuccess => counts.all_success(),
            Self::AllFailed => counts.all_failed(),
            Self::AllDone => counts.run_when_done(),
            Self::AllDoneMinOneSuccess => counts.all_done_min_one_success(),
            Self::AllDoneSetupSuccess => counts.all_done_setup_success(),
            Self::OneSuccess => counts.one_success(),
            Self::OneFailed => counts.one(counts.bad),
            Self::OneDone => counts.one(counts.success + counts.seen.failed),
            Self::NoneFailed => counts.none_failed(),
            Self::NoneFailedMinOneSuccess => counts.none_failed_min_one_success(),
            Self::NoneSkipped => counts.none_skipped(),
            Self::AllSkipped => counts.all_skipped(),
            Self::Always => Ruling::Run,
        }
    }
}

const SKIPPED: Ruling = Ruling::End(Terminal::Skipped);
const UPSTREAM_FAILED: Ruling = Ruling::End(Terminal::UpstreamFailed);

struct Counts<'a> {
    seen: &'a UpstreamCounts,
    setups: u32,
    all: u32,
    success: u32,
    skipped: u32,
    /// Failed, or their upstream did.
    bad: u32,
    done: bool,
    from: Viewpoint,
}

impl<'a> Counts<'a> {
    fn new(expected: Expected, seen: &'a UpstreamCounts, from: Viewpoint) -> Self {
        Self {
            seen,
            setups: expected.setups,
            all: expected.instances,
            success: seen.success,
            skipped: seen.skipped,
            bad: seen.failed + seen.upstream_failed,
            done: seen.done() >= expected.instances,
            from,
        }
    }

    fn run_if(met: bool) -> Ruling {
        if met { Ruling::Run } else { Ruling::Wait }
    }

    fn run_when_done(&self) -> Ruling {
        Self::run_if(self.done)
    }

    fn all_success(&self) -> Ruling {
        if self.bad > 0 {
            return UPSTREAM_FAILED;
        }
        if self.skipped > 0 {
            return if self.done || self.from.is_final { SKIPPED } else { Ruling::Wait };
        }
        if self.seen.removed > 0 && self.success > 0 && self.from.map_index.is_some_and(|index| index >= self.success) {
            return Ruling::End(Terminal::Removed);
        }
        Self::run_if(self.all <= self.success + self.seen.removed)
    }

    fn all_failed(&self) -> Ruling {
        if self.success > 0 || self.skipped > 0 {
            return SKIPPED;
        }
        Self::run_if(self.all <= self.bad + self.seen.removed)
    }

    fn all_done_min_one_success(&self) -> Ruling {
        if self.skipped > 0 {
            return SKIPPED;
        }
        if !self.done {
            return Ruling::Wait;
        }
        if self.success > 0 || self.from.stands_for_many { Ruling::Run } else { UPSTREAM_FAILED }
    }

    fn all_done_setup_success(&self) -> Ruling {
        if !self.done || self.setups == 0 {
            return self.run_when_done();
        }
        if self.seen.setup_skipped >= self.setups {
            return SKIPPED;
        }
        if self.seen.setup_success == 0 { UPSTREAM_FAILED } else { Ruling::Run }
    }

    fn one_success(&self) -> Ruling {
        if self.success > 0 {
            return Ruling::Run;
        }
        if !self.done {
            return Ruling::Wait;
        }
        if self.seen.done() == self.skipped { SKIPPED } else { UPSTREAM_FAILED }
    }

    /// Runs when there is one of these, and is skipped when there will not be.
    fn one(&self, wanted: u32) -> Ruling {
        if wanted > 0 {
            return Ruling::Run;
        }
        if self.done { SKIPPED } else { Ruling::Wait }
    }

    fn none_failed(&self) -> Ruling {
        if self.bad > 0 {
            return UPSTREAM_FAILED;
        }
        Self::run_if(self.all <= self.success + self.skipped + self.seen.removed)
    }

    fn none_failed_min_one_success(&self) -> Ruling {
        if self.bad > 0 {
            return UPSTREAM_FAILED;
        }
        if self.from.stands_for_many {
            return self.run_when_done();
        }
        if self.skipped == self.all {
            return SKIPPED;
        }
        if self.done && self.success == 0 {
            return UPSTREAM_FAILED;
        }
        Self::run_if(self.all <= self.success + self.skipped + self.seen.removed)
    }

    fn none_skipped(&self) -> Ruling {
        if self.skipped > 0 {
            return SKIPPED;
        }
        self.run_when_done()
    }

    fn all_skipped(&self) -> Ruling {
        if self.success > 0 || self.bad > 0 {
            return SKIPPED;
        }
        Self::run_if(self.all <= self.skipped + self.seen.removed)
    }
}
