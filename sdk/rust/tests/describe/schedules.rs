//! Every way a DAG can run by itself.

use flow_sdk::partition::{Period, Window};
use flow_sdk::prelude::*;
use flow_sdk::runtime::next;
use flow_sdk::schedule::Weekday;
use flow_sdk::{Dag, Restriction};

use crate::snapshot;

#[task]
fn work() {}

#[timetable]
fn every_few_days(query: &TimetableQuery, days: u64, from: Option<Timestamp>) -> Option<NextRun> {
    let start = query.last.map_or(from.or(query.restriction.earliest)?, |last| last.end);
    Some(NextRun::interval(start, start + Duration::from_hours(24 * days)))
}

#[timetable]
fn never() -> Result<Option<NextRun>> {
    Ok(None)
}

const TEN_DAYS: Duration = Duration::from_hours(240);

#[dag(
    schedule = schedule::cron(["0 6 * * 1-5", "0 9 * * 6"]).covering(Duration::from_hours(1)),
    timezone = "Europe/Amsterdam"
)]
fn several() {
    work();
}

#[dag(schedule = schedule::data_interval("@daily"), timezone = "Asia/Tokyo", start_date = "2026-01-01T00:00:00+09:00")]
fn day_by_day() {
    work();
}

#[dag(schedule = schedule::data_interval(Duration::from_hours(6)))]
fn quarter_days() {
    work();
}

#[dag(every = TEN_DAYS)]
fn seldom() {
    work();
}

#[dag(schedule = schedule::events([Timestamp::from_millis(0), Timestamp::from_millis(1_798_761_600_000)]))]
fn at_events() {
    work();
}

#[dag(schedule = schedule::events([Timestamp::from_millis(0)]).restrict_to_events())]
fn at_one_event() {
    work();
}

#[dag(schedule = schedule::calendar().months(1).day(31), start_date = "2026-01-31")]
fn month_by_month() {
    work();
}

#[dag(schedule = schedule::data_interval(schedule::calendar().weeks(2).weekday(Weekday::Friday, 1)))]
fn every_other_friday() {
    work();
}

#[dag(schedule = schedule::Schedule::from("@daily").run_immediately(Duration::from_hours(1)))]
fn soon() {
    work();
}

#[dag(schedule = schedule::once())]
fn once() {
    work();
}

#[dag(schedule = schedule::continuous(), max_active_runs = 1)]
fn continuous() {
    work();
}

#[dag(schedule = asset("orders").uri("s3://lake/orders") & (asset("prices") | alias("late")) & flow_sdk::asset_at("s3://x"))]
fn with_assets() {
    work();
}

#[dag(schedule = schedule::either(asset("orders"), "@weekly"), timezone = "Europe/Amsterdam")]
fn at_least_weekly() {
    work();
}

#[dag(schedule = every_few_days(3, None), start_date = "2026-01-01", catchup)]
fn in_code() {
    work();
}

#[dag(schedule = never())]
fn in_code_without_params() {
    work();
}

#[dag(schedule = schedule::partitioned(asset("orders") & asset("prices"), None)
    .mapper("orders", partition::start_of(Period::Day).timezone("Europe/Amsterdam").rollup_of(Window::of(Period::Day), -1))
    .mapper("prices", partition::chain([partition::allowed(["eu", "us"]), partition::fixed("all")])))]
fn in_parts() {
    work();
}

#[dag(schedule = schedule::partitioned(
    asset("regions"),
    partition::product([partition::identity(), partition::start_of(Period::Month).input_format("%Y-%m-%d")])
))]
fn in_parts_of_parts() {
    work();
}

#[dag(schedule = schedule::partitioned(asset("weeks"), partition::start_of(Period::Week).fan_out(Window::until(Period::Week))))]
fn in_more_parts() {
    work();
}

#[dag(schedule = "0 6 * * *")]
fn plain() {
    work();
}

#[dag(schedule = "@hourly", timezone = "Europe/Amsterdam")]
fn with_preset() {
    work();
}

#[test]
fn schedules_say_when() {
    let dags: [fn() -> Result<Dag>; 20] = [
        plain,
        with_preset,
        several,
        day_by_day,
        quarter_days,
        seldom,
        at_events,
        at_one_event,
        month_by_month,
        every_other_friday,
        soon,
        once,
        continuous,
        with_assets,
        at_least_weekly,
        in_code,
        in_code_without_params,
        in_parts,
        in_parts_of_parts,
        in_more_parts,
    ];
    snapshot("schedules", dags.map(|dag| dag()));
}

#[test]
fn a_timetable_is_asked_by_its_name() {
    let start = Timestamp::from_millis(0);
    let query =
        TimetableQuery { last: None, restriction: Restriction { earliest: Some(start), latest: None, catchup: true } };
    let name = format!("{}::every_few_days", module_path!());
    let first = next(&name, r#"{"days": 2}"#, &query).expect("it answers").expect("there is a run");
    assert_eq!(first, NextRun::interval(start, start + Duration::from_hours(48)));
    let then = TimetableQuery { last: Some(first.data_interval), ..query };
    let second = next(&name, r#"{"days": 2, "from": "2026-01-01T00:00:00Z"}"#, &then).expect("it answers");
    assert_eq!(second.map(|run| run.data_interval.start), Some(first.data_interval.end));
    assert_eq!(next(&format!("{}::never", module_path!()), "null", &query), Ok(None));
}
