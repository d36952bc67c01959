//! The components that are kept ready in memory: as many as their bytes of code allow, the least recently used go first.
//!
//! What runs or is being loaded stays, whatever the bound says: dropping it here would free nothing, and the next
//! attempt would load it a second time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_model::ids::Digest;
use lru::LruCache;
use tokio::sync::OnceCell;

use crate::ready::Ready;

/// The place of one component, which may still be on its way.
pub(crate) type Place = Arc<OnceCell<Arc<Ready>>>;

/// A bounded set of components.
pub(crate) struct Shelf {
    max_bytes: usize,
    places: Mutex<LruCache<Digest, Place>>,
}

impl Shelf {
    /// An empty shelf for `max_bytes` of code.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, places: Mutex::new(LruCache::unbounded()) }
    }

    /// The place of a component, as the latest one used.
    pub(crate) fn place(&self, digest: Digest) -> Place {
        Arc::clone(self.lock().get_or_insert(digest, Place::default))
    }

    /// How many components are here, and how many bytes of code they have.
    pub(crate) fn holds(&self) -> (usize, usize) {
        let places = self.lock();
        (places.len(), places.iter().map(|(_, place)| bytes(place)).sum())
    }

    /// Lets go of places that nothing came to, and of what is too much.
    pub(crate) fn tidy(&self) {
        let mut places = self.lock();
        let mut held: usize = places.iter().map(|(_, place)| bytes(place)).sum();
        let mut gone = Vec::new();
        for (digest, place) in places.iter().rev().filter(|(_, place)| !is_in_use(place)) {
            if held > self.max_bytes || !place.initialized() {
                held -= bytes(place);
                gone.push(*digest);
            }
        }
        for digest in gone {
            places.pop(&digest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Digest, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes(place: &Place) -> usize {
    place.get().map_or(0, |ready| ready.code_bytes())
}

/// Whether anybody but the shelf has it: who waits for it, or who runs it.
fn is_in_use(place: &Place) -> bool {
    Arc::strong_count(place) > 1 || place.get().is_some_and(|ready| Arc::strong_count(ready) > 1)
}
