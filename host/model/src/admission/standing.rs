//! What task instances are to the limits that they are under, counted.

use super::limit::LimitKey;
use crate::state::TaskInstanceState;

/// What a task instance is to the limits that it is under. One that has not come so far, or has ended, is nothing to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It could run and waits to be admitted.
    Waiting,
    /// It was admitted and waits for a worker.
    Queued,
    /// A worker runs it.
    Running,
    /// It is deferred: something is waited for, and no worker is held.
    Deferred,
    /// It waits for a person.
    AwaitingInput,
}

impl Standing {
    /// What a task instance in this state is to the limits that it is under.
    pub fn of(state: TaskInstanceState) -> Option<Self> {
        match state {
            TaskInstanceState::Scheduled => Some(Self::Waiting),
            TaskInstanceState::Queued => Some(Self::Queued),
            TaskInstanceState::Running => Some(Self::Running),
            TaskInstanceState::Deferred => Some(Self::Deferred),
            TaskInstanceState::AwaitingInput => Some(Self::AwaitingInput),
            TaskInstanceState::None
            | TaskInstanceState::Restarting
            | TaskInstanceState::UpForRetry
            | TaskInstanceState::UpForReschedule
            | TaskInstanceState::Success
            | TaskInstanceState::Failed
            | TaskInstanceState::Skipped
            | TaskInstanceState::UpstreamFailed
            | TaskInstanceState::Removed => None,
        }
    }
}

/// How many are what: instances, or what they take of a limit. As a change of them it may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standings {
    /// [`Standing::Waiting`]
    pub waiting: i64,
    /// [`Standing::Queued`]
    pub queued: i64,
    /// [`Standing::Running`]
    pub running: i64,
    /// [`Standing::Deferred`]
    pub deferred: i64,
    /// [`Standing::AwaitingInput`]
    pub awaiting_input: i64,
}

impl Standings {
    /// What changes when one instance that was `from` is `to`.
    pub fn step(from: Option<Standing>, to: Option<Standing>) -> Self {
        let mut step = Self::default();
        step.add(from, -1);
        step.add(to, 1);
        step
    }

    /// This many more of one kind.
    pub fn add(&mut self, standing: Option<Standing>, count: i64) {
        match standing {
            None => {}
            Some(Standing::Waiting) => self.waiting += count,
            Some(Standing::Queued) => self.queued += count,
            Some(Standing::Running) => self.running += count,
            Some(Standing::Deferred) => self.deferred += count,
            Some(Standing::AwaitingInput) => self.awaiting_input += count,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            waiting: self.waiting + other.waiting,
            queued: self.queued + other.queued,
            running: self.running + other.running,
            deferred: self.deferred + other.deferred,
            awaiting_input: self.awaiting_input + other.awaiting_input,
        }
    }

    /// Whether some of them take less of a limit than before, read as a change.
    pub fn frees(self) -> bool {
        [self.queued, self.running, self.deferred, self.awaiting_input].iter().any(|&change| change < 0)
    }

    /// How much of a limit that is: a pool gives slots to what is queued or runs, and to what is deferred if it
    /// `includes_deferred`; `max_active_tasks` counts what is queued or runs; the limits of tasks and groups count everything
    /// that has begun and not ended, whatever it waits for.
    pub fn taken(self, key: &LimitKey, includes_deferred: bool) -> u64 {
        let active = self.queued + self.running;
        let taken = match key {
            LimitKey::Pool(_) if includes_deferred => active + self.deferred,
            LimitKey::Pool(_) | LimitKey::Run(_) => active,
            LimitKey::Task(..) | LimitKey::TaskInRun(..) | LimitKey::GroupInRun(..) => {
                active + self.deferred + self.awaiting_input
            }
        };
        u64::try_from(taken).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunKey;

    #[test]
    fn each_limit_counts_its_own() {
        let some = Standings { waiting: 16, queued: 1, running: 2, deferred: 4, awaiting_input: 8 };
        let run = RunKey(uuid::Uuid::nil());
        let pool = LimitKey::Pool("p".parse().expect("a name"));
        let task = LimitKey::TaskInRun(run, "t".parse().expect("a name"));
        assert_eq!((some.taken(&pool, false), some.taken(&pool, true)), (3, 7));
        assert_eq!((some.taken(&LimitKey::Run(run), true), some.taken(&task, false)), (3, 15));
    }

    #[test]
    fn a_step_leaves_one_place_for_another() {
        let step = Standings::step(Some(Standing::Waiting), Some(Standing::Queued));
        assert_eq!(step, Standings { waiting: -1, queued: 1, ..Standings::default() });
        assert_eq!(
            step.and(Standings::step(Some(Standing::Queued), None)),
            Standings { waiting: -1, ..Standings::default() }
        );
        assert_eq!(Standings::step(None, None), Standings::default());
    }
}
