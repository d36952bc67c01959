//! The only place that reads the machine's clock and asks it for random bytes. Everything else gets them handed in.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use flow_model::time::{Clock, Entropy, Millis};

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the edge where the clock is read")]
pub(crate) fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}

/// The kernel's random bytes, good enough for keys. A generator of a library's own would take longer to start than all
/// else that a process does before it serves.
pub(crate) fn entropy() -> Entropy {
    Arc::new(|bytes| {
        // Going on with predictable keys would be worse than not going on.
        getrandom::fill(bytes).expect("the machine has random bytes");
    })
}

/// So many random bytes.
pub(crate) fn random<const N: usize>(entropy: &Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy(&mut bytes);
    bytes
}
