//! Schedules, one of them in code: `timetable` runs on the workdays of the first days of 2026, `timetable_weekly` covers
//! a week of that January with each run. Both make up for what they missed, so that they have their runs soon.
//! `timetable_mornings` goes by the clock of Amsterdam, summer and winter.

use flow_sdk::prelude::*;

const DAY: Duration = Duration::from_hours(24);

/// The day of the week, from 0 for Sunday. The first day of 1970 was a Thursday.
fn weekday(instant: Timestamp) -> i64 {
    (instant.as_millis().div_euclid(86_400_000) + 4).rem_euclid(7)
}

fn date(instant: Timestamp) -> String {
    instant.to_string()[..10].to_owned()
}

/// Each day from Monday to Friday that is no holiday, as a run that is due at the end of the day.
#[timetable]
fn workdays(query: &TimetableQuery, holidays: Vec<String>) -> Option<NextRun> {
    let mut day = query.last.map_or(query.restriction.earliest?, |last| last.end);
    while matches!(weekday(day), 0 | 6) || holidays.contains(&date(day)) {
        day = day + DAY;
    }
    let is_over = query.restriction.latest.is_some_and(|latest| day > latest);
    (!is_over).then(|| NextRun::interval(day, day + DAY))
}

/// Which days the run stands for.
#[task]
fn cover(context: &Context) -> Option<String> {
    let (start, end) = context.data_interval_start.zip(context.data_interval_end)?;
    Some(format!("{}/{}", date(start), date(end)))
}

#[dag(
    schedule = workdays(vec!["2026-01-01".to_owned(), "2026-01-06".to_owned()]),
    start_date = "2026-01-01",
    end_date = "2026-01-09",
    catchup,
    tags("example")
)]
fn timetable() {
    cover();
}

#[dag(schedule = schedule::data_interval("@weekly"), start_date = "2026-01-01", end_date = "2026-01-31", catchup)]
fn timetable_weekly() {
    cover();
}

#[dag(schedule = schedule::cron(["0 6 * * 1-5", "0 9 * * 6"]).timezone("Europe/Amsterdam"))]
fn timetable_mornings() {
    cover();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holidays_are_left_out() {
        let mut query = TimetableQuery::default();
        query.restriction.earliest = "2026-01-01T00:00:00Z".parse().ok();
        let first = workdays::body(&query, vec!["2026-01-01".to_owned()]);
        assert_eq!(first.map(|run| date(run.data_interval.start)).as_deref(), Some("2026-01-02"));
    }
}
