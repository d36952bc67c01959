//! The host's own log: to standard error, as text on a terminal, as JSON elsewhere.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

use crate::errors::Failure;
use crate::settings::{LOG, LOG_FORMAT, LogFormat, Settings, Source};

/// Starts logging as the settings say.
pub(crate) fn start(settings: &Settings) -> Result<(), Failure> {
    begin(settings, settings.get(&LOG)?)
}

/// The same for a command whose own output matters more: unless somebody says otherwise, only what is wrong.
pub(crate) fn start_quietly(settings: &Settings) -> Result<(), Failure> {
    match settings.source(&LOG) {
        Some(Source::Default) | None => begin(settings, EnvFilter::new("warn")),
        Some(Source::Flag(_) | Source::Variable(_) | Source::File(_)) => start(settings),
    }
}

fn begin(settings: &Settings, filter: EnvFilter) -> Result<(), Failure> {
    let json = match settings.get(&LOG_FORMAT)? {
        LogFormat::Auto => !stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // Starting a second time in one process changes nothing; the first one is as good.
    let _ = if json { subscriber.json().flatten_event(true).try_init() } else { subscriber.try_init() };
    Ok(())
}
