//! `flow-host db`: brings the database up to date and looks after it, while no host uses it or, on PostgreSQL, while some do.

use std::path::PathBuf;
use std::time::Duration;

use crate::data_dir::DataDir;
use crate::database::Database;
use crate::errors::Failure;
use crate::settings::{DATA_DIR, Settings};
use crate::{clock, runtime};

/// Brings the schema up to date.
pub(crate) fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let (database, _dir) = named(settings)?;
    runtime::block_on(async {
        let store = database.open_migrated().await?;
        store.close().await;
        println!("the schema is up to date");
        Ok(())
    })
}

/// Says what is wrong with the database, if anything, and changes nothing.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    let (database, _dir) = named(settings)?;
    if let Database::Embedded(file) = &database
        && !file.exists()
    {
        return Err(Failure::failed(format!("there is no database {}", file.display()))
            .hint("`flow-host serve` or `flow-host db migrate` makes one; --data-dir says where")
            .into());
    }
    runtime::block_on(async {
        database.open_sound().await?.close().await;
        println!("the database is sound and up to date");
        Ok(())
    })
}

/// Removes runs and jobs that ended so many days ago, with all that belongs to them, and tokens that expired then.
pub(crate) fn clean(settings: &Settings, days: u32) -> anyhow::Result<()> {
    let (database, _dir) = named(settings)?;
    let before = clock::clock()().before(Duration::from_hours(24).saturating_mul(days));
    runtime::block_on(async {
        let store = database.open_migrated().await?;
        let cleaned = flow_broker::clean(&store, before).await.map_err(|error| database.explain(&error))?;
        store.close().await;
        println!("removed {} runs that ended before {before}", cleaned.runs);
        Ok(())
    })
}

/// The database that the settings name. An embedded one is ours alone for as long as its directory is held.
fn named(settings: &Settings) -> anyhow::Result<(Database, Option<DataDir>)> {
    if let Some(database) = Database::postgres(settings)? {
        return Ok((database, None));
    }
    let dir = DataDir::open(&settings.get::<PathBuf>(&DATA_DIR)?)?;
    Ok((Database::Embedded(dir.database()), Some(dir)))
}
