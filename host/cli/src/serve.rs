//! `flow-host serve`: a whole host that runs until it is told to stop.

use std::io::Write as _;

use anyhow::Result;

use crate::host::{Host, Plan};
use crate::settings::Settings;
use crate::{logging, runtime, signals};

/// Serves until a signal.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    logging::start(settings)?;
    let plan = Plan::of(settings)?;
    runtime::block_on(async {
        let host = Host::start(plan, signals::shutdown()?).await?;
        announce(&host)?;
        host.ended().await
    })
}

/// Says where to go, to whoever waits for it: a person, or a program that reads the pipe.
fn announce(host: &Host) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if let Some(file) = &host.admin_token {
        writeln!(out, "the platform administrator's token is in {}", file.display())?;
    }
    writeln!(out, "listening on http://{}", host.address)?;
    out.flush()
}
