//! The engines: how components are compiled, and what their instances can never exceed.
//!
//! The compile child builds its engine from the same [`base`] settings, so that its code loads here.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;

use aws_lc_rs::digest;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy, WasmBacktraceDetails};

/// The most that one linear memory can hold; an attempt's own limit may be lower.
pub(crate) const MAX_MEMORY: usize = 512 << 20;

/// What one slot of a pool can hold: more than this no component of its class may declare.
pub(crate) struct Bounds {
    /// Core instances.
    pub(crate) core_instances: u32,
    /// Linear memories.
    pub(crate) memories: u32,
    /// Tables.
    pub(crate) tables: u32,
    /// Elements of one table.
    pub(crate) table_elements: usize,
    /// Bytes of the host's own bookkeeping.
    pub(crate) instance_bytes: usize,
}

/// Enough for what compiles to WebAssembly itself: Rust, C, Go. Small, so that there is room for thousands.
pub(crate) const SMALL: Bounds =
    Bounds { core_instances: 8, memories: 2, tables: 4, table_elements: 20_000, instance_bytes: 1 << 20 };
/// Enough for interpreters that are compiled to components: Python has 14 core instances and large tables.
pub(crate) const LARGE: Bounds =
    Bounds { core_instances: 200, memories: 8, tables: 64, table_elements: 100_000, instance_bytes: 10 << 20 };

/// Frames kept of a guest's stack when it traps.
pub(crate) const BACKTRACE_FRAMES: usize = 20;

/// What compiled code depends on: the same in the host and in its compile child.
pub(crate) fn base() -> Config {
    let mut config = Config::new();
    config
        // Never Winch: most of the sandbox escapes of 2026 were in it.
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        .consume_fuel(false)
        .concurrency_support(false)
        .gc_support(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .relaxed_simd_deterministic(true)
        // What is left of the fiber's stack above the guest's part is what host functions have.
        .max_wasm_stack(512 << 10)
        .async_stack_size(2 << 20)
        .async_stack_zeroing(true)
        // With the whole of 32 bits reserved, bounds checks cost nothing and a miss hits a guard page.
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        .guard_before_linear_memory(true)
        .memory_init_cow(true)
        // Registering unwind information is quadratic in the number of modules, and nobody debugs guests natively.
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(true);
    config
}

/// An engine that guests run on, with `slots` of these `bounds`.
pub(crate) fn pooled(slots: u32, bounds: &Bounds) -> wasmtime::Result<Engine> {
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots, bounds)));
    Engine::new(&config)
}

/// An engine that only compiles. It reserves no address space, so that it fits the compile child's limit.
pub(crate) fn compiler() -> wasmtime::Result<Engine> {
    Engine::new(&base())
}

fn pool(slots: u32, bounds: &Bounds) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // `pagemap_scan` stays off: in version 48 a page that was swapped out while dirty survives the reset, and the next
    // tenant in the slot could read it.
    pool.total_component_instances(slots)
        .total_stacks(slots)
        .total_core_instances(slots.saturating_mul(bounds.core_instances))
        .total_memories(slots.saturating_mul(bounds.memories))
        .total_tables(slots.saturating_mul(bounds.tables))
        .max_core_instances_per_component(bounds.core_instances)
        .max_memories_per_component(bounds.memories)
        .max_tables_per_component(bounds.tables)
        .max_memories_per_module(bounds.memories)
        .max_tables_per_module(bounds.tables)
        .max_component_instance_size(bounds.instance_bytes)
        .max_core_instance_size(bounds.instance_bytes)
        .table_elements(bounds.table_elements)
        .max_memory_size(MAX_MEMORY)
        // Zeroing what is kept is cheaper than giving it back to the kernel and faulting it in again.
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(32 << 10)
        .max_unused_warm_slots(64)
        .decommit_batch_size(16);
    pool
}

/// What compiled code must have been compiled with to load into `engine`.
pub(crate) fn compatibility(engine: &Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(digest::Context::new(&digest::SHA256));
    engine.precompile_compatibility_hash().hash(&mut hasher);
    sha256_bytes(&hasher.0.finish())
}

/// The SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha256_bytes(&digest::digest(&digest::SHA256, bytes))
}

fn sha256_bytes(digest: &digest::Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

/// Feeds what is hashed into SHA-256: the 64 bits of a standard hasher are too few to tell engines apart safely.
struct Sha256Hasher(digest::Context);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
