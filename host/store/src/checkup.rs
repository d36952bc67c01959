//! A look at a database before anything relies on it: is its schema this version's, and are its pages sound?

use sqlx::migrate::Migrator;

use crate::dialect::INTEGRITY_SQLITE;
use crate::error::StoreError;
use crate::pool::Store;
use crate::session::{Driver, Session};

/// The schema's history on SQLite.
pub(crate) static MIGRATIONS_SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
/// The schema's history on PostgreSQL.
pub(crate) static MIGRATIONS_POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";

/// What a look at a database found. Empty lists are good news.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkup {
    /// Changes of the schema that are still to be made, by name.
    pub pending: Vec<String>,
    /// Changes that a newer version has made, by number.
    pub unknown: Vec<i64>,
    /// Damage to the database's file.
    pub damage: Vec<String>,
}

impl Store {
    /// Looks, and changes nothing.
    pub async fn check_up(&self) -> Result<Checkup, StoreError> {
        let mut db = self.read().await?;
        let history = if self.is_shared() { &MIGRATIONS_POSTGRES } else { &MIGRATIONS_SQLITE };
        let applied = applied(&mut db).await?;
        let known: Vec<i64> = history.iter().map(|migration| migration.version).collect();
        let is_pending = |version: &i64| !applied.contains(version);
        Ok(Checkup {
            pending: history
                .iter()
                .filter(|migration| is_pending(&migration.version))
                .map(|migration| format!("{:04} {}", migration.version, migration.description))
                .collect(),
            unknown: applied.iter().copied().filter(|version| !known.contains(version)).collect(),
            damage: damage(&mut db).await?,
        })
    }
}

async fn applied(db: &mut Session) -> Result<Vec<i64>, StoreError> {
    match on!(db, c => sqlx::query_scalar(APPLIED).fetch_all(&mut *c).await) {
        // A new database has not even the table that says what was applied.
        Err(sqlx::Error::Database(error)) if error.message().contains("_sqlx_migrations") => Ok(Vec::new()),
        answer => Ok(answer?),
    }
}

async fn damage(db: &mut Session) -> Result<Vec<String>, StoreError> {
    let found: Vec<String> = match db.driver() {
        Driver::Sqlite(c) => sqlx::query_scalar(INTEGRITY_SQLITE).fetch_all(c).await?,
        Driver::Postgres(_) => Vec::new(),
    };
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}
