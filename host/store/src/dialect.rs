//! Every difference between the two databases, each with its reason. Expect few; a new one needs a good one.

/// Runs one body on whichever driver the session holds. Differs because sqlx's drivers have different types; the body is
/// expanded once per driver, so keep it to a few lines without logic.
macro_rules! on {
    ($session:expr, $c:ident => $body:expr) => {
        match $session.driver() {
            $crate::pool::Driver::Sqlite($c) => $body,
            $crate::pool::Driver::Postgres($c) => $body,
        }
    };
}

/// A statement whose text differs between the databases only in how it unpacks many rows from one JSON parameter, `$1`,
/// an array of objects. `rows(a text, b bigint)` is how the columns are named and typed; in the text, `{rows}` is
/// written as the separate literal between the parts.
///
/// Differs because neither database has the other's set-returning JSON function: SQLite has `json_each` and `->>`,
/// PostgreSQL `json_to_recordset`. One parameter for all rows keeps the statement's text, and so its plan, the same for
/// any number of rows.
macro_rules! batch {
    ($before:literal, rows($($column:ident $kind:ident),+ $(,)?), $after:literal) => {
        $crate::dialect::Batch {
            sqlite: concat!(
                $before,
                "(SELECT ", batch!(@list $(concat!("value->>'", stringify!($column), "' AS ", stringify!($column))),+),
                " FROM json_each($1)) AS r",
                $after
            ),
            postgres: concat!(
                $before,
                "(SELECT * FROM json_to_recordset($1::json) AS j(",
                batch!(@list $(concat!(stringify!($column), " ", stringify!($kind))),+),
                ")) AS r",
                $after
            ),
        }
    };
    (@list $first:expr $(, $rest:expr)*) => { concat!($first $(, ", ", $rest)*) };
}

/// One statement over many rows; see [`batch!`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// How a writing transaction begins on SQLite. Differs because SQLite has one writer: taking its lock at once waits in
/// line, while upgrading a reader later fails with "database is locked".
pub(crate) const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";

/// How a writing transaction begins on PostgreSQL, where rows are locked as they are touched.
pub(crate) const BEGIN_POSTGRES: &str = "BEGIN";
