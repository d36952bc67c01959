//! Connections: one writer and several readers on SQLite, a pool on PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgConnection, PgPool, SqlitePool};

use crate::checkup::{MIGRATIONS_POSTGRES, MIGRATIONS_SQLITE};
use crate::dialect::PLANS_POSTGRES;
use crate::error::StoreError;
use crate::session::{Link, Session, Stage, Tx};
use crate::tally::{Counters, Tally};

/// Where the metadata lives.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    /// A SQLite file; it is created if it does not exist.
    Sqlite(PathBuf),
    /// A PostgreSQL server and how many connections to keep to it at most.
    Postgres {
        /// `postgres://user:password@host:port/database`
        url: String,
        /// At least 2.
        connections: u32,
    },
}

/// The metadata store. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Pools,
    counters: Arc<Counters>,
}

#[derive(Debug, Clone)]
enum Pools {
    /// SQLite has one writer: a pool of one keeps writers in line, and readers never wait for them (WAL).
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

const READERS: u32 = 4;
const BUSY: Duration = Duration::from_secs(10);

impl Store {
    /// Connects to the database. It does not migrate; see [`Store::migrate`].
    pub async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let pools = match config {
            StoreConfig::Sqlite(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(BUSY)
                    .statement_cache_capacity(512)
                    .row_buffer_size(1_024)
                    .pragma("temp_store", "memory")
                    .pragma("cache_size", "-16384");
                // A connection to a file does not die of idleness, so nobody asks it whether it lives.
                let pool = || SqlitePoolOptions::new().test_before_acquire(false);
                let writer = pool().max_connections(1).connect_with(options.clone()).await?;
                let readers = pool().max_connections(READERS).connect_lazy_with(options);
                Pools::Sqlite { writer, readers }
            }
            StoreConfig::Postgres { url, connections } => {
                let options: PgConnectOptions = url.parse()?;
                let options =
                    options.statement_cache_capacity(256).application_name("flow-host").options(PLANS_POSTGRES);
                let pool = PgPoolOptions::new().max_connections(connections.max(2)).acquire_timeout(BUSY);
                match pool.connect_with(options.clone()).await {
                    Ok(pool) => Pools::Postgres(pool),
                    Err(sqlx::Error::PoolTimedOut) => return Err(why_unreachable(&options).await),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        Ok(Self { pools, counters: Arc::default() })
    }

    /// Brings the schema up to date; a schema that is up to date is left alone.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => MIGRATIONS_SQLITE.run(writer).await?,
            Pools::Postgres(pool) => MIGRATIONS_POSTGRES.run(pool).await?,
        }
        Ok(())
    }

    /// A connection to read with. Each statement sees what was committed before it.
    pub async fn read(&self) -> Result<Session, StoreError> {
        let link = match &self.pools {
            Pools::Sqlite { readers, .. } => Link::Sqlite(readers.acquire().await?),
            Pools::Postgres(pool) => Link::Postgres(pool.acquire().await?),
        };
        Ok(Session::new(link, Stage::Reading, Arc::clone(&self.counters)))
    }

    /// Begins a writing transaction. Its name appears in traces. The database hears of it with its first statement.
    pub async fn begin(&self, name: &'static str) -> Result<Tx, StoreError> {
        let begun = now_for_tracing();
        let link = match &self.pools {
            Pools::Sqlite { writer, .. } => Link::Sqlite(writer.acquire().await?),
            Pools::Postgres(pool) => Link::Postgres(pool.acquire().await?),
        };
        Ok(Tx::new(Session::new(link, Stage::Unbegun, Arc::clone(&self.counters)), name, begun))
    }

    /// How much it has been asked since it was opened, by this process.
    pub fn tally(&self) -> Tally {
        self.counters.read()
    }

    /// Whether this is PostgreSQL, where other nodes may share the database.
    pub fn is_shared(&self) -> bool {
        match self.pools {
            Pools::Sqlite { .. } => false,
            Pools::Postgres(_) => true,
        }
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// What stands between us and a server that refused connections for as long as the pool was patient: the pool itself
/// says only that it has waited.
async fn why_unreachable(options: &PgConnectOptions) -> StoreError {
    let attempt = tokio::time::timeout(Duration::from_secs(1), PgConnection::connect_with(options));
    match attempt.await {
        Ok(Err(cause)) => cause.into(),
        Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut.into(),
    }
}

/// Durations in traces are not decisions, so they may come from the monotonic clock.
fn now_for_tracing() -> Instant {
    Instant::now()
}
