//! End to end: the real binary in processes of its own, real components, over HTTP and by commands.

mod cli;
mod init;
mod shell;
