//! The compile child as a program of its own, for this crate's tests and for programs that embed it.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    flow_sandbox::compile_child(io::stdin().lock(), io::stdout().lock())
}
