//! DAGs that run when data is there.
//!
//! `assets` updates the assets `orders` and `prices`, with the rows and for the day that the run's conf names, such as
//! `{"rows": 3, "day": "2026-01-31"}`. `assets_report` runs when both were updated, `assets_daily` for each day of orders,
//! `assets_weekly` for each week of which two days are there, `assets_any` for new prices and for any file.

use flow_sdk::partition::{Period, Window};
use flow_sdk::prelude::*;

fn orders() -> Asset {
    asset("orders").uri("s3://lake/orders").group("sales")
}

/// Its success updates the asset. What it emits besides goes along.
#[task(outlets(orders()))]
fn load_orders(rows: Option<u32>, day: Option<String>) -> Result {
    let extra = std::collections::BTreeMap::from([("rows", rows.unwrap_or(1))]);
    let event = assets::event("orders").extra(&extra);
    match &day {
        Some(day) => event.partition(day).emit()?,
        None => event.emit()?,
    }
    Ok(())
}

#[task(outlets("prices"))]
fn load_prices() {}

/// Updates an asset that it finds only now, under a name that others can wait for.
#[task(outlets(alias("files")))]
fn find_file() -> Result {
    Ok(assets::event("file_1").alias("files").emit()?)
}

/// Counts the rows of all the updates that its run was made for.
#[task(inlets(orders(), "prices"))]
fn count_rows(context: &Context) -> Result<u64> {
    let events = context.triggering_events()?;
    Ok(events.iter().filter_map(|event| event.extra["rows"].as_u64()).sum())
}

/// The day that its run stands for.
#[task]
fn report_day(context: &Context) -> Option<String> {
    context.partition_key.clone()
}

#[dag(description = "Updates orders and prices", tags("example"))]
fn assets() {
    load_orders(conf("rows"), conf("day"));
    load_prices();
    find_file();
}

#[dag(schedule = orders() & asset("prices"), description = "Runs when both were updated", tags("example"))]
fn assets_report() {
    count_rows();
}

#[dag(schedule = schedule::partitioned(orders(), None), description = "Runs for each day", tags("example"))]
fn assets_daily() {
    report_day();
}

#[dag(schedule = schedule::partitioned(orders(), weeks()), description = "Runs for each week", tags("example"))]
fn assets_weekly() {
    report_day();
}

/// The week that a day lies in, once two of its days are there.
fn weeks() -> partition::Mapper {
    partition::start_of(Period::Week).input_format("%Y-%m-%d").rollup_of(Window::of(Period::Week), 2)
}

#[dag(schedule = alias("files") | asset("prices"), description = "Runs when one was updated", tags("example"))]
fn assets_any() {
    count_rows();
}
