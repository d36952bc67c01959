//! The hidden subcommand that compiles one component, in a process of its own so that its failures stay its own.

use std::io::{stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use flow_sandbox::CompilerCommand;

/// Reads a component from standard input, writes its verdict and its code to standard output.
pub(crate) fn run() -> ExitCode {
    flow_sandbox::compile_child(stdin().lock(), stdout().lock())
}

/// How to start this program as a compile child.
pub(crate) fn command() -> anyhow::Result<CompilerCommand> {
    // Where there is such a link it leads to this very program, even after an update has replaced the file.
    let link = PathBuf::from("/proc/self/exe");
    let program = if link.exists() { link } else { std::env::current_exe()? };
    Ok(CompilerCommand { program, args: vec!["compile-module".into()] })
}
