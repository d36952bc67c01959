//! Reads with many optional conditions. Only those that are asked for enter the statement, so that the database can plan
//! for what there is instead of for everything there might be.

use std::fmt::Write as _;

use flow_model::ids::TenantId;
use flow_model::rest::{Names, Page, PageRequest};
use flow_model::time::Millis;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};

use super::{Sort, beginnings, like, order_by};
use crate::column;
use crate::error::StoreError;
use crate::session::Session;

/// Where rows come from. A `?` in it is the tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// A FROM clause: one row for each of the list.
    pub(crate) from: &'static str,
    /// Joins that put columns beside each row and do nothing else: who counts the rows does without.
    pub(crate) beside: &'static str,
    /// The first condition: whose the rows are.
    pub(crate) whose: &'static str,
}

/// Some rows: where they come from and which of them.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    source: Source,
    conditions: String,
    values: Vec<Value>,
}

/// What is bound to a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
}

/// How a list can be sorted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    /// By these fields.
    pub(crate) sorts: &'static [Sort],
    /// Among rows that sort alike, and where nothing is wanted: columns that no two rows share.
    pub(crate) tie: &'static str,
}

/// A row of either database.
pub(crate) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for R {}

/// Binds every value, in order.
macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Text(text) => query.bind(text.as_str()),
                Value::Number(number) => query.bind(*number),
                Value::Flag(flag) => query.bind(*flag),
            };
        }
        query
    }};
}

impl Selection {
    /// The rows of a tenant.
    pub(crate) fn of(source: Source, tenant: &TenantId) -> Self {
        Self { source, conditions: String::new(), values: vec![Value::from(tenant.as_str())] }
    }

    /// The rows of no tenant; the source has no `?`.
    pub(crate) fn all(source: Source) -> Self {
        Self { source, conditions: String::new(), values: Vec::new() }
    }

    /// Only rows for which `condition` holds. Its `?` stands for the values, commas between; without any value there is
    /// no condition.
    pub(crate) fn and<V: Into<Value>>(mut self, condition: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        let first = self.values.len() + 1;
        self.values.extend(values.into_iter().map(V::into));
        let names: Vec<String> = (first..=self.values.len()).map(|n| format!("${n}")).collect();
        if !names.is_empty() {
            self.conditions.push_str(" AND ");
            self.conditions.push_str(&condition.replace('?', &names.join(", ")));
        }
        self
    }

    /// Only rows for which `condition` holds, if it is `wanted`.
    pub(crate) fn and_if(mut self, wanted: bool, condition: &'static str) -> Self {
        if wanted {
            self.conditions.push_str(" AND ");
            self.conditions.push_str(condition);
        }
        self
    }

    /// Only rows whose text in `column` matches `pattern`; see [`like`].
    pub(crate) fn and_like(self, column: &'static str, pattern: Option<&str>) -> Self {
        self.and_any(&format!("LOWER({column}) LIKE ? ESCAPE '\\'"), pattern.map(like).unwrap_or_default())
    }

    /// Only rows whose text in `column` begins as wanted; see [`beginnings`].
    pub(crate) fn and_prefix(self, column: &'static str, prefix: Option<&str>) -> Self {
        self.and_any(&format!("SUBSTR({column}, 1, LENGTH(?)) = ?"), prefix.map(beginnings).unwrap_or_default())
    }

    /// Only rows whose name in `column` is one of these.
    pub(crate) fn and_named(self, column: &'static str, names: Names<'_>) -> Self {
        self.and_like(column, names.pattern).and_prefix(column, names.prefix)
    }

    /// Only rows for which `condition` holds with one of the values for its `?`; without any value all rows.
    fn and_any(mut self, condition: &str, values: Vec<String>) -> Self {
        let mut either = Vec::with_capacity(values.len());
        for value in values {
            self.values.push(value.into());
            either.push(condition.replace('?', &format!("${}", self.values.len())));
        }
        if !either.is_empty() {
            let _ = write!(self.conditions, " AND ({})", either.join(" OR "));
        }
        self
    }

    /// The statement that counts the rows.
    fn counting(&self) -> AssertSqlSafe<String> {
        let Source { from, whose, .. } = self.source;
        AssertSqlSafe(format!("SELECT COUNT(*) {from} WHERE {whose}{}", self.conditions).replace('?', "$1"))
    }

    /// The statement that reads the rows. `rest` is what follows the conditions.
    fn reading(&self, select: &str, rest: &str) -> AssertSqlSafe<String> {
        let Source { from, beside, whose } = self.source;
        let text = format!("{select} {from} {beside} WHERE {whose}{} {rest}", self.conditions);
        AssertSqlSafe(text.replace('?', "$1"))
    }

    /// One row, if there is one.
    pub(crate) async fn optional<R: Row>(
        &self,
        db: &mut Session,
        select: &'static str,
    ) -> Result<Option<R>, StoreError> {
        let sql = self.reading(select, "");
        Ok(on!(db, c => bound!(sqlx::query_as(sql), &self.values).fetch_optional(&mut *c).await)?)
    }

    /// All rows. `rest` is what follows the conditions, such as their order.
    pub(crate) async fn rows<R: Row>(
        &self,
        db: &mut Session,
        select: &'static str,
        rest: &'static str,
    ) -> Result<Vec<R>, StoreError> {
        let sql = self.reading(select, rest);
        Ok(on!(db, c => bound!(sqlx::query_as(sql), &self.values).fetch_all(&mut *c).await)?)
    }

    /// One page of the rows, each read as an `R` and shown as a `T`.
    pub(crate) async fn page<R: Row, T: TryFrom<R, Error = StoreError>>(
        &self,
        db: &mut Session,
        select: &'static str,
        order: Order,
        page: &PageRequest,
    ) -> Result<Page<T>, StoreError> {
        let order = order_by(page, order.sorts, order.tie)?;
        let count = self.counting();
        let total: i64 = on!(db, c => bound!(sqlx::query_scalar(count), &self.values).fetch_one(&mut *c).await)?;
        let (limit, offset) = (self.values.len() + 1, self.values.len() + 2);
        let list = self.reading(select, &format!("ORDER BY {order} LIMIT ${limit} OFFSET ${offset}"));
        let rows: Vec<R> = on!(db, c => {
            bound!(sqlx::query_as(list), &self.values)
                .bind(i64::from(page.limit))
                .bind(i64::from(page.offset))
                .fetch_all(&mut *c)
                .await
        })?;
        let entries = rows.into_iter().map(T::try_from).collect::<Result<_, _>>()?;
        Ok(Page { entries, total: column::count("a count", total)? })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Millis> for Value {
    fn from(at: Millis) -> Self {
        Self::Number(at.0)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: Source =
        Source { from: "FROM run AS r", beside: "LEFT JOIN conf AS c ON c.run = r.run", whose: "r.tenant = ?" };

    #[test]
    fn only_what_is_asked_for_enters_the_statement() {
        let tenant = "acme".parse().expect("a tenant");
        let selection = Selection::of(RUNS, &tenant)
            .and("r.state IN (?)", ["queued", "failed"])
            .and("r.run_after >= ?", None::<Millis>)
            .and_if(false, "r.is_paused")
            .and_like("r.run_id", Some("Man"))
            .and_prefix("r.dag_id", Some("etl|x"));
        let conditions = "WHERE r.tenant = $1 AND r.state IN ($2, $3) AND (LOWER(r.run_id) LIKE $4 ESCAPE '\\') \
             AND (SUBSTR(r.dag_id, 1, LENGTH($5)) = $5 OR SUBSTR(r.dag_id, 1, LENGTH($6)) = $6)";
        assert_eq!(selection.counting().0, format!("SELECT COUNT(*) FROM run AS r {conditions}"));
        assert_eq!(
            selection.reading("SELECT c.conf", "ORDER BY r.run").0,
            format!("SELECT c.conf FROM run AS r LEFT JOIN conf AS c ON c.run = r.run {conditions} ORDER BY r.run")
        );
        assert_eq!(selection.values, ["acme", "queued", "failed", "%man%", "etl", "x"].map(Value::from));
    }
}
