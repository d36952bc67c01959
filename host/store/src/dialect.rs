//! Every difference between the two databases, each with its reason. Expect few; a new one needs a good one.

/// Runs one body on whichever driver the session holds. Differs because sqlx's drivers have different types; the body is
/// expanded once per driver, so keep it to a few lines without logic.
macro_rules! on {
    ($session:expr, $c:ident => $body:expr) => {{
        $session.ready().await?;
        match $session.driver() {
            $crate::session::Driver::Sqlite($c) => $body,
            $crate::session::Driver::Postgres($c) => $body,
        }
    }};
}

/// A statement whose text differs between the databases only in how it unpacks many rows from one JSON parameter, `$1`,
/// an array of objects. `rows(a text, b bigint)` is how the columns are named and typed; in the text, `{rows}` is
/// written as the separate literal between the parts.
///
/// Differs because neither database has the other's set-returning JSON function: SQLite has `jsonb_each` and `->>`,
/// PostgreSQL `json_to_recordset`. (With `json_each` each row would become a text, to be read again for its columns.) One
/// parameter for all rows keeps the statement's text, and so its plan, the same for any number of rows. With `locking` at the
/// end it locks what it finds, with `locking skip` what nobody else has locked; see [`locking!`].
macro_rules! batch {
    ($before:expr, rows($($column:ident $kind:ident),+ $(,)?), $after:expr, locking) => {
        $crate::dialect::Batch {
            sqlite: batch!($before, rows($($column $kind),+), $after).sqlite,
            postgres: batch!($before, rows($($column $kind),+), concat!($after, " FOR UPDATE")).postgres,
        }
    };
    ($before:expr, rows($($column:ident $kind:ident),+ $(,)?), $after:expr, locking skip) => {
        $crate::dialect::Batch {
            sqlite: batch!($before, rows($($column $kind),+), $after).sqlite,
            postgres: batch!($before, rows($($column $kind),+), concat!($after, " FOR UPDATE SKIP LOCKED")).postgres,
        }
    };
    ($before:expr, rows($($column:ident $kind:ident),+ $(,)?), $after:expr) => {
        $crate::dialect::Batch {
            sqlite: concat!(
                $before,
                "(SELECT ", batch!(@list $(concat!("value->>'", stringify!($column), "' AS ", stringify!($column))),+),
                " FROM jsonb_each($1)) AS r",
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

/// One statement in the words of both databases; see [`batch!`] and [`locking!`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// A query that locks the rows it finds until the transaction ends; with `skip`, it leaves out rows that another
/// transaction holds.
///
/// Differs because SQLite has no row locks and needs none: a writing transaction is the only one there is.
macro_rules! locking {
    ($text:expr) => {
        $crate::dialect::Batch { sqlite: $text, postgres: concat!($text, " FOR UPDATE") }
    };
    ($text:expr, skip) => {
        $crate::dialect::Batch { sqlite: $text, postgres: concat!($text, " FOR UPDATE SKIP LOCKED") }
    };
}

/// How a writing transaction begins on SQLite. Differs because SQLite has one writer: taking its lock at once waits in
/// line, while upgrading a reader later fails with "database is locked".
pub(crate) const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";

/// How a writing transaction begins on PostgreSQL, where rows are locked as they are touched.
pub(crate) const BEGIN_POSTGRES: &str = "BEGIN";

/// How joins are planned on PostgreSQL. Nearly every statement looks a few rows up by their keys. A plan is kept for as long
/// as nothing is known of a table that has just grown, and one that hashes it as a whole, made while it was small, reads all
/// of it each time. Differs because SQLite only knows nested loops.
pub(crate) const PLANS_POSTGRES: [(&str, &str); 2] = [("enable_hashjoin", "off"), ("enable_mergejoin", "off")];

/// How a transaction ends.
pub(crate) const COMMIT: &str = "COMMIT";

/// How a transaction is taken back.
pub(crate) const ROLLBACK: &str = "ROLLBACK";

/// Statements one after the other, the n-th with its rows in `$n`, between a beginning and an end.
///
/// Differs because only SQLite takes several statements at once; see [`together`].
pub(crate) fn in_turn<'t>(
    begin: Option<&'t str>,
    statements: impl Iterator<Item = &'t str>,
    end: Option<&'t str>,
) -> String {
    let statements = numbered(statements);
    let all = begin.map(str::to_owned).into_iter().chain(statements).chain(end.map(str::to_owned));
    all.collect::<Vec<_>>().join("; ")
}

/// Writes as one statement, the n-th with its rows in `$n`. They all see what was there before any of them.
///
/// Differs because only PostgreSQL takes writes as parts of a statement; see [`in_turn`].
pub(crate) fn together<'t>(statements: impl Iterator<Item = &'t str>) -> String {
    let parts = numbered(statements).enumerate().map(|(at, statement)| format!("w{at} AS ({statement})"));
    format!("WITH {} SELECT 1", parts.collect::<Vec<_>>().join(", "))
}

fn numbered<'t>(statements: impl Iterator<Item = &'t str>) -> impl Iterator<Item = String> {
    statements.enumerate().map(|(at, statement)| statement.replace("$1", &format!("${}", at + 1)))
}

/// How SQLite is asked whether its file is sound. Differs because PostgreSQL looks after its own pages.
pub(crate) const INTEGRITY_SQLITE: &str = "PRAGMA integrity_check";

/// A statement that reads the elements of a JSON array of texts in a column as rows `element(value)`.
///
/// Differs because neither database has the other's function for it.
macro_rules! elements {
    ($before:literal, $column:literal, $after:literal) => {
        $crate::dialect::Batch {
            sqlite: concat!($before, "json_each(", $column, ") AS element", $after),
            postgres: concat!($before, "json_array_elements_text(", $column, "::json) AS element(value)", $after),
        }
    };
}
