//! Judges how an execution ended: one error class for every end, and a message for the module's owner.

use flow_model::inspect::Optional;
use flow_model::work::{AttemptLimits, ErrorClass, Failure};
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::answers::{failure, presentable};
use crate::engine::BACKTRACE_FRAMES;
use crate::execute::{Ending, Returned};
use crate::last_words;
use crate::leash::Stop;

/// Frames of a guest's stack that a message shows.
const SHOWN_FRAMES: usize = 3;
/// How far below its bottom a guest's own stack can have grown when it is caught: addresses wrap around at 32 bits.
const BELOW_ZERO: u64 = 0xff00_0000;
/// Functions that may take part in a recursion for it to be recognised as one.
const RECURSIVE_FUNCTIONS: usize = 5;
/// What wasmtime says when a cap of ours is hit and it has no type for it.
const QUOTA_MESSAGES: &[&str] =
    &["fuel allocated for hostcalls has been exhausted", "store handle limit exceeded", "exceeds limit"];

/// What else is known about the attempt.
pub(crate) struct Evidence {
    /// What it was allowed.
    pub(crate) limits: AttemptLimits,
    /// Whether it was refused memory.
    pub(crate) memory_denied: bool,
    /// The end of its stderr.
    pub(crate) stderr: String,
}

/// What the guest returned, or why it did not.
pub(crate) fn classify(ending: Ending, evidence: &Evidence) -> Result<Returned, Failure> {
    match ending {
        Ending::Returned(returned) => Ok(returned),
        Ending::Stopped(stop) => Err(stopped(stop, &evidence.limits)),
        Ending::Died { called, error } => Err(died(called, &error, evidence)),
        Ending::NotExported(interface) => Err(failure(ErrorClass::Fatal, not_exported(interface))),
    }
}

fn not_exported(interface: Optional) -> String {
    format!("the module does not export the interface `{}`", interface.interface())
}

/// The failure of a guest that the host stopped.
pub(crate) fn stopped(stop: Stop, limits: &AttemptLimits) -> Failure {
    match stop {
        Stop::Cpu => failure(ErrorClass::CpuLimit, format!("it used up its {} ms of CPU time", limits.cpu_ms)),
        Stop::Wall => failure(ErrorClass::Timeout, format!("it did not end within {} ms", limits.wall_ms)),
        Stop::Cancelled => failure(ErrorClass::Cancelled, "it was cancelled and did not end by itself".into()),
    }
}

fn died(called: bool, error: &wasmtime::Error, evidence: &Evidence) -> Failure {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stopped(*stop, &evidence.limits);
    }
    let class = class_of(called, error, evidence);
    if class == ErrorClass::MemoryLimit {
        return failure(class, format!("it needed more than its {} bytes of memory", evidence.limits.memory_bytes));
    }
    if class == ErrorClass::HostError {
        tracing::error!(error = format!("{error:#}"), "a guest could not be run");
        return failure(class, "the host could not run it".into());
    }
    let trap = match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(status)) => format!("it exited with status {status} before it returned a result"),
        None => format!("{}{}", error.root_cause(), shown_stack(error)),
    };
    if class != ErrorClass::GuestBug {
        return failure(class, trap);
    }
    match (last_words::panic(&evidence.stderr), last_words::last_line(&evidence.stderr)) {
        (Some(panic), _) => Failure { class, message: presentable(&panic.message), location: panic.location },
        (None, Some(line)) => failure(class, presentable(&format!("{trap}; its last words were: {line}"))),
        (None, None) => failure(class, trap),
    }
}

fn class_of(called: bool, error: &wasmtime::Error, evidence: &Evidence) -> ErrorClass {
    let text = error.root_cause().to_string();
    let guest_ran = called || error.is::<WasmBacktrace>();
    if error.is::<PoolConcurrencyLimitError>() {
        ErrorClass::Capacity
    } else if evidence.memory_denied {
        ErrorClass::MemoryLimit
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        trap_class(*trap, error)
    } else if error.is::<I32Exit>() {
        ErrorClass::GuestBug
    } else if matches!(error.downcast_ref(), Some(ResourceTableError::Full))
        || QUOTA_MESSAGES.iter().any(|words| text.contains(words))
    {
        ErrorClass::Quota
    } else if guest_ran && !error.is::<std::io::Error>() {
        // No import of ours fails: what is left are values that could not be carried between guest and host.
        ErrorClass::AbiViolation
    } else {
        ErrorClass::HostError
    }
}

fn trap_class(trap: Trap, error: &wasmtime::Error) -> ErrorClass {
    match trap {
        Trap::StackOverflow => ErrorClass::StackOverflow,
        Trap::MemoryOutOfBounds if ran_below_its_stack(error) => ErrorClass::StackOverflow,
        Trap::Interrupt | Trap::OutOfFuel => ErrorClass::CpuLimit,
        Trap::AllocationTooLarge => ErrorClass::MemoryLimit,
        Trap::UnreachableCodeReached
        | Trap::MemoryOutOfBounds
        | Trap::HeapMisaligned
        | Trap::TableOutOfBounds
        | Trap::IndirectCallToNull
        | Trap::BadSignature
        | Trap::IntegerOverflow
        | Trap::IntegerDivisionByZero
        | Trap::BadConversionToInteger
        | Trap::AtomicWaitNonSharedMemory
        | Trap::NullReference
        | Trap::ArrayOutOfBounds
        | Trap::CastFailure
        | Trap::UnhandledTag
        | Trap::ContinuationAlreadyConsumed
        | Trap::UncaughtException => ErrorClass::GuestBug,
        Trap::DisabledOpcode => ErrorClass::HostError,
        // All others are rules of the component model; wasmtime may add more of them.
        _ => ErrorClass::AbiViolation,
    }
}

/// Whether an access out of bounds is a stack overflow in disguise.
///
/// Rust and C keep what does not fit into WebAssembly's own stack at the bottom of linear memory, growing down. When it
/// overflows, an address below zero wraps around to the end of 32 bits, deep in a recursion: so we take a fault at such
/// an address under a full backtrace of few functions for one. A wild pointer of that value in such a place is told
/// wrongly.
fn ran_below_its_stack(error: &wasmtime::Error) -> bool {
    let Some(stack) = error.downcast_ref::<WasmBacktrace>() else { return false };
    let mut functions: Vec<u32> = stack.frames().iter().map(wasmtime::FrameInfo::func_index).collect();
    let deep = functions.len() >= BACKTRACE_FRAMES;
    functions.sort_unstable();
    functions.dedup();
    deep && functions.len() <= RECURSIVE_FUNCTIONS && fault_address(error).is_none_or(|address| address >= BELOW_ZERO)
}

/// The address in linear memory that the guest missed. wasmtime tells it in words only.
fn fault_address(error: &wasmtime::Error) -> Option<u64> {
    let words =
        error.chain().map(ToString::to_string).find(|words| words.starts_with("memory fault at wasm address"))?;
    let hex = words.split("0x").nth(1)?.split(' ').next()?;
    u64::from_str_radix(hex, 16).ok()
}

/// The innermost functions of the guest, where the component still has their names.
fn shown_stack(error: &wasmtime::Error) -> String {
    let Some(stack) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    // Its text has the names demangled: `  0:   0x1f - module!name`.
    let text = stack.to_string();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(" - ")?.1.split_once('!').map(|(_, name)| name))
        .filter(|name| !name.starts_with("<wasm function"))
        .take(SHOWN_FRAMES)
        .collect();
    if names.is_empty() { String::new() } else { format!(" in {}", names.join(", called by ")) }
}
