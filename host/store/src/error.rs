//! What can go wrong between the store and its database.

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row exists already. The name is that of the constraint or of the table.
    #[error("it exists already ({0})")]
    Exists(String),
    /// The database cannot be reached, is busy, full or read-only.
    #[error("the database cannot answer: {0}")]
    Unavailable(String),
    /// A row holds what no version of flow-host writes.
    #[error("the database holds an unexpected value in {column}: {reason}")]
    Inconsistent {
        /// Table and column.
        column: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A list cannot be sorted as was asked.
    #[error("cannot sort by {field:?}; sort by one of: {accepted}")]
    Unsortable {
        /// The field that was asked for.
        field: String,
        /// The fields there are.
        accepted: String,
    },
    /// A statement failed in a way that is a bug of ours.
    #[error("a statement failed: {0}")]
    Statement(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl StoreError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "exists",
            Self::Unavailable(_) => "database-unavailable",
            Self::Inconsistent { .. } => "database-inconsistent",
            Self::Unsortable { .. } => "unsortable",
            Self::Statement(_) => "database-statement",
            Self::Migrate(_) => "database-migration",
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::Exists(database.constraint().or(database.table()).unwrap_or("unique").to_owned())
            }
            sqlx::Error::Database(database) if is_condition_of_the_machine(database.code().as_deref()) => {
                Self::Unavailable(database.message().to_owned())
            }
            sqlx::Error::Io(cause) => Self::Unavailable(cause.to_string()),
            sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::Unavailable(error.to_string())
            }
            other => Self::Statement(other),
        }
    }
}

/// SQLite: busy 5, locked 6, read-only 8, I/O 10, full 13, cannot open 14 (the low byte of an extended code).
/// PostgreSQL: classes 08 connection, 28 and 3D no such user or database, 53 resources, 57 operator intervention, 40
/// rollback, and 25006 read-only.
fn is_condition_of_the_machine(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return ["08", "28", "3D", "53", "57", "40"].contains(&&code[..2]) || code == "25006";
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
}
