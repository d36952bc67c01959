//! Classes of guests by what their components declare: most fit one of many small slots, interpreters get one of few
//! large ones.
//!
//! A class has an engine of its own, for all slots of a pool are of one size. The same code loads into either.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::engine::{self, Bounds};
use crate::guest::Guest;
use crate::linker::linker;
use crate::native_code::NativeCode;
use crate::ticker::{Ticker, Ticking};

/// Large slots, at most: with all their memories they take address space by the terabyte.
const MOST_LARGE: u32 = 256;

/// Guests whose components fit slots of the same size.
pub(crate) struct Class {
    engine: Engine,
    linker: Linker<Guest>,
    ticker: Ticker,
    slots: Arc<Semaphore>,
}

/// A slot for one attempt, and ticks for as long as it lasts.
pub(crate) struct Seat {
    _slot: OwnedSemaphorePermit,
    _ticking: Ticking,
}

impl Class {
    fn start(slots: u32, bounds: &Bounds) -> wasmtime::Result<Self> {
        let engine = engine::pooled(slots, bounds)?;
        Ok(Self {
            linker: linker(&engine)?,
            ticker: Ticker::start(&engine)?,
            slots: Arc::new(Semaphore::new(usize::try_from(slots).unwrap_or(usize::MAX))),
            engine,
        })
    }

    /// Resolves what a component of this class imports.
    pub(crate) fn link(&self, component: &Component) -> wasmtime::Result<InstancePre<Guest>> {
        self.linker.instantiate_pre(component)
    }

    /// Waits for a free slot.
    pub(crate) async fn seat(&self) -> Seat {
        let slot = Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed");
        Seat { _slot: slot, _ticking: self.ticker.tick() }
    }
}

/// All classes. That of large guests starts with the first of them.
pub(crate) struct Classes {
    small: Arc<Class>,
    large: Mutex<Option<Arc<Class>>>,
    large_slots: u32,
}

impl Classes {
    /// Classes in which at most `slots` guests run at a time, each.
    pub(crate) fn start(slots: u32) -> wasmtime::Result<Self> {
        let small = Arc::new(Class::start(slots, &engine::SMALL)?);
        Ok(Self { small, large: Mutex::default(), large_slots: slots.min(MOST_LARGE) })
    }

    /// What code must have been compiled with to load here.
    pub(crate) fn compatibility(&self) -> [u8; 32] {
        engine::compatibility(&self.small.engine)
    }

    /// Makes code runnable, in the first class whose slots hold it.
    pub(crate) fn load(&self, code: &NativeCode) -> wasmtime::Result<(Arc<Class>, Component)> {
        let (class, component) = match code.load(&self.small.engine) {
            Err(error) if exceeds_slot(&error) => {
                let large = self.large()?;
                let component = code.load(&large.engine)?;
                (large, component)
            }
            loaded => (Arc::clone(&self.small), loaded?),
        };
        Ok((class, component))
    }

    fn large(&self) -> wasmtime::Result<Arc<Class>> {
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(class) = &*large {
            return Ok(Arc::clone(class));
        }
        let class = Arc::new(Class::start(self.large_slots, &engine::LARGE)?);
        Ok(Arc::clone(large.insert(class)))
    }
}

/// Whether code does not load because a slot of the pool cannot hold its instances. wasmtime says so in words only.
pub(crate) fn exceeds_slot(error: &wasmtime::Error) -> bool {
    format!("{error:#}").contains("pooling allocator")
}
