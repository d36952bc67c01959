//! How much of a window must have arrived before its run is made.

use serde::{Deserialize, Serialize};

use super::PartitionError;

/// When a rollup has seen enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// When every key of the window has arrived.
    #[default]
    All,
    /// When this many have; below zero: when at most that many are missing.
    MinimumCount(i64),
}

/// How far the keys of a window have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// There are enough.
    Over,
    /// More can come.
    More,
    /// There can never be enough: the window is too small.
    Vain,
}

impl Waiting {
    /// Whether there are enough.
    pub fn is_over(self) -> bool {
        match self {
            Self::Over => true,
            Self::More | Self::Vain => false,
        }
    }
}

impl Wait {
    /// Whether `matched` of `expected` keys are enough.
    pub fn judge(self, matched: usize, expected: usize) -> Waiting {
        let (matched, expected) =
            (i64::try_from(matched).unwrap_or(i64::MAX), i64::try_from(expected).unwrap_or(i64::MAX));
        let needed = match self {
            Self::All => expected,
            Self::MinimumCount(n) if n > 0 => n,
            Self::MinimumCount(n) => expected.saturating_add(n).max(0),
        };
        match (matched >= needed, needed > expected) {
            (true, _) => Waiting::Over,
            (false, true) => Waiting::Vain,
            (false, false) => Waiting::More,
        }
    }

    /// Refuses what would always be over.
    pub(super) fn check(self) -> Result<(), PartitionError> {
        match self {
            Self::MinimumCount(0) => {
                Err(PartitionError::Definition("a minimum count of 0 waits for nothing; use another number".to_owned()))
            }
            Self::All | Self::MinimumCount(_) => Ok(()),
        }
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
