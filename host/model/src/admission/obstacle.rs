//! Why instances of a lane do not begin, in words for people.

use std::fmt;

use super::limit::LimitKey;
use super::{Lane, Room};

/// One limit that leaves no room for an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Which limit.
    pub key: LimitKey,
    /// How much of it an instance takes.
    pub weight: u64,
    /// How much there may be in all.
    pub room: Room,
    /// How much of it is taken.
    pub taken: u64,
}

impl Obstacle {
    /// Whether no end of any other instance will ever make room.
    pub fn is_for_ever(&self) -> bool {
        match self.room {
            Room::Endless => false,
            Room::Slots(slots) => self.weight > slots,
            Room::Missing => true,
        }
    }
}

/// The limits that leave no room for an instance of the lane. `keys` and `taken` say for each limit what it is and how much
/// of it is taken.
pub fn obstacles(lane: &Lane, keys: &[LimitKey], taken: &[u64]) -> Vec<Obstacle> {
    let full = lane.needs.iter().filter(|need| need.room.fits(taken[need.limit], need.weight) == 0);
    full.map(|need| Obstacle {
        key: keys[need.limit].clone(),
        weight: need.weight,
        room: need.room,
        taken: taken[need.limit],
    })
    .collect()
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = match self.room {
            Room::Missing => return write!(f, "{} does not exist; create it", Named(&self.key)),
            Room::Endless => u64::MAX,
            Room::Slots(slots) => slots,
        };
        if self.is_for_ever() {
            let takes = if self.weight == 1 { "1 slot".to_owned() } else { format!("{} slots", self.weight) };
            return write!(f, "it takes {takes}, and {} has {slots} in all", Named(&self.key));
        }
        write!(f, "{} is used up: {} of {slots} taken", Named(&self.key), self.taken)
    }
}

/// A limit as people know it.
struct Named<'k>(&'k LimitKey);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            LimitKey::Pool(pool) => write!(f, "pool {:?}", pool.as_str()),
            LimitKey::Run(_) => f.write_str("the DAG's max_active_tasks"),
            LimitKey::Task(..) => f.write_str("the task's max_active_tis_per_dag"),
            LimitKey::TaskInRun(..) => f.write_str("the task's max_active_tis_per_dagrun"),
            LimitKey::GroupInRun(_, group) => write!(f, "max_active_tis of group {:?}", group.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Need, Rank};
    use super::*;
    use crate::run::RunType;
    use crate::time::Millis;

    #[test]
    fn everything_that_stands_in_the_way_is_said() {
        let pool = |name: &str| LimitKey::Pool(name.parse().expect("a name"));
        let task = LimitKey::Task("d".parse().expect("a name"), "t".parse().expect("a name"));
        let keys = [pool("gone"), pool("narrow"), pool("full"), pool("free"), task];
        let need = |limit, weight, room| Need { limit, weight, room };
        let lane = Lane {
            rank: Rank::of(1, RunType::Manual, None, Millis(0)),
            waiting: 1,
            needs: vec![
                need(0, 1, Room::Missing),
                need(1, 5, Room::Slots(3)),
                need(2, 2, Room::Slots(3)),
                need(3, 2, Room::Slots(3)),
                need(4, 1, Room::Slots(1)),
            ],
        };
        let found = obstacles(&lane, &keys, &[0, 0, 2, 1, 1]);
        let words: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "pool \"gone\" does not exist; create it",
                "it takes 5 slots, and pool \"narrow\" has 3 in all",
                "pool \"full\" is used up: 2 of 3 taken",
                "the task's max_active_tis_per_dag is used up: 1 of 1 taken",
            ]
        );
        assert_eq!(found.iter().map(Obstacle::is_for_ever).collect::<Vec<_>>(), [true, true, false, false]);
    }
}
