//! Free hands: workers that wait while nothing else is queued, and so take what a transaction releases before it ever is.
//!
//! Only if there are hands for all that a plan releases. Where they are too few, turns and priorities decide, as for
//! everything that is queued.

use crate::ids::{JobId, TenantId};
use crate::port::TenantScope;

/// See the module. The default is that nobody waits.
#[derive(Debug, Default)]
pub struct FreeHands(Vec<Hand>);

#[derive(Debug, Clone)]
struct Hand {
    worker: JobId,
    tenants: TenantScope,
    slots: usize,
}

impl FreeHands {
    /// A worker waits with so many free slots.
    pub fn add(&mut self, worker: JobId, tenants: TenantScope, slots: usize) {
        self.0.push(Hand { worker, tenants, slots });
    }

    /// Who takes a task of each of these tenants, spread evenly; nobody if they are too few for all of them.
    pub fn take<'t>(&mut self, tasks: impl ExactSizeIterator<Item = &'t TenantId>) -> Option<Vec<JobId>> {
        let free: usize = self.0.iter().map(|hand| hand.slots).sum();
        if tasks.len() > free {
            return None;
        }
        let mut hands = self.0.clone();
        let mut workers = Vec::with_capacity(tasks.len());
        for tenant in tasks {
            let able = hands.iter_mut().filter(|hand| hand.slots > 0 && hand.tenants.has(tenant));
            let hand = able.max_by_key(|hand| hand.slots)?;
            hand.slots -= 1;
            workers.push(hand.worker);
        }
        self.0 = hands;
        Some(workers)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn hands(of: &[(u128, TenantScope, usize)]) -> FreeHands {
        let mut hands = FreeHands::default();
        for (worker, tenants, slots) in of {
            hands.add(JobId(Uuid::from_u128(*worker)), tenants.clone(), *slots);
        }
        hands
    }

    fn take(hands: &mut FreeHands, tenants: &[&str]) -> Option<Vec<u128>> {
        let tenants: Vec<TenantId> = tenants.iter().map(|name| name.parse().expect("a tenant's name")).collect();
        Some(hands.take(tenants.iter())?.iter().map(|worker| worker.0.as_u128()).collect())
    }

    #[test]
    fn all_or_nothing_is_taken_and_only_by_those_who_may() {
        let only = TenantScope::Only(vec!["acme".parse().expect("a tenant's name")]);
        let mut free = hands(&[(1, only, 2), (2, TenantScope::All, 1)]);
        assert_eq!(take(&mut free, &["acme", "acme", "other", "acme"]), None, "there are three slots");
        assert_eq!(take(&mut free, &["other", "other"]), None, "the first may not have it");
        assert_eq!(take(&mut free, &["other", "acme"]), Some(vec![2, 1]));
        assert_eq!(take(&mut free, &["acme"]), Some(vec![1]), "what nobody took was still there");
        assert_eq!(take(&mut free, &["acme"]), None);
        assert_eq!(take(&mut free, &[]), Some(Vec::new()));
    }
}
