//! Connections: one writer and several readers on SQLite, a pool on PostgreSQL; sessions and named transactions.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::checkup::{MIGRATIONS_POSTGRES, MIGRATIONS_SQLITE};
use crate::dialect::{BEGIN_POSTGRES, BEGIN_SQLITE, Batch};
use crate::error::StoreError;

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

/// One connection, to read with or within a transaction.
#[derive(Debug)]
pub struct Session(Link);

#[derive(Debug)]
enum Link {
    SqliteRead(PoolConnection<Sqlite>),
    SqliteWrite(Transaction<'static, Sqlite>),
    PostgresRead(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

/// A writing transaction. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub struct Tx {
    session: Session,
    name: &'static str,
    begun: Instant,
}

pub(crate) enum Driver<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
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
                    .statement_cache_capacity(256)
                    .pragma("temp_store", "memory")
                    .pragma("cache_size", "-16384");
                // A connection to a file does not die of idleness, so nobody asks it whether it lives. But where SQLite
                // itself rolls a failed commit back, on a full disk, the driver waits for ever for the end of the
                // transaction: such a connection is replaced.
                let pool = || {
                    SqlitePoolOptions::new()
                        .test_before_acquire(false)
                        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
                };
                let writer = pool().max_connections(1).connect_with(options.clone()).await?;
                let readers = pool().max_connections(READERS).connect_lazy_with(options);
                Pools::Sqlite { writer, readers }
            }
            StoreConfig::Postgres { url, connections } => {
                let options: PgConnectOptions = url.parse()?;
                let options = options.statement_cache_capacity(256).application_name("flow-host");
                let pool = PgPoolOptions::new().max_connections(connections.max(2)).acquire_timeout(BUSY);
                match pool.connect_with(options.clone()).await {
                    Ok(pool) => Pools::Postgres(pool),
                    Err(sqlx::Error::PoolTimedOut) => return Err(why_unreachable(&options).await),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        Ok(Self { pools })
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
        Ok(Session(match &self.pools {
            Pools::Sqlite { readers, .. } => Link::SqliteRead(readers.acquire().await?),
            Pools::Postgres(pool) => Link::PostgresRead(pool.acquire().await?),
        }))
    }

    /// Begins a writing transaction. Its name appears in traces.
    pub async fn begin(&self, name: &'static str) -> Result<Tx, StoreError> {
        let begun = now_for_tracing();
        let session = Session(match &self.pools {
            Pools::Sqlite { writer, .. } => Link::SqliteWrite(writer.begin_with(BEGIN_SQLITE).await?),
            Pools::Postgres(pool) => Link::PostgresWrite(pool.begin_with(BEGIN_POSTGRES).await?),
        });
        Ok(Tx { session, name, begun })
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

impl Session {
    pub(crate) fn driver(&mut self) -> Driver<'_> {
        match &mut self.0 {
            Link::SqliteRead(connection) => Driver::Sqlite(connection),
            Link::SqliteWrite(transaction) => Driver::Sqlite(transaction),
            Link::PostgresRead(connection) => Driver::Postgres(connection),
            Link::PostgresWrite(transaction) => Driver::Postgres(transaction),
        }
    }

    /// The text of a many-row statement for this database.
    pub(crate) fn text(&self, batch: Batch) -> &'static str {
        match self.0 {
            Link::SqliteRead(_) | Link::SqliteWrite(_) => batch.sqlite,
            Link::PostgresRead(_) | Link::PostgresWrite(_) => batch.postgres,
        }
    }
}

impl Tx {
    /// Makes everything since [`Store::begin`] durable, all or nothing.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.session.0 {
            Link::SqliteWrite(transaction) => transaction.commit().await?,
            Link::PostgresWrite(transaction) => transaction.commit().await?,
            Link::SqliteRead(_) | Link::PostgresRead(_) => {}
        }
        tracing::trace!(transaction = self.name, micros = self.begun.elapsed().as_micros(), "committed");
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}
