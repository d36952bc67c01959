//! Whose work is next: start-time fair queuing over tenants.
//!
//! Every piece of work gets a turn when it becomes claimable, and the lowest turn is claimed first. A tenant's turns follow
//! each other one by one; a tenant that had nothing to do begins at the turn that is being handed out, not before it. So
//! tenants with work take turns, and one that queues a hundred thousand tasks delays another by one task, not by all.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::ids::TenantId;

mod hands;

pub use hands::FreeHands;

/// Issues turns. It holds no more than the tenants that have turns ahead of the one being handed out.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    /// The highest turn that was handed to a worker.
    handed: u64,
    /// The highest turn issued to each tenant, where it lies ahead of `handed`.
    last: HashMap<TenantId, u64>,
    /// How many tenants may be remembered before the outdated ones are swept.
    sweep_at: usize,
}

const SWEEP_AT_LEAST: usize = 1_024;

impl Turns {
    /// The next turn of `tenant`.
    pub fn issue(&mut self, tenant: &TenantId) -> u64 {
        if let Some(last) = self.last.get_mut(tenant) {
            *last = self.handed.max(*last + 1);
            return *last;
        }
        self.sweep();
        self.last.insert(tenant.clone(), self.handed);
        self.handed
    }

    /// Work with this turn was handed to a worker, or had been when the queue was last looked at.
    pub fn handed(&mut self, turn: u64) {
        self.handed = self.handed.max(turn);
    }

    /// A turn that was issued to `tenant` earlier and still waits.
    pub fn waiting(&mut self, tenant: &TenantId, turn: u64) {
        let last = self.last.entry(tenant.clone()).or_insert(turn);
        *last = (*last).max(turn);
    }

    /// Forgets tenants whose turns have all been handed out; they would begin anew at `handed` anyway.
    fn sweep(&mut self) {
        if self.last.len() >= self.sweep_at.max(SWEEP_AT_LEAST) {
            let handed = self.handed;
            self.last.retain(|_, last| *last >= handed);
            self.sweep_at = self.last.len() * 2;
        }
    }
}

/// The priority of what is not a task: parsing, looking whether a trigger has fired, asking a timetable, a callback. It is
/// short, somebody waits for it, and it comes before all tasks of its tenant.
pub const URGENT: i64 = 1 << 34;

/// What a tenant's turns are spent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange<I> {
    /// What is claimed, each piece with its turn.
    pub claimed: Vec<(I, u64)>,
    /// What has to wait longer than its turn would have it, each piece with its new turn.
    pub moved: Vec<(I, u64)>,
}

/// Spends the turns of a tenant's work that was `drawn` on the work of that tenant that matters most: `weightiest`, the most
/// important first and no more of it. The tenant gets as many turns as before and at the same time; only its own work
/// changes places.
pub fn exchange<I: Copy + Eq + Hash>(drawn: &[(I, u64)], weightiest: &[(I, u64)]) -> Exchange<I> {
    let drawn_ids: HashSet<I> = drawn.iter().map(|&(id, _)| id).collect();
    let first: HashSet<I> = weightiest.iter().map(|&(id, _)| id).collect();
    // Fewer may be found than were drawn, if others claim at the same time.
    let rest = drawn.iter().map(|&(id, _)| id).filter(|id| !first.contains(id));
    let wanted = weightiest.iter().map(|&(id, _)| id).chain(rest);
    let mut turns: Vec<u64> = drawn.iter().map(|&(_, turn)| turn).collect();
    turns.sort_unstable();
    let claimed: Vec<(I, u64)> = wanted.zip(turns).collect();
    let ids: HashSet<I> = claimed.iter().map(|&(id, _)| id).collect();
    let mut freed: Vec<u64> = weightiest
        .iter()
        .filter(|(id, _)| ids.contains(id) && !drawn_ids.contains(id))
        .map(|&(_, turn)| turn)
        .collect();
    freed.sort_unstable();
    let moved = drawn.iter().map(|&(id, _)| id).filter(|id| !ids.contains(id)).zip(freed).collect();
    Exchange { claimed, moved }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().expect("a valid name")
    }

    #[test]
    fn a_newcomer_does_not_wait_for_a_full_queue() {
        let mut turns = Turns::default();
        let (busy, quiet) = (tenant("busy"), tenant("quiet"));
        let issued: Vec<_> = (0..100_000).map(|_| turns.issue(&busy)).collect();
        turns.handed(issued[10]);
        assert!(turns.issue(&quiet) < issued[12], "the newcomer is at most one task behind");
    }

    #[test]
    fn having_been_busy_is_not_held_against_a_tenant() {
        let mut turns = Turns::default();
        let (busy, quiet) = (tenant("busy"), tenant("quiet"));
        for _ in 0..1_000 {
            let turn = turns.issue(&busy);
            turns.handed(turn);
        }
        let (a, b) = (turns.issue(&busy), turns.issue(&quiet));
        assert!(a.abs_diff(b) <= 1, "{a} and {b} are next to each other");
    }

    #[test]
    fn tenants_alternate() {
        let mut turns = Turns::default();
        let (a, b) = (tenant("a"), tenant("b"));
        let of_a: Vec<_> = (0..5).map(|_| turns.issue(&a)).collect();
        let of_b: Vec<_> = (0..5).map(|_| turns.issue(&b)).collect();
        assert_eq!(of_a, of_b);
    }

    #[test]
    fn what_matters_most_takes_the_turns_of_what_came_first() {
        let spent = exchange(&[("old", 10), ("older", 5)], &[("urgent", 90), ("old", 10)]);
        assert_eq!(spent, Exchange { claimed: vec![("urgent", 5), ("old", 10)], moved: vec![("older", 90)] });
        let same = exchange(&[("a", 1), ("b", 2)], &[("b", 2), ("a", 1)]);
        assert_eq!(same, Exchange { claimed: vec![("b", 1), ("a", 2)], moved: vec![] });
        let fewer = exchange(&[("a", 1), ("b", 2), ("c", 3)], &[("z", 9)]);
        assert_eq!(fewer, Exchange { claimed: vec![("z", 1), ("a", 2), ("b", 3)], moved: vec![("c", 9)] });
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut turns = Turns::default();
        for i in 0..100_000u64 {
            let turn = turns.issue(&tenant(&format!("t{i}")));
            turns.handed(turn + 1);
        }
        assert!(turns.last.len() <= 2 * SWEEP_AT_LEAST);
    }
}
