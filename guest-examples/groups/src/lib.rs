//! Tasks that belong together: a group with a setup and a teardown, one that is tried again as a whole, and one that
//! runs for each region.
//!
//! `{"fail": "query"}` makes the work between setup and teardown fail, `{"fail": "hang"}` makes it take for ever, until
//! somebody ends the run: the teardown runs nevertheless.

use flow_sdk::prelude::*;

/// Makes a scratch database.
#[task]
fn create() -> String {
    "scratch".to_owned()
}

#[task]
fn query(database: String, fail: Option<String>) -> Result<Vec<u32>> {
    match fail.as_deref() {
        Some("query") => Err(Error::fail(format_args!("{database} does not answer"))),
        Some("hang") => loop {
            std::thread::sleep(Duration::from_millis(50));
        },
        _ => Ok(vec![1, 2, 3]),
    }
}

/// Runs whatever became of the query, as long as there is a database to drop.
#[task]
fn drop_database(database: String) -> String {
    format!("dropped {database}")
}

/// Fails for good at its first try. The group around it begins again then.
#[task]
fn unstable(context: &Context) -> Result<u32> {
    if context.try_number == 1 { Err(Error::fail("not the first time")) } else { Ok(context.try_number) }
}

#[task]
fn download(region: String) -> Vec<u32> {
    region.bytes().map(u32::from).collect()
}

#[task]
fn add(rows: Vec<u32>) -> u32 {
    rows.into_iter().sum()
}

#[task]
fn compare(totals: Vec<u32>) -> Option<u32> {
    totals.into_iter().max()
}

#[dag(description = "Groups: nested, tried again, mapped, with setup and teardown", tags("example"))]
fn groups() {
    let work = group("work", || {
        let database = create();
        let rows = group("inner", || query(database, conf("fail")));
        drop_database(database).teardown_of(database).depends_on(rows);
        rows.output
    })
    .tooltip("What happens in the scratch database");
    let again = group("again", unstable).retries(1);
    let totals = group_each("region", ["eu", "us", "asia"], |region| add(download(region)));
    totals.max_active(2).depends_on((work, again));
    compare(totals);
}
