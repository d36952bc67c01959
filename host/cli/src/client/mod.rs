//! Commands that talk to a server, or that help those who do.

use clap::{CommandFactory as _, Subcommand};
use clap_complete::Shell;

use crate::args::Args;

/// The client's commands, side by side with the operator's.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  flow-host completions bash > /etc/bash_completion.d/flow-host")]
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// Does what the command says.
#[expect(clippy::unused_async, reason = "the other commands wait for a server")]
pub(crate) async fn run(command: ClientCommand) -> anyhow::Result<()> {
    match command {
        ClientCommand::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "flow-host", &mut std::io::stdout());
            Ok(())
        }
    }
}
