//! Who may run next among those that wait for something of which there is only so much.
//!
//! The instances of one task in one run are alike to every limit that they are under, so they are counted, not listed: such
//! a group is a [`Lane`]. [`admit`] looks at the lanes in the order of their [`Rank`] and takes from each as many instances
//! as fit; one that does not fit is passed over and holds up nobody behind it (Airflow's filters against starvation).

use std::cmp::Reverse;

use crate::run::RunType;
use crate::time::Millis;

mod limit;
mod obstacle;
mod standing;

pub use limit::{DEFAULT_POOL, Limit, LimitKey, is_default_pool, limits_of, pools_of};
pub use obstacle::{Obstacle, obstacles};
pub use standing::{Standing, Standings};

/// Whose turn it is among lanes that wait for the same: the lesser first (Airflow's `-priority_weight, logical_date`).
/// Backfills come after everything else, whatever their weight, so that they never hold up scheduled runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// Whether its run is of a backfill.
    pub is_backfill: bool,
    /// The weight of its task.
    pub priority: Reverse<i32>,
    /// What its run stands for; of a run that stands for no date, when it was due.
    pub date: Millis,
}

impl Rank {
    /// The same order among what waits for a worker, as one number: the higher first.
    pub fn priority_of_claim(self) -> i64 {
        // More than any two weights are apart.
        const BACKFILL: i64 = 1 << 33;
        i64::from(self.priority.0) - if self.is_backfill { BACKFILL } else { 0 }
    }

    /// The rank of a task with this weight in such a run.
    pub fn of(priority: i32, run_type: RunType, logical_date: Option<Millis>, run_after: Millis) -> Self {
        let is_backfill = match run_type {
            RunType::Backfill => true,
            RunType::Manual
            | RunType::Scheduled
            | RunType::OperatorTriggered
            | RunType::AssetTriggered
            | RunType::AssetMaterialization => false,
        };
        Self { is_backfill, priority: Reverse(priority), date: logical_date.unwrap_or(run_after) }
    }
}

/// How much there is of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// As much as anybody wants.
    Endless,
    /// So much.
    Slots(u64),
    /// The pool does not exist.
    Missing,
}

impl Room {
    /// The room of a pool: -1 slots are endless.
    pub fn of_pool(slots: i64) -> Self {
        u64::try_from(slots).map_or(Self::Endless, Self::Slots)
    }

    /// How many instances of this weight fit where so much is taken already.
    fn fits(self, taken: u64, weight: u64) -> u64 {
        match self {
            Self::Endless => u64::MAX,
            Self::Slots(slots) => slots.saturating_sub(taken) / weight.max(1),
            Self::Missing => 0,
        }
    }

    /// Whether there is nothing left where so much is taken.
    pub fn is_full(self, taken: u64) -> bool {
        self.fits(taken, 1) == 0
    }
}

/// What each instance of a lane takes of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Which limit, by its place in the list of what is taken.
    pub limit: usize,
    /// How much an instance takes.
    pub weight: u64,
    /// How much there may be in all.
    pub room: Room,
}

/// Instances of one task in one run that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its place in line.
    pub rank: Rank,
    /// How many instances wait.
    pub waiting: u32,
    /// What each of them needs.
    pub needs: Vec<Need>,
}

impl Lane {
    fn fits(&self, taken: &[u64]) -> bool {
        self.needs.iter().all(|need| need.room.fits(taken[need.limit], need.weight) > 0)
    }

    fn take(&self, taken: &mut [u64]) {
        for need in &self.needs {
            taken[need.limit] = taken[need.limit].saturating_add(need.weight);
        }
    }
}

/// How many instances of each lane may begin. `taken` is what is taken of each limit, before and after. Lanes of equal rank
/// take turns, which is Airflow's order by map index.
pub fn admit(lanes: &[Lane], taken: &mut [u64]) -> Vec<u32> {
    let mut admitted = vec![0; lanes.len()];
    let mut order: Vec<usize> = (0..lanes.len()).collect();
    order.sort_by_key(|&at| lanes[at].rank);
    for alike in order.chunk_by(|&a, &b| lanes[a].rank == lanes[b].rank) {
        let mut open = alike.to_vec();
        while !open.is_empty() {
            open.retain(|&at| {
                let fits = admitted[at] < lanes[at].waiting && lanes[at].fits(taken);
                if fits {
                    lanes[at].take(taken);
                    admitted[at] += 1;
                }
                fits
            });
        }
    }
    admitted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(priority: i32, date: i64) -> Rank {
        Rank::of(priority, RunType::Scheduled, Some(Millis(date)), Millis(0))
    }

    /// A lane under the limits 0, 1, … with this weight and room each.
    fn lane(rank: Rank, waiting: u32, needs: &[(usize, u64, Room)]) -> Lane {
        let needs = needs.iter().map(|&(limit, weight, room)| Need { limit, weight, room }).collect();
        Lane { rank, waiting, needs }
    }

    const THREE: Room = Room::Slots(3);

    #[test]
    fn the_weightier_come_first_then_the_earlier() {
        let lanes = [
            lane(rank(1, 10), 5, &[(0, 1, THREE)]),
            lane(rank(2, 20), 1, &[(0, 1, THREE)]),
            lane(rank(1, 5), 1, &[(0, 1, THREE)]),
        ];
        assert_eq!(admit(&lanes, &mut [0]), [1, 1, 1]);
        assert_eq!(admit(&lanes, &mut [1]), [0, 1, 1]);
        assert_eq!(admit(&lanes, &mut [2]), [0, 1, 0]);
        assert_eq!(admit(&lanes, &mut [3]), [0, 0, 0]);
    }

    #[test]
    fn equals_take_turns() {
        let lanes = [lane(rank(1, 1), 3, &[(0, 1, THREE)]), lane(rank(1, 1), 3, &[(0, 1, THREE)])];
        assert_eq!(admit(&lanes, &mut [0]), [2, 1]);
    }

    #[test]
    fn who_does_not_fit_holds_up_nobody() {
        let wide = lane(rank(9, 1), 1, &[(0, 4, THREE)]);
        let held = lane(rank(8, 1), 2, &[(0, 1, THREE), (1, 1, Room::Slots(0))]);
        let lost = lane(rank(7, 1), 2, &[(2, 1, Room::Missing)]);
        let fits = lane(rank(1, 1), 5, &[(0, 1, THREE)]);
        let mut taken = [0, 0, 0];
        assert_eq!(admit(&[wide, held, lost, fits], &mut taken), [0, 0, 0, 3]);
        assert_eq!(taken, [3, 0, 0]);
    }

    #[test]
    fn a_lane_may_know_another_bound_than_its_neighbour() {
        let narrow = lane(rank(2, 1), 5, &[(0, 1, Room::Slots(1))]);
        let broad = lane(rank(1, 1), 5, &[(0, 1, THREE)]);
        assert_eq!(admit(&[narrow, broad], &mut [0]), [1, 2]);
    }

    #[test]
    fn endless_room_takes_everybody() {
        let all = lane(rank(1, 1), 10_000, &[(0, 7, Room::of_pool(-1))]);
        assert_eq!(admit(&[all], &mut [u64::MAX - 3]), [10_000]);
    }

    #[test]
    fn backfills_come_last_whatever_their_weight() {
        let backfill = Rank::of(1_000, RunType::Backfill, Some(Millis(1)), Millis(1));
        assert!(backfill.priority_of_claim() < rank(i32::MIN, 9).priority_of_claim());
        let lanes = [lane(backfill, 2, &[(0, 1, THREE)]), lane(rank(1, 99), 2, &[(0, 1, THREE)])];
        assert_eq!(admit(&lanes, &mut [0]), [1, 2]);
    }

    #[test]
    fn a_run_without_a_date_ranks_by_when_it_was_due() {
        let undated = Rank::of(1, RunType::Manual, None, Millis(7));
        assert!(rank(1, 6) < undated && undated < rank(1, 8));
    }
}
