//! What one attempt spends: CPU time by the thread's own clock, and linear memory over all memories of the store.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::ResourceLimiter;

use crate::engine;

/// Counters that outlive the store, so that they can be read however the attempt ended.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// CPU nanoseconds of all finished polls.
    polled: AtomicU64,
    /// The thread's CPU clock when the running poll began.
    poll_began: AtomicU64,
    peak_memory: AtomicU64,
    memory_denied: AtomicBool,
}

impl Meter {
    /// Runs `future` and counts the CPU time of its polls, whatever threads they happen on.
    pub(crate) async fn measure<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let began = thread_cpu();
            self.poll_began.store(began, Relaxed);
            let polled = future.as_mut().poll(cx);
            self.polled.fetch_add(thread_cpu().saturating_sub(began), Relaxed);
            polled
        })
        .await
    }

    /// The CPU time spent, from within a poll.
    pub(crate) fn cpu_now(&self) -> Duration {
        let running = thread_cpu().saturating_sub(self.poll_began.load(Relaxed));
        Duration::from_nanos(self.polled.load(Relaxed).saturating_add(running))
    }

    /// The CPU time of all finished polls.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.polled.load(Relaxed))
    }

    /// The most linear memory held at once, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.peak_memory.load(Relaxed)
    }

    /// Whether the guest was refused memory.
    pub(crate) fn memory_denied(&self) -> bool {
        self.memory_denied.load(Relaxed)
    }
}

fn thread_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Grants memory and tables to one store up to its limits.
pub(crate) struct MemoryLimiter {
    limit: usize,
    held: usize,
    meter: Arc<Meter>,
}

impl MemoryLimiter {
    /// A limiter that grants up to `limit` bytes over all memories together.
    pub(crate) fn new(limit: u64, meter: Arc<Meter>) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), held: 0, meter }
    }

    fn deny(&self) -> bool {
        self.meter.memory_denied.store(true, Relaxed);
        false
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.held.saturating_add(desired.saturating_sub(current));
        if total > self.limit || desired > engine::MAX_MEMORY {
            return Ok(self.deny());
        }
        // Beyond the maximum that the module itself declares growth fails in any case. What is granted is never taken
        // back: `memory_grow_failed` does not tell which growth failed, and a guest could mint memory with it.
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.held = total;
            self.meter.peak_memory.fetch_max(u64::try_from(total).unwrap_or(u64::MAX), Relaxed);
        }
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= engine::LARGE.table_elements || self.deny())
    }

    fn memories(&self) -> usize {
        engine::LARGE.memories as usize
    }

    fn tables(&self) -> usize {
        engine::LARGE.tables as usize
    }

    fn instances(&self) -> usize {
        engine::LARGE.core_instances as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn grows(limiter: &mut MemoryLimiter, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        limiter.memory_growing(current * MIB, desired * MIB, maximum.map(|it| it * MIB)).expect("it never fails")
    }

    #[test]
    fn memories_share_one_limit() {
        let meter = Arc::new(Meter::default());
        let mut limiter = MemoryLimiter::new(64 << 20, Arc::clone(&meter));
        assert!(grows(&mut limiter, 0, 40, None));
        assert!(grows(&mut limiter, 0, 20, None));
        assert!(!meter.memory_denied());
        assert!(!grows(&mut limiter, 20, 30, None), "60 and 10 more are over 64");
        assert!(meter.memory_denied());
        assert!(grows(&mut limiter, 40, 44, None), "what was refused is not counted");
        assert_eq!(meter.peak_memory(), 64 << 20);
    }

    #[test]
    fn growth_that_the_memory_itself_forbids_is_not_counted() {
        let meter = Arc::new(Meter::default());
        let mut limiter = MemoryLimiter::new(64 << 20, Arc::clone(&meter));
        assert!(grows(&mut limiter, 10, 50, Some(20)), "wasmtime refuses it by itself");
        assert!(grows(&mut limiter, 0, 64, None));
    }

    #[tokio::test]
    async fn only_the_cpu_time_of_polls_counts() {
        let meter = Meter::default();
        let spin = async {
            let began = meter.cpu_now();
            while meter.cpu_now().saturating_sub(began) < Duration::from_millis(5) {}
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        meter.measure(spin).await;
        assert!((5..40).contains(&meter.cpu().as_millis()), "{:?}", meter.cpu());
    }
}
