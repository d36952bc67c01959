//! How lists are sorted, cut and searched: the one place where the text of a statement is put together at run time.
//!
//! Only parts written in this crate enter it. The limit and the offset are bound last.

use flow_model::rest::PageRequest;

use crate::error::StoreError;

mod selection;

pub(crate) use selection::{Order, Row, Selection, Source};

/// A field that a list can be sorted by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sort {
    field: &'static str,
    column: &'static str,
    nullable: bool,
}

/// A field whose column is never NULL.
pub(crate) const fn by(field: &'static str, column: &'static str) -> Sort {
    Sort { field, column, nullable: false }
}

/// A field whose column may be NULL; such rows come last.
pub(crate) const fn by_nullable(field: &'static str, column: &'static str) -> Sort {
    Sort { field, column, nullable: true }
}

/// The wanted order, and `tie` for rows that sort alike.
fn order_by(page: &PageRequest, sorts: &[Sort], tie: &'static str) -> Result<String, StoreError> {
    let mut order = Vec::with_capacity(page.order_by.len() + 1);
    let mut tied = false;
    for wanted in &page.order_by {
        let (field, direction) = wanted.strip_prefix('-').map_or((wanted.as_str(), ""), |field| (field, " DESC"));
        let sort = sorts.iter().find(|sort| sort.field == field).ok_or_else(|| unsortable(field, sorts))?;
        let nulls = if sort.nullable { " NULLS LAST" } else { "" };
        order.push(format!("{}{direction}{nulls}", sort.column));
        tied |= sort.column == tie;
    }
    if !tied {
        order.push(tie.to_owned());
    }
    Ok(order.join(", "))
}

fn unsortable(field: &str, sorts: &[Sort]) -> StoreError {
    let accepted: Vec<&str> = sorts.iter().map(|sort| sort.field).collect();
    StoreError::Unsortable { field: field.chars().take(40).collect(), accepted: accepted.join(", ") }
}

/// A search text of the API as operands of `LOWER(column) LIKE $n ESCAPE '\'`: it matches anywhere, `%` and `_` are
/// wildcards, `|` stands between alternatives, `~` is everything (Airflow's `*_pattern` parameters).
pub(crate) fn like(pattern: &str) -> Vec<String> {
    let operand = |term: &str| format!("%{}%", term.to_lowercase().replace('\\', "\\\\"));
    alternatives(pattern).map(operand).collect()
}

/// A search text of the API as what a name begins with: in these very letters, `|` stands between alternatives, `~` is
/// everything (Airflow's `*_prefix_pattern` parameters).
pub(crate) fn beginnings(prefix: &str) -> Vec<String> {
    alternatives(prefix).map(ToOwned::to_owned).collect()
}

/// A text as the operand of `LOWER(column) LIKE $n ESCAPE '\'`: it matches anywhere, and every letter stands for itself.
pub(crate) fn anywhere(text: &str) -> String {
    let literal = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{literal}%")
}

fn alternatives(text: &str) -> impl Iterator<Item = &str> {
    let text = if text == "~" { "" } else { text };
    text.split('|').map(str::trim).filter(|term| !term.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SORTS: &[Sort] = &[by("key", "var_key"), by_nullable("description", "description")];

    fn order(by: &[&str]) -> Result<String, StoreError> {
        let page = PageRequest { order_by: by.iter().map(ToString::to_string).collect(), ..PageRequest::default() };
        order_by(&page, SORTS, "var_key")
    }

    #[test]
    fn every_order_ends_in_the_key() {
        assert_eq!(order(&[]).expect("no field"), "var_key");
        assert_eq!(order(&["-description"]).expect("a field"), "description DESC NULLS LAST, var_key");
        assert_eq!(order(&["-key"]).expect("the key"), "var_key DESC");
    }

    #[test]
    fn nothing_else_enters_the_statement() {
        let refused = order(&["key; DROP TABLE tenant"]).expect_err("not a field");
        assert_eq!(refused.to_string(), "cannot sort by \"key; DROP TABLE tenant\"; sort by one of: key, description");
    }

    #[test]
    fn a_search_text_cannot_end_in_an_escape() {
        assert_eq!(like("A\\"), ["%a\\\\%"]);
    }

    #[test]
    fn one_of_several_is_enough_and_a_tilde_is_everything() {
        assert_eq!(like(" A|b_ |"), ["%a%", "%b_%"]);
        assert_eq!(beginnings("A%|b"), ["A%", "b"]);
        assert_eq!(anywhere("A_\\%"), "%a\\_\\\\\\%%");
        assert_eq!((like("~"), beginnings("~")), (vec![], vec![]));
    }
}
