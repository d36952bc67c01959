//! Paging, as every list of the API does it.

use serde::{Deserialize, Serialize};

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many entries at most: 50 unless asked, 1 to 1,000.
    pub limit: u32,
    /// How many entries to leave out first.
    pub offset: u32,
    /// Field names to sort by, `-` in front for descending, as Airflow's `order_by`; empty for the list's own order.
    pub order_by: Vec<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 50, offset: 0, order_by: Vec::new() }
    }
}

/// One part of a list and the length of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries asked for.
    pub entries: Vec<T>,
    /// How many there are in all.
    pub total: u64,
}

impl<T> Page<T> {
    /// The same part of the list, every entry made into another.
    pub fn map<U>(self, entry: impl FnMut(T) -> U) -> Page<U> {
        Page { entries: self.entries.into_iter().map(entry).collect(), total: self.total }
    }
}

/// Which names are asked for. Both conditions hold at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// Those that match this SQL `LIKE` pattern anywhere, whatever the case of their letters.
    pub pattern: Option<&'a str>,
    /// Those that begin with this.
    pub prefix: Option<&'a str>,
}

impl Names<'_> {
    /// All names.
    pub const ALL: Self = Self { pattern: None, prefix: None };
}
