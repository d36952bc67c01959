//! `flow-host db`: brings the database up to date and looks after it, while no host uses it or, on PostgreSQL, while some do.

use std::path::PathBuf;

use crate::data_dir::DataDir;
use crate::database::Database;
use crate::runtime;
use crate::settings::{DATA_DIR, Settings};

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

/// The database that the settings name. An embedded one is ours alone for as long as its directory is held.
fn named(settings: &Settings) -> anyhow::Result<(Database, Option<DataDir>)> {
    if let Some(database) = Database::postgres(settings)? {
        return Ok((database, None));
    }
    let dir = DataDir::open(&settings.get::<PathBuf>(&DATA_DIR)?)?;
    Ok((Database::Embedded(dir.database()), Some(dir)))
}
