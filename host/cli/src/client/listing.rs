//! Lists: what a list is called, which columns people see, and how its pages are fetched.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::call::Call;
use super::session::Session;
use crate::errors::Failure;
use crate::output::{Answer, Columns, Format};

/// The most entries that the server gives at once.
const PAGE: u64 = 1_000;

/// A kind of list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    /// The field of the answer that holds the entries.
    pub(crate) entries: &'static str,
    /// The fields that a table shows.
    pub(crate) columns: Columns,
}

/// Which part of a list to show.
#[derive(Debug, Clone, Args)]
pub(crate) struct Page {
    /// How many entries to show at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u64,
    /// How many entries to leave out first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) offset: u64,
    /// Fields to sort by, `-` in front for descending
    #[arg(long, value_name = "FIELD", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) order_by: Vec<String>,
}

impl Page {
    /// Everything there is.
    pub(crate) const ALL: Self = Self { limit: u64::MAX, offset: 0, order_by: Vec::new() };
}

impl Session {
    /// Shows a part of a list.
    pub(crate) async fn list(&self, list: List, call: Call, page: &Page) -> Result<Answer> {
        let (rows, total) = self.entries(list.entries, call, page).await?;
        let shown = rows.len() as u64;
        if matches!(self.printer.format, Format::Table | Format::Plain) && page.offset + shown < total {
            eprintln!("{shown} of {total} shown: ask for more with --limit, for others with --offset");
        }
        Ok(Answer::Rows(rows, list.columns))
    }

    /// Shows the list that one request answers with, whole.
    pub(crate) async fn rows(&self, list: List, call: Call) -> Result<Answer> {
        let (rows, _) = entries_of(self.client.answer(call).await?, list.entries)?;
        Ok(Answer::Rows(rows, list.columns))
    }

    /// A part of a list, and the length of the whole.
    pub(crate) async fn entries(&self, entries: &'static str, call: Call, page: &Page) -> Result<(Vec<Value>, u64)> {
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let have = rows.len() as u64;
            let part = call
                .clone()
                .with("limit", Some((page.limit - have).min(PAGE)))
                .with("offset", Some(page.offset + have))
                .with_each("order_by", &page.order_by);
            let (part, total) = entries_of(self.client.answer(part).await?, entries)?;
            let is_last = part.is_empty();
            rows.extend(part);
            let have = rows.len() as u64;
            if is_last || have >= page.limit || page.offset + have >= total {
                rows.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
                return Ok((rows, total));
            }
        }
    }
}

fn entries_of(mut answer: Value, entries: &'static str) -> Result<(Vec<Value>, u64)> {
    match answer.get_mut(entries).map(Value::take) {
        Some(Value::Array(rows)) => {
            let total = answer.get("total_entries").and_then(Value::as_u64).unwrap_or(rows.len() as u64);
            Ok((rows, total))
        }
        Some(_) | None => Err(Failure::failed(format!("the server's answer has no list of `{entries}`")).into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_found_by_its_name() {
        let found = entries_of(json!({"dags": [1, 2], "total_entries": 7}), "dags").expect("the list is there");
        assert_eq!(found, (vec![json!(1), json!(2)], 7));
        let error = entries_of(json!({"jobs": []}), "dags").expect_err("the list is not there");
        assert_eq!(error.to_string(), "the server's answer has no list of `dags`");
    }
}
