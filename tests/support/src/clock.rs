//! A clock that stands still until it is told to move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flow_model::time::{Clock, Millis};

/// A clock that stands still until it is told to move.
#[derive(Debug, Clone)]
pub struct SettableClock(Arc<AtomicI64>);

impl Default for SettableClock {
    /// 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_767_225_600_000)))
    }
}

impl SettableClock {
    /// What it shows.
    pub fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).expect("a span of less than an age");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// The same clock as others take it.
    pub fn as_clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}
