//! What must hold for every schedule, every retry and every weight; and what daylight saving time does to a schedule.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use flow_model::graph::Graph;
use flow_model::priority;
use flow_model::retry::{FailedTry, RetryDelay};
use flow_model::schedule::ScheduleSpec;
use flow_model::time::Millis;
use flow_model::timetable::{NextRun, Restriction, Schedule};
use proptest::prelude::*;
use serde_json::{Value, json};

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Amsterdam",
    "Europe/Dublin",
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
];

fn schedule(json: Value) -> Schedule {
    let spec: ScheduleSpec = serde_json::from_value(json).expect("a schedule");
    Schedule::parse(&spec).expect("a sound schedule")
}

/// The runs from `begin` on, all of them made up for.
fn runs(schedule: &Schedule, begin: Millis, count: usize) -> Vec<NextRun> {
    let limits = Restriction { earliest: Some(begin), latest: None, catchup: true };
    schedule.preview(None, limits, begin, count)
}

fn times(expression: &str, zone: &str, begin: &str, count: usize) -> Vec<String> {
    let schedule = schedule(json!({"cron": {"expression": expression, "timezone": zone}}));
    let begin = begin.parse().expect("an instant");
    runs(&schedule, begin, count).iter().map(|run| run.run_after.to_string()).collect()
}

#[test]
fn a_time_in_the_spring_gap_moves_by_the_gap() {
    let found = times("30 2 * * *", "Europe/Amsterdam", "2024-03-30T00:00:00Z", 3);
    assert_eq!(found, ["2024-03-30T01:30:00Z", "2024-03-31T01:30:00Z", "2024-04-01T00:30:00Z"]);
}

#[test]
fn an_ambiguous_time_comes_once_and_late() {
    let found = times("30 2 * * *", "Europe/Amsterdam", "2024-10-26T00:00:00Z", 3);
    assert_eq!(found, ["2024-10-26T00:30:00Z", "2024-10-27T01:30:00Z", "2024-10-28T01:30:00Z"]);
}

#[test]
fn only_every_hour_comes_in_both_folds() {
    let in_fold = |expression| times(expression, "Europe/Amsterdam", "2024-10-26T23:30:00Z", 3);
    assert_eq!(in_fold("0 * * * *"), ["2024-10-27T00:00:00Z", "2024-10-27T01:00:00Z", "2024-10-27T02:00:00Z"]);
    assert_eq!(in_fold("0 0-23 * * *"), in_fold("0 * * * *"), "all hours are every hour");
    assert_eq!(in_fold("0 1-3 * * *"), ["2024-10-27T01:00:00Z", "2024-10-27T02:00:00Z", "2024-10-28T00:00:00Z"]);
    assert_eq!(in_fold("0 */2 * * *"), ["2024-10-27T01:00:00Z", "2024-10-27T03:00:00Z", "2024-10-27T05:00:00Z"]);
}

#[test]
fn a_shift_by_half_an_hour_has_half_an_hour_between_runs() {
    let april = times("0 * * * *", "Australia/Lord_Howe", "2024-04-06T13:30:00Z", 4);
    assert_eq!(april, ["2024-04-06T14:00:00Z", "2024-04-06T15:00:00Z", "2024-04-06T15:30:00Z", "2024-04-06T16:30:00Z"]);
    let october = times("0 * * * *", "Australia/Lord_Howe", "2024-10-05T14:15:00Z", 4);
    assert_eq!(
        october,
        ["2024-10-05T14:30:00Z", "2024-10-05T15:30:00Z", "2024-10-05T16:00:00Z", "2024-10-05T17:00:00Z"]
    );
}

#[test]
fn data_intervals_go_on_where_airflow_raises() {
    let hourly =
        schedule(json!({"cron_data_interval": {"expression": "0 * * * *", "timezone": "Australia/Lord_Howe"}}));
    for (begin, shift) in
        [("2024-04-06T13:00:00Z", "2024-04-06T15:30:00Z"), ("2024-10-05T13:00:00Z", "2024-10-05T16:00:00Z")]
    {
        let runs = runs(&hourly, begin.parse().expect("an instant"), 8);
        assert_eq!(runs.len(), 8, "{begin}");
        assert!(runs.iter().any(|run| run.interval.end.to_string() == shift), "{runs:?}");
        assert!(runs.is_sorted_by(|a, b| a.interval.end <= b.interval.start), "no data twice: {runs:?}");
    }
}

#[test]
fn the_words_for_once_and_on_and_on_are_understood() {
    assert_eq!(schedule(json!({"cron": {"expression": "@once"}})), Schedule::Once);
    let limits = Restriction { earliest: None, latest: None, catchup: false };
    let continuous = schedule(json!({"cron": {"expression": "@continuous"}}));
    assert_eq!(continuous.preview(None, limits, Millis(7), 9).len(), 1, "nobody knows when a run ends");
    assert_eq!(continuous.active_runs_limit(), Some(1));
}

#[test]
fn assets_leave_time_to_what_stands_beside_them() {
    let assets = json!({"asset": {"name": "orders"}});
    let limits = Restriction { earliest: None, latest: None, catchup: false };
    let alone = schedule(json!({"assets": {"expression": assets}}));
    assert_eq!((alone.next(None, limits, Millis(0)), alone.is_periodic()), (None, false));
    let daily = json!({"cron": {"expression": "@daily"}});
    let either = schedule(json!({"asset_or_time": {"assets": assets, "timetable": daily}}));
    assert_eq!(either.next(None, limits, Millis(0)), schedule(daily.clone()).next(None, limits, Millis(0)));
    assert!(either.assets().is_some() && either.is_periodic());
    let custom = json!({"custom": {"timetable": "tides"}});
    let either = schedule(json!({"asset_or_time": {"assets": assets, "timetable": custom}}));
    assert!(matches!(either.by_time(), Schedule::Custom { .. }), "the module is still to be asked");
}

#[test]
fn mistakes_say_what_to_do() {
    let message = |json: Value| {
        let spec: ScheduleSpec = serde_json::from_value(json).expect("well-formed");
        Schedule::parse(&spec).expect_err("a mistake").to_string()
    };
    let calendar = |delta: Value| message(json!({"delta": {"every": {"calendar": delta}}}));
    assert!(calendar(json!({"months": 1, "days": -28})).starts_with("\"every 1mo -28d\" is too short"));
    assert!(calendar(json!({"weekday": {"day": "mon"}})).starts_with("\"every on the 1. Mon\" is too short"));
    assert!(calendar(json!({"years": -1})).contains("too short"));
    assert!(calendar(json!({"months": 1, "day": 32})).contains("a day is 1 to 31"));
    let empty = json!({"all": []});
    assert!(message(json!({"assets": {"expression": empty}})).contains("names nothing"));
    let nested = json!({"assets": {"expression": {"alias": "a"}}});
    assert!(
        message(json!({"asset_or_time": {"assets": {"alias": "a"}, "timetable": nested}})).contains("goes by time")
    );
    assert!(message(json!({"multiple_cron": {"expressions": []}})).contains("at least one"));
}

/// A local time of the day as a cron expression.
fn daily(minute: u32) -> String {
    format!("{} {} * * *", minute % 60, minute / 60)
}

fn any_zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ZONES)
}

/// Around 2015 to 2035.
fn any_instant() -> impl Strategy<Value = Millis> {
    (1_420_000_000_000_i64..2_050_000_000_000).prop_map(Millis)
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let minute = prop_oneof![Just("*/20".to_owned()), (0..60).prop_map(|minute: i32| minute.to_string())];
    let hour = prop_oneof![Just("*"), Just("*/2"), Just("1-3"), Just("2"), Just("0-23")];
    let day = prop_oneof![Just("* * *"), Just("L * *"), Just("* 3,10 *"), Just("1 * sun"), Just("* * 5#2")];
    let cron = (minute, hour, day, any_zone(), any::<bool>()).prop_map(|(minute, hour, day, zone, intervals)| {
        let kind = if intervals { "cron_data_interval" } else { "cron" };
        json!({kind: {"expression": format!("{minute} {hour} {day}"), "timezone": zone}})
    });
    let delta = prop_oneof![
        (1_000_u64..10_000_000_000).prop_map(|ms| json!({"ms": ms})),
        (0..3, 1..40).prop_map(|(months, days)| json!({"calendar": {"months": months, "days": days}})),
        (1..13, 1..32).prop_map(|(months, day)| json!({"calendar": {"months": months, "day": day}})),
        (1..13, 1..4).prop_map(|(months, nth)| {
            json!({"calendar": {"months": months, "weekday": {"day": "fri", "nth": nth}}})
        }),
    ];
    let delta = (delta, any::<bool>()).prop_map(|(every, intervals)| {
        let kind = if intervals { "delta_data_interval" } else { "delta" };
        json!({kind: {"every": every}})
    });
    prop_oneof![cron, delta].prop_map(schedule)
}

proptest! {
    #[test]
    fn runs_come_one_after_the_other(schedule in any_schedule(), begin in any_instant(), catchup: bool, wait in 0_u64..1_000_000_000) {
        let limits = Restriction { earliest: Some(begin), latest: None, catchup };
        let runs = schedule.preview(None, limits, begin.after(Duration::from_millis(wait)), 30);
        prop_assert_eq!(runs.len(), 30, "there is always another");
        prop_assert!(runs[0].interval.start >= begin || !catchup);
        for pair in runs.windows(2) {
            prop_assert!(pair[0].run_after < pair[1].run_after, "{:?}", pair);
            prop_assert!(pair[0].interval.start < pair[1].interval.start, "{:?}", pair);
            prop_assert!(pair[1].interval.start <= pair[1].interval.end, "{:?}", pair);
        }
    }

    #[test]
    fn what_is_made_up_for_does_not_depend_on_when_one_asks(
        schedule in any_schedule(), begin in any_instant(), later in 0_i64..1_000_000_000_000,
    ) {
        let limits = Restriction { earliest: Some(begin), latest: None, catchup: true };
        let mut last = None;
        for _ in 0..5 {
            let run = schedule.next(last, limits, begin);
            prop_assert_eq!(run, schedule.next(last, limits, Millis(begin.0 + later)));
            last = run.map(|run| run.interval);
        }
    }

    #[test]
    fn daylight_saving_time_loses_no_day_and_repeats_none(zone in any_zone(), begin in any_instant(), minute in 0_u32..1440) {
        let schedule = schedule(json!({"cron": {"expression": daily(minute), "timezone": zone}}));
        let zone: Tz = zone.parse().expect("a zone");
        let day = |at: Millis| -> NaiveDate { at.to_utc().expect("a date").with_timezone(&zone).date_naive() };
        for pair in runs(&schedule, begin, 400).windows(2) {
            prop_assert_eq!(day(pair[0].run_after).succ_opt(), Some(day(pair[1].run_after)), "{:?}", pair);
        }
    }

    #[test]
    fn every_hour_is_an_hour_long_where_clocks_shift_by_hours(begin in any_instant(), minute in 0..60) {
        let begin = Millis(begin.0 - begin.0 % 3_600_000);
        for zone in ["Europe/Amsterdam", "America/New_York", "Africa/Casablanca"] {
            let schedule = schedule(json!({"cron": {"expression": format!("{minute} * * * *"), "timezone": zone}}));
            for (number, run) in runs(&schedule, begin, 100).iter().enumerate() {
                let hours = i64::try_from(number).expect("small") * 3_600_000;
                prop_assert_eq!(run.run_after, Millis(begin.0 + i64::from(minute) * 60_000 + hours));
            }
        }
    }

    #[test]
    fn the_end_date_is_the_end(schedule in any_schedule(), begin in any_instant(), days in 0_i64..40) {
        let latest = Millis(begin.0 + days * 86_400_000);
        let limits = Restriction { earliest: Some(begin), latest: Some(latest), catchup: true };
        for run in schedule.preview(None, limits, begin, 50) {
            prop_assert!(run.interval.start <= latest);
        }
    }

    #[test]
    fn a_pause_is_between_once_and_twice_its_base(
        delay_ms in 0_u64..10_000_000, backoff in 0.1_f64..9.0, try_number in 1_u32..60, date in any_instant(),
    ) {
        let (dag_id, task_id) = ("d".parse().expect("a DAG id"), "t".parse().expect("a task id"));
        let failed = FailedTry { dag_id: &dag_id, task_id: &task_id, logical_date: date.to_utc(), try_number };
        let delay = RetryDelay { delay_ms, backoff, max_delay_ms: None };
        let pause = delay.pause(&failed, None);
        prop_assert_eq!(pause, delay.pause(&failed, None), "asking again changes nothing");
        let exact = Duration::from_millis(delay_ms).as_secs_f64() * backoff.powf(f64::from(try_number - 1));
        let (base, day) = (exact.ceil().max(1.0), 86_400.0);
        prop_assert!(pause.as_secs_f64() >= base.min(day) && pause.as_secs_f64() <= (2.0 * base).min(day));
        let limited = RetryDelay { max_delay_ms: Some(5_000), ..delay };
        prop_assert_eq!(limited.pause(&failed, None), pause.min(Duration::from_secs(5)));
    }

    #[test]
    fn a_weight_is_the_sum_over_all_that_is_reached(
        edges in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..40),
        own in prop::collection::vec(any::<i16>(), 40), up: bool,
    ) {
        let tasks: Vec<Value> = edges.iter().enumerate().map(|(at, parents)| {
            let parents: BTreeSet<String> =
                parents.iter().filter(|_| at > 0).map(|parent| format!("t{}", parent.index(at))).collect();
            json!({
                "task_id": format!("t{at}"), "function": "f", "depends_on": parents,
                "priority_weight": own[at], "weight_rule": if up { "upstream" } else { "downstream" },
            })
        }).collect();
        let spec = serde_json::from_value(json!({"dag_id": "d", "tasks": tasks})).expect("a well-formed spec");
        let graph = Graph::build(spec).expect("edges lead back: no cycle");
        let weights = priority::weights(&graph);
        for task in graph.tasks() {
            let reached = if up { graph.upstream_closure(&[task]) } else { graph.downstream_closure(&[task]) };
            let sum: i32 = reached.iter().map(|one| graph.task(*one).priority_weight).sum();
            prop_assert_eq!(weights[task.0 as usize], sum);
        }
    }
}

#[test]
fn a_manual_run_stands_for_what_its_timetable_says() {
    let at: Millis = "2026-11-22T10:30:00Z".parse().expect("an instant");
    let shown = |json: Value| {
        let interval = schedule(json).manual_interval(at);
        (interval.start.to_string(), interval.end.to_string())
    };
    let pair = |start: &str, end: &str| (format!("2026-11-2{start}:00Z"), format!("2026-11-2{end}:00Z"));
    let expression = "0 9 * * *";
    assert_eq!(shown(json!({"cron": {"expression": expression}})), pair("2T10:30", "2T10:30"));
    assert_eq!(
        shown(json!({"cron": {"expression": expression, "interval": {"ms": 3_600_000}}})),
        pair("2T09:30", "2T10:30")
    );
    assert_eq!(shown(json!({"cron_data_interval": {"expression": expression}})), pair("1T09:00", "2T09:00"));
    assert_eq!(shown(json!({"delta_data_interval": {"every": {"ms": 3_600_000}}})), pair("2T09:30", "2T10:30"));
    let events = |restrict: bool| json!({"events": {"at": ["2026-11-23T00:00:00Z", "2026-11-21T00:00:00Z"], "restrict_to_events": restrict}});
    assert_eq!(shown(events(true)), pair("1T00:00", "1T00:00"));
    assert_eq!(shown(events(false)), pair("2T10:30", "2T10:30"));
}

#[test]
fn a_sixth_field_is_for_seconds() {
    let schedule = schedule(json!({"cron": {"expression": "59 23 31 12 * 59", "timezone": "Pacific/Chatham"}}));
    let begin: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().expect("an instant");
    let found = runs(&schedule, begin.into(), 2);
    assert_eq!(found[0].run_after.to_string(), "2026-12-31T10:14:59Z");
    let gap = found[1].run_after.to_utc().expect("a date") - found[0].run_after.to_utc().expect("a date");
    assert_eq!(gap, TimeDelta::days(365));
}
