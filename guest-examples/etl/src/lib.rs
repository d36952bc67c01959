//! The main job: four years of daily weather come in with the run's conf, and a report by month of the year goes out.
//!
//! ```text
//! clean ── split ─┬─ january ──┐
//!                 ├─ …         ├─ report ── deliver
//!                 └─ december ─┘
//! ```
//!
//! It uses the variable `temperature_unit` (`celsius` or `fahrenheit`) and the connection `reports`, which says where
//! the report goes. `deliver` loses its connection halfway through its first try; the second one goes on from there.

mod weather;

use flow_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use weather::{Day, Summary, Unit};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// One row of the report.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    month: String,
    #[serde(flatten)]
    summary: Summary,
}

/// What became of a report.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Delivery {
    to: String,
    rows: usize,
    resumed_at_row: usize,
}

/// Reads the CSV and leaves out the days that cannot be true.
#[task]
fn clean(csv: String) -> Result<Vec<Day>> {
    let (days, dropped) = weather::read(&csv);
    if days.is_empty() {
        return Err(Error::fail("the conf's `csv` has no usable row"));
    }
    log::info!(days = days.len(), dropped = dropped, "read the weather");
    Ok(days)
}

/// Hands every month its days, under an XCom key of its own, so that no task receives more than it needs.
#[task]
fn split(days: Vec<Day>) -> Result<usize> {
    for (month, name) in (1..).zip(MONTHS) {
        let of_month: Vec<&Day> = days.iter().filter(|day| day.month() == month).collect();
        xcom::push(name, &of_month)?;
    }
    Ok(days.len())
}

/// Summarises one month. Twelve of these run at the same time.
#[task(uses(variables("temperature_unit")))]
fn aggregate(month: String) -> Result<Row> {
    let days: Vec<Day> = xcom::pull("split", &month)?;
    let unit: Unit = variables::get_or("temperature_unit", "celsius")?.parse()?;
    let summary = Summary::of(&days, unit).ok_or_else(|| Error::fail(format_args!("there is no day in {month}")))?;
    Ok(Row { month, summary })
}

/// Joins the months, which arrive in the order in which the DAG lists them.
#[task]
fn report(rows: Vec<Row>, days: usize) -> Result<Vec<Row>> {
    let counted: usize = rows.iter().map(|row| row.summary.days).sum();
    if counted != days {
        return Err(Error::fail(format_args!("{days} days went in, but {counted} came out")));
    }
    Ok(rows)
}

/// Delivers the report row by row, and remembers how far it came.
#[task(retries = 2, retry_delay = "1s", uses(connections("reports")))]
fn deliver(context: &Context, rows: Vec<Row>) -> Result<Delivery> {
    let connection = connections::get("reports")?;
    let to = weather::address(&connection);
    let start: usize = state::get("delivered")?.unwrap_or(0);
    for (position, row) in rows.iter().enumerate().skip(start) {
        if context.try_number == 1 && position == rows.len() / 2 {
            return Err(Error::new(format_args!("lost the connection to {to} after {position} rows")));
        }
        log::info!(row = row, "delivered {}", row.month);
        state::set("delivered", &(position + 1))?;
        heartbeat((position + 1) as f64 / rows.len() as f64)?;
    }
    Ok(Delivery { to, rows: rows.len(), resumed_at_row: start })
}

#[dag(description = "Four years of weather in Seattle, by month of the year", tags("example", "weather"))]
fn etl() {
    let days = split(clean(conf("csv")));
    let rows = MONTHS.map(|month| aggregate(month).id(month).depends_on(days));
    deliver(report(rows, days));
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = include_str!("../data/seattle-weather.csv");

    #[test]
    fn the_data_set_is_clean_and_covers_every_month() {
        let (days, dropped) = weather::read(CSV);
        assert_eq!((days.len(), dropped), (1461, 0));
        assert!((1..=12).all(|month| days.iter().any(|day| day.month() == month)));
    }

    #[test]
    fn the_conf_holds_the_data_set() {
        let conf: serde_json::Value = serde_json::from_str(include_str!("../conf.json")).expect("the conf is JSON");
        assert_eq!(conf["csv"], CSV);
    }

    #[test]
    fn a_report_accounts_for_every_day() {
        let january = |days| Row { month: "january".to_owned(), summary: Summary { days, ..Summary::default() } };
        assert_eq!(report::body(vec![january(31)], 31), Ok(vec![january(31)]));
        assert!(report::body(vec![january(31)], 32).is_err());
    }

    #[test]
    fn the_dag_fans_out_to_twelve_months_and_joins_them() {
        let dag = serde_json::to_value(etl().expect("the DAG can be drawn")).expect("a DAG serialises");
        assert_eq!(dag["tasks"].as_array().map(Vec::len), Some(16));
        assert_eq!(dag["tasks"][14]["arguments"][0]["outputs"], serde_json::json!(MONTHS));
    }
}
