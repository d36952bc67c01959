//! When the host ends an attempt: CPU used up, time over, or told to stop.
//!
//! A running guest is caught in the epoch callback, a waiting one by the future beside it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use flow_model::work::AttemptLimits;
use tokio_util::sync::CancellationToken;
use wasmtime::UpdateDeadline;

use crate::meter::Meter;

/// How long a guest that was asked to stop may take to end in good order.
pub(crate) const GRACE: Duration = Duration::from_millis(500);

/// Why the host ended an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    /// The CPU budget is used up.
    #[error("the CPU budget is used up")]
    Cpu,
    /// The wall-clock limit passed.
    #[error("the time limit passed")]
    Wall,
    /// Its owner asked it to stop, and the grace period is over.
    #[error("the attempt was cancelled")]
    Cancelled,
}

/// The bounds of one attempt's execution.
pub(crate) struct Leash {
    limits: AttemptLimits,
    started: Instant,
    cancel: CancellationToken,
    cancel_seen: OnceLock<Instant>,
    meter: Arc<Meter>,
}

impl Leash {
    /// Starts the clock.
    pub(crate) fn new(limits: AttemptLimits, cancel: CancellationToken, meter: Arc<Meter>) -> Self {
        Self { limits, started: Instant::now(), cancel, cancel_seen: OnceLock::new(), meter }
    }

    /// Whether the attempt was asked to stop.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// What the epoch callback answers. The guest yields at every tick, so that others run.
    pub(crate) fn tick(&self) -> wasmtime::Result<UpdateDeadline> {
        match self.overrun() {
            Some(stop) => Err(stop.into()),
            None => Ok(UpdateDeadline::Yield(1)),
        }
    }

    fn overrun(&self) -> Option<Stop> {
        if self.meter.cpu_now() > self.limits.cpu() {
            return Some(Stop::Cpu);
        }
        if self.started.elapsed() > self.limits.wall() {
            return Some(Stop::Wall);
        }
        let seen = self.cancelled().then(|| self.cancel_seen())?;
        (seen.elapsed() > GRACE).then_some(Stop::Cancelled)
    }

    fn cancel_seen(&self) -> Instant {
        *self.cancel_seen.get_or_init(Instant::now)
    }

    /// Resolves when a guest that only waits has to end.
    pub(crate) async fn snap(&self) -> Stop {
        let cancelled = async {
            self.cancel.cancelled().await;
            tokio::time::sleep_until((self.cancel_seen() + GRACE).into()).await;
        };
        let left = self.limits.wall().saturating_sub(self.started.elapsed());
        tokio::select! {
            () = cancelled => Stop::Cancelled,
            () = tokio::time::sleep(left) => Stop::Wall,
        }
    }
}
