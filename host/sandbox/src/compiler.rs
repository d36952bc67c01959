//! Starts compile children and makes sense of how they end.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use flow_model::inspect::Rejection;
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::compile_child::{Allowance, Verdict};

/// What is kept of what a child says on stderr.
const STDERR_BYTES: u64 = 4 << 10;
/// How much larger than its component the code may be, beside the first MiB.
const CODE_GROWTH: u64 = 32;

/// What a child says before it dies for want of memory.
const OUT_OF_MEMORY: &[&str] = &["memory allocation of", "out of memory", "Cannot allocate memory"];

/// How to start the process that compiles: it must do nothing but call [`crate::compile_child`].
#[derive(Debug, Clone)]
pub struct CompilerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// What compiling one component may take.
#[derive(Debug, Clone, Copy)]
pub struct CompileLimits {
    /// The largest component in bytes.
    pub component_bytes: u64,
    /// Address space of the child in bytes.
    pub memory_bytes: u64,
    /// CPU time, in whole seconds.
    pub cpu: Duration,
    /// Time, waiting for the child included.
    pub wall: Duration,
    /// Children at a time.
    pub at_once: usize,
}

impl Default for CompileLimits {
    /// 64 MiB of component; 2 GiB, 60 s of CPU and 120 s of time to compile it; two at a time.
    fn default() -> Self {
        Self {
            component_bytes: 64 << 20,
            memory_bytes: 2 << 30,
            cpu: Duration::from_mins(1),
            wall: Duration::from_mins(2),
            at_once: 2,
        }
    }
}

/// Code fresh from the compiler.
pub(crate) struct Compiled {
    /// The code.
    pub(crate) code: Vec<u8>,
    /// How long it took.
    pub(crate) millis: u64,
}

/// Compiles components in children, a few at a time.
pub(crate) struct Compiler {
    command: CompilerCommand,
    limits: CompileLimits,
    turns: Semaphore,
}

impl Compiler {
    /// A compiler that starts `command`.
    pub(crate) fn new(command: CompilerCommand, limits: CompileLimits) -> Self {
        Self { command, limits, turns: Semaphore::new(limits.at_once.max(1)) }
    }

    /// What a component may take.
    pub(crate) fn limits(&self) -> &CompileLimits {
        &self.limits
    }

    /// Checks and compiles one component.
    pub(crate) async fn compile(&self, wasm: Bytes) -> Result<Compiled, Rejection> {
        let _turn = self.turns.acquire().await.map_err(|_| Rejection::Unavailable("the host is stopping".into()))?;
        let child = self.start().map_err(|error| {
            tracing::error!(%error, program = %self.command.program.display(), "the compile child could not be started");
            Rejection::Unavailable("the compiler could not be started".into())
        })?;
        let max_code = (1 << 20) + u64::try_from(wasm.len()).unwrap_or(u64::MAX).saturating_mul(CODE_GROWTH);
        let talk = converse(child, self.allowance(), wasm, max_code);
        match tokio::time::timeout(self.limits.wall, talk).await {
            Ok(Ok(answer)) => answer.read(),
            Ok(Err(error)) => Err(Rejection::Unavailable(format!("the compiler could not be reached: {error}"))),
            // Dropping the conversation killed the child.
            Err(_) => Err(Rejection::TooExpensive(format!("it took more than {:?}", self.limits.wall))),
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.command.program)
            .args(&self.command.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    fn allowance(&self) -> Allowance {
        Allowance { memory_bytes: self.limits.memory_bytes, cpu_seconds: self.limits.cpu.as_secs().max(1) }
    }
}

/// All that a child said, and how it ended.
struct Answer {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

async fn converse(mut child: Child, allowance: Allowance, wasm: Bytes, max_code: u64) -> std::io::Result<Answer> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let header = serde_json::to_string(&allowance)?;
    let send = async {
        if let Some(mut stdin) = stdin {
            // A child that refuses early does not read to the end; its answer says why.
            let _ = stdin.write_all(format!("{header}\n").as_bytes()).await;
            let _ = stdin.write_all(&wasm).await;
            let _ = stdin.shutdown().await;
        }
    };
    let ((), stdout, stderr) = tokio::join!(send, read(stdout, max_code), read(stderr, STDERR_BYTES));
    let (stdout, stderr) = (stdout?, String::from_utf8_lossy(&stderr?).into_owned());
    Ok(Answer { status: child.wait().await?, stdout, stderr })
}

/// Reads at most `limit` bytes; whoever writes more is left talking to a closed pipe.
async fn read(from: Option<impl AsyncRead + Unpin>, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(limit).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

impl Answer {
    fn read(self) -> Result<Compiled, Rejection> {
        if !self.status.success() {
            return Err(self.crash());
        }
        let line = self.stdout.iter().position(|&byte| byte == b'\n').unwrap_or(self.stdout.len());
        match serde_json::from_slice(&self.stdout[..line]) {
            Ok(Verdict::Compiled { millis }) => Ok(Compiled { code: self.stdout[line + 1..].to_vec(), millis }),
            Ok(Verdict::Rejected(rejection)) => Err(rejection),
            Err(error) => {
                tracing::error!(%error, stderr = self.stderr, "the compile child's answer makes no sense");
                Err(Rejection::Unavailable("the compiler's answer makes no sense".into()))
            }
        }
    }

    fn crash(&self) -> Rejection {
        tracing::warn!(status = %self.status, stderr = self.stderr, "a compile child died");
        let signal = self.status.signal();
        let out_of_time = [Signal::XCPU, Signal::KILL].map(|signal| Some(signal.as_raw())).contains(&signal);
        if out_of_time {
            Rejection::TooExpensive("it took too much CPU time".into())
        } else if OUT_OF_MEMORY.iter().any(|words| self.stderr.contains(words)) {
            Rejection::TooExpensive("it took too much memory".into())
        } else {
            Rejection::CompilerFailed(format!("it ended with {}", self.status))
        }
    }
}
