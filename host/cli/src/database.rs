//! The database that the settings name, opened, or a failure that says which one and what to look at.

use std::path::PathBuf;

use flow_store::{Checkup, Store, StoreConfig, StoreError};

use crate::errors::Failure;
use crate::settings::{DATABASE_CONNECTIONS, DATABASE_URL, DatabaseUrl, Settings};

/// Where the metadata lives.
pub(crate) enum Database {
    /// In the data directory.
    Embedded(PathBuf),
    /// On a PostgreSQL server.
    Postgres {
        /// Its address.
        url: DatabaseUrl,
        /// How many connections to keep to it at most.
        connections: u32,
    },
}

impl Database {
    /// The PostgreSQL server that the settings name, if they name one.
    pub(crate) fn postgres(settings: &Settings) -> Result<Option<Self>, Failure> {
        let Some(url) = settings.find(&DATABASE_URL)? else { return Ok(None) };
        Ok(Some(Self::Postgres { url, connections: settings.get(&DATABASE_CONNECTIONS)? }))
    }

    /// Connects to it.
    pub(crate) async fn open(&self) -> Result<Store, Failure> {
        let config = match self {
            Self::Embedded(file) => StoreConfig::Sqlite(file.clone()),
            Self::Postgres { url, connections } => {
                StoreConfig::Postgres { url: url.0.clone(), connections: *connections }
            }
        };
        Store::open(config).await.map_err(|error| self.explain(&error))
    }

    /// Connects to it and brings its schema up to date.
    pub(crate) async fn open_migrated(&self) -> Result<Store, Failure> {
        let store = self.open().await?;
        store.migrate().await.map_err(|error| self.explain(&error))?;
        Ok(store)
    }

    /// Connects to it and sees that it is sound and that its schema is this version's.
    pub(crate) async fn open_sound(&self) -> Result<Store, Failure> {
        let store = self.open().await?;
        let found = store.check_up().await.map_err(|error| self.explain(&error))?;
        verdict(&found).map(|()| store)
    }

    /// What the user can do about an error of the store.
    pub(crate) fn explain(&self, error: &StoreError) -> Failure {
        match self {
            Self::Embedded(file) => Failure::failed(format!("the database {}: {error}", file.display()))
                .hint("see that the file can be written and that its disk has room"),
            // The address may hold a password, so it is not shown.
            Self::Postgres { .. } => Failure::unreachable(format!("the database of `database_url`: {error}"))
                .hint("see that the server is up and that address, user and password are right"),
        }
    }
}

fn verdict(found: &Checkup) -> Result<(), Failure> {
    let Checkup { pending, unknown, damage } = found;
    if !damage.is_empty() {
        return Err(
            Failure::failed(format!("the database is damaged: {}", damage.join("; "))).hint("restore it from a backup")
        );
    }
    if !unknown.is_empty() {
        return Err(Failure::failed("the database belongs to a newer version of flow-host")
            .hint("use that version, or restore a backup from before"));
    }
    if !pending.is_empty() {
        return Err(Failure::failed(format!("the schema is not up to date: {}", pending.join(", ")))
            .hint("run `flow-host db migrate`"));
    }
    Ok(())
}
