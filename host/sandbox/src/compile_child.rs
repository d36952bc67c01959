//! The compiler's own process: one component in on stdin, its verdict and its code out on stdout.
//!
//! Compiling what strangers wrote can take all memory, all time, or crash. Here that ends this process and no other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ExitCode;
use std::time::Instant;

use flow_model::inspect::Rejection;
use rustix::process::{Resource, Rlimit, nice, setrlimit};
use serde::{Deserialize, Serialize};

use crate::engine;
use crate::inspect;

/// How much weaker than the host the compiler's claim to the CPU is.
const NICENESS: i32 = 10;
/// Open files: the three standard streams and a few of the runtime's own.
const OPEN_FILES: u64 = 16;

/// The first line on stdin: what the child may spend. The component follows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Allowance {
    /// Address space in bytes.
    pub(crate) memory_bytes: u64,
    /// CPU seconds.
    pub(crate) cpu_seconds: u64,
}

/// The first line on stdout. The code follows if there is any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It compiled.
    Compiled {
        /// How long that took.
        millis: u64,
    },
    /// It is refused.
    Rejected(Rejection),
}

/// Compiles the component on `input` as [`crate::Sandbox`] asks for and answers on `output`. The binary calls this, and
/// nothing before it, when it is started as [`crate::CompilerCommand`] says.
pub fn compile_child(input: impl Read, output: impl Write) -> ExitCode {
    match serve(BufReader::new(input), output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The host keeps what the child says on stderr for its operator.
            let _ = writeln!(io::stderr(), "compile child: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut allowance = String::new();
    input.read_line(&mut allowance)?;
    confine(serde_json::from_str(&allowance)?)?;
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm)?;
    let (verdict, code) = match compile(&wasm) {
        Ok((millis, code)) => (Verdict::Compiled { millis }, code),
        Err(rejection) => (Verdict::Rejected(rejection), Vec::new()),
    };
    serde_json::to_writer(&mut output, &verdict)?;
    output.write_all(b"\n")?;
    output.write_all(&code)?;
    output.flush()
}

/// Gives up, for good, what compiling does not need.
fn confine(allowance: Allowance) -> io::Result<()> {
    let limits = [
        (Resource::As, allowance.memory_bytes),
        (Resource::Cpu, allowance.cpu_seconds),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, OPEN_FILES),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    nice(NICENESS)?;
    Ok(())
}

fn compile(wasm: &[u8]) -> Result<(u64, Vec<u8>), Rejection> {
    inspect::check_outline(wasm)?;
    let engine = engine::compiler().map_err(|error| Rejection::CompilerFailed(error.to_string()))?;
    let began = Instant::now();
    // Whatever the compiler refuses, it refuses while it validates: its other errors are limits of its own.
    let code = engine.precompile_component(wasm).map_err(|error| Rejection::Malformed(format!("{error:#}")))?;
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((millis.max(1), code))
}
