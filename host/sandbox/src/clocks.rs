//! The clocks and random numbers that guests get: coarse for tasks, fixed and seeded for parsing.

use std::time::{Duration, Instant};

use flow_model::ids::Digest;
use flow_model::time::{Clock, Millis};
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::engine::sha256;

/// Fine clocks help to read other tenants' secrets from caches; no task needs more.
const RESOLUTION: Duration = Duration::from_millis(1);
/// How many seeded random bytes there are before they repeat.
const SEEDED_BYTES: usize = 4 << 10;

/// Clocks that run, for tasks. Random numbers stay the machine's.
pub(crate) fn running(wasi: &mut WasiCtxBuilder, clock: Clock) {
    wasi.wall_clock(Wall(clock)).monotonic_clock(Monotonic(Instant::now()));
}

/// Clocks that stand at `now` and random numbers that follow from the module alone, for parsing.
pub(crate) fn fixed(wasi: &mut WasiCtxBuilder, now: Millis, module: &Digest) {
    wasi.wall_clock(Wall(std::sync::Arc::new(move || now))).monotonic_clock(Standing);
    let bytes = seeded(module);
    let mut seed = [0; 16];
    seed.copy_from_slice(&bytes[..16]);
    wasi.insecure_random_seed(u128::from_le_bytes(seed))
        .insecure_random(Deterministic::new(bytes.clone()))
        .secure_random(Deterministic::new(bytes));
}

/// Bytes that look random and are the same on every host and in every version of it.
fn seeded(module: &Digest) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEEDED_BYTES);
    for block in 0u32.. {
        if bytes.len() >= SEEDED_BYTES {
            break;
        }
        let mut input = module.0.to_vec();
        input.extend_from_slice(&block.to_le_bytes());
        bytes.extend_from_slice(&sha256(&input));
    }
    bytes
}

struct Wall(Clock);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from((self.0)().0).unwrap_or(0))
    }
}

struct Monotonic(Instant);

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_mul(1_000_000)
    }
}

struct Standing;

impl HostMonotonicClock for Standing {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        0
    }
}
