//! What a store has been asked so far, in plain counters: what a verb costs can be read off them.

use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};

/// How much a store has been asked. The difference of two is what was asked between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ways to the database and back: to another thread for SQLite, to the server for PostgreSQL.
    pub trips: u64,
    /// Statements; a trip can take several.
    pub statements: u64,
    /// Rows that many-row statements were given to write, or found.
    pub rows: u64,
    /// Transactions that were committed.
    pub commits: u64,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            trips: self.trips + other.trips,
            statements: self.statements + other.statements,
            rows: self.rows + other.rows,
            commits: self.commits + other.commits,
        }
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            trips: self.trips - before.trips,
            statements: self.statements - before.statements,
            rows: self.rows - before.rows,
            commits: self.commits - before.commits,
        }
    }
}

/// The counters of one store. They order nothing, so that counting costs next to nothing.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    trips: AtomicU64,
    statements: AtomicU64,
    rows: AtomicU64,
    commits: AtomicU64,
}

impl Counters {
    pub(crate) fn trip(&self) {
        self.trips.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn statements(&self, statements: usize) {
        self.statements.fetch_add(statements as u64, Ordering::Relaxed);
    }

    pub(crate) fn rows(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(crate) fn commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Tally {
        Tally {
            trips: self.trips.load(Ordering::Relaxed),
            statements: self.statements.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
        }
    }
}
