//! What holds of admission whatever waits: nothing is given twice, and nothing that fits is left over.

use flow_model::admission::LimitKey;
use flow_model::admission::{Lane, Need, Rank, Room, admit, obstacles};
use flow_model::run::RunType;
use flow_model::time::Millis;
use proptest::prelude::*;

const LIMITS: usize = 4;

fn room() -> impl Strategy<Value = Room> {
    prop_oneof![6 => (0..12u64).prop_map(Room::Slots), 1 => Just(Room::Endless), 1 => Just(Room::Missing)]
}

fn needs(rooms: Vec<Room>) -> impl Strategy<Value = Vec<Need>> {
    let under = proptest::collection::btree_map(0..LIMITS, 1..5u64, 0..LIMITS);
    under.prop_map(move |under| {
        under.into_iter().map(|(limit, weight)| Need { limit, weight, room: rooms[limit] }).collect()
    })
}

fn rank() -> impl Strategy<Value = Rank> {
    let run_type = prop_oneof![Just(RunType::Backfill), Just(RunType::Scheduled), Just(RunType::Manual)];
    (-2..3i32, run_type, proptest::option::of(0..3i64), 0..3i64)
        .prop_map(|(weight, run_type, date, due)| Rank::of(weight, run_type, date.map(Millis), Millis(due)))
}

/// Lanes under the same limits, and what is taken of these.
fn scene() -> impl Strategy<Value = (Vec<Room>, Vec<Lane>, Vec<u64>)> {
    proptest::collection::vec(room(), LIMITS).prop_flat_map(|rooms| {
        let lane =
            (rank(), 0..6u32, needs(rooms.clone())).prop_map(|(rank, waiting, needs)| Lane { rank, waiting, needs });
        (Just(rooms), proptest::collection::vec(lane, 0..12), proptest::collection::vec(0..12u64, LIMITS))
    })
}

fn keys() -> Vec<LimitKey> {
    (0..LIMITS).map(|n| LimitKey::Pool(format!("p{n}").parse().expect("a name"))).collect()
}

proptest! {
    #[test]
    fn nothing_is_given_twice_and_nothing_that_fits_is_left_over((rooms, lanes, before) in scene()) {
        let mut taken = before.clone();
        let admitted = admit(&lanes, &mut taken);
        for (limit, room) in rooms.iter().enumerate() {
            let given: u64 = lanes.iter().zip(&admitted).map(|(lane, &count)| {
                let weight: u64 = lane.needs.iter().filter(|need| need.limit == limit).map(|need| need.weight).sum();
                weight * u64::from(count)
            }).sum();
            prop_assert_eq!(taken[limit], before[limit] + given);
            match room {
                Room::Slots(slots) => prop_assert!(given == 0 || taken[limit] <= *slots, "over-admitted {}", limit),
                Room::Missing => prop_assert_eq!(given, 0),
                Room::Endless => {}
            }
        }
        for (lane, &count) in lanes.iter().zip(&admitted) {
            prop_assert!(count <= lane.waiting);
            prop_assert!(count == lane.waiting || !obstacles(lane, &keys(), &taken).is_empty(), "left over: {lane:?}");
        }
    }

    #[test]
    fn what_comes_behind_takes_nothing_from_what_comes_before((_, lanes, before) in scene()) {
        let whole = admit(&lanes, &mut before.clone());
        let Some(last) = lanes.iter().map(|lane| lane.rank).max() else { return Ok(()) };
        let first: Vec<usize> = (0..lanes.len()).filter(|&at| lanes[at].rank < last).collect();
        let alone: Vec<Lane> = first.iter().map(|&at| lanes[at].clone()).collect();
        let counts: Vec<u32> = first.iter().map(|&at| whole[at]).collect();
        prop_assert_eq!(admit(&alone, &mut before.clone()), counts);
    }

    #[test]
    fn a_second_look_changes_nothing((_, lanes, before) in scene()) {
        let mut taken = before;
        let admitted = admit(&lanes, &mut taken);
        let rest: Vec<Lane> = lanes.iter().zip(&admitted)
            .map(|(lane, &count)| Lane { waiting: lane.waiting - count, ..lane.clone() }).collect();
        prop_assert!(admit(&rest, &mut taken).iter().all(|&count| count == 0));
    }
}
