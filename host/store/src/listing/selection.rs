//! Reads with many optional conditions. Only those that are asked for enter the statement, so that the database can plan
//! for what there is instead of for everything there might be.

use flow_model::ids::TenantId;
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};

use super::{Sort, like, order_by};
use crate::column;
use crate::error::StoreError;
use crate::pool::Session;

/// Some rows: where they come from and which of them.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    text: String,
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
    /// The rows of a tenant. `from` is a FROM and a WHERE clause whose one `?` is the tenant.
    pub(crate) fn of(from: &'static str, tenant: &TenantId) -> Self {
        let mut selection = Self { text: String::new(), values: Vec::new() };
        selection.extend(from, [Value::from(tenant.as_str())]);
        selection
    }

    /// The rows of no tenant. `from` is a FROM and a WHERE clause.
    pub(crate) fn all(from: &'static str) -> Self {
        Self { text: from.to_owned(), values: Vec::new() }
    }

    /// Only rows for which `condition` holds. Its `?` stands for the values, commas between; without any value there is
    /// no condition.
    pub(crate) fn and<V: Into<Value>>(mut self, condition: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<Value> = values.into_iter().map(V::into).collect();
        if !values.is_empty() {
            self.text.push_str(" AND ");
            self.extend(condition, values);
        }
        self
    }

    /// Only rows for which `condition` holds, if it is `wanted`.
    pub(crate) fn and_if(mut self, wanted: bool, condition: &'static str) -> Self {
        if wanted {
            self.text.push_str(" AND ");
            self.text.push_str(condition);
        }
        self
    }

    /// Only rows for which `condition` holds, such as `LOWER(name) LIKE ? ESCAPE '\'`; see [`like`].
    pub(crate) fn and_like(self, condition: &'static str, pattern: Option<&str>) -> Self {
        self.and(condition, like(pattern))
    }

    fn extend(&mut self, text: &'static str, values: impl IntoIterator<Item = Value>) {
        let first = self.values.len() + 1;
        self.values.extend(values);
        let names: Vec<String> = (first..=self.values.len()).map(|n| format!("${n}")).collect();
        self.text.push_str(&text.replace('?', &names.join(", ")));
    }

    /// One row, if there is one.
    pub(crate) async fn optional<R: Row>(
        &self,
        db: &mut Session,
        select: &'static str,
    ) -> Result<Option<R>, StoreError> {
        let sql = AssertSqlSafe(format!("{select} {}", self.text));
        Ok(on!(db, c => bound!(sqlx::query_as(sql), &self.values).fetch_optional(&mut *c).await)?)
    }

    /// All rows. `rest` is what follows the conditions, such as their order.
    pub(crate) async fn rows<R: Row>(
        &self,
        db: &mut Session,
        select: &'static str,
        rest: &'static str,
    ) -> Result<Vec<R>, StoreError> {
        let sql = AssertSqlSafe(format!("{select} {} {rest}", self.text));
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
        let count = AssertSqlSafe(format!("SELECT COUNT(*) {}", self.text));
        let total: i64 = on!(db, c => bound!(sqlx::query_scalar(count), &self.values).fetch_one(&mut *c).await)?;
        let (limit, offset) = (self.values.len() + 1, self.values.len() + 2);
        let list = AssertSqlSafe(format!("{select} {} ORDER BY {order} LIMIT ${limit} OFFSET ${offset}", self.text));
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

    #[test]
    fn only_what_is_asked_for_enters_the_statement() {
        let tenant = "acme".parse().expect("a tenant");
        let selection = Selection::of("FROM run AS r WHERE r.tenant = ?", &tenant)
            .and("r.state IN (?)", ["queued", "failed"])
            .and("r.run_after >= ?", None::<Millis>)
            .and_if(false, "r.is_paused")
            .and_like("LOWER(r.run_id) LIKE ?", Some("Man"));
        assert_eq!(
            selection.text,
            "FROM run AS r WHERE r.tenant = $1 AND r.state IN ($2, $3) AND LOWER(r.run_id) LIKE $4"
        );
        assert_eq!(selection.values, ["acme", "queued", "failed", "%man%"].map(Value::from));
    }
}
