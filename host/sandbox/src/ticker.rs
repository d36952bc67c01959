//! Advances the engine's epoch, so that guests can be interrupted.
//!
//! It is a thread of its own, because timers of a runtime that is busy with guests come late. While there is no guest
//! it rests, because an idle host should cost nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// How often guests are interrupted.
const TICK: Duration = Duration::from_millis(10);
/// How often a resting ticker looks whether its engine is still there.
const REST: Duration = Duration::from_secs(5);

/// The ticker's handle.
pub(crate) struct Ticker {
    thread: Thread,
    guests: Arc<AtomicUsize>,
}

/// Keeps the ticker going.
pub(crate) struct Ticking(Arc<AtomicUsize>);

impl Ticker {
    /// Starts a ticker that ends when `engine` is gone.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let guests = Arc::new(AtomicUsize::new(0));
        let (engine, running) = (engine.weak(), Arc::clone(&guests));
        let tick = move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                if running.load(SeqCst) == 0 {
                    // A guest that came since then has left a token that ends the rest at once.
                    thread::park_timeout(REST);
                } else {
                    thread::sleep(TICK);
                }
            }
        };
        let thread = thread::Builder::new().name("flow-epoch".into()).spawn(tick)?.thread().clone();
        Ok(Self { thread, guests })
    }

    /// Ticks at least until what this returns is dropped.
    pub(crate) fn tick(&self) -> Ticking {
        if self.guests.fetch_add(1, SeqCst) == 0 {
            self.thread.unpark();
        }
        Ticking(Arc::clone(&self.guests))
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
