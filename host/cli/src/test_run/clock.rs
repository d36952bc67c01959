//! A clock that runs as the machine's does, and can be put forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use flow_model::time::{Clock, Millis};

/// A clock that runs as another one does, ahead of it by what was skipped. Clones are the same clock.
#[derive(Clone)]
pub(super) struct SkippingClock {
    running: Clock,
    ahead: Arc<AtomicI64>,
}

impl SkippingClock {
    /// A clock that shows what `running` does, so far.
    pub(super) fn new(running: Clock) -> Self {
        Self { running, ahead: Arc::default() }
    }

    /// What it shows.
    pub(super) fn now(&self) -> Millis {
        Millis((self.running)().0.saturating_add(self.ahead.load(Ordering::SeqCst)))
    }

    /// Puts it forward to `at`. It is never put back.
    pub(super) fn skip_to(&self, at: Millis) {
        let ahead = at.0.saturating_sub((self.running)().0);
        self.ahead.fetch_max(ahead, Ordering::SeqCst);
    }

    /// The same clock as others take it.
    pub(super) fn as_clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_on_from_where_it_was_put_and_never_goes_back() {
        let machine = Arc::new(AtomicI64::new(1_000));
        let shown = Arc::clone(&machine);
        let clock = SkippingClock::new(Arc::new(move || Millis(shown.load(Ordering::SeqCst))));
        let other = clock.as_clock();
        clock.skip_to(Millis(61_000));
        assert_eq!((clock.now(), other()), (Millis(61_000), Millis(61_000)));
        machine.store(1_500, Ordering::SeqCst);
        assert_eq!(clock.now(), Millis(61_500));
        clock.skip_to(Millis(3_000));
        assert_eq!(clock.now(), Millis(61_500));
    }
}
