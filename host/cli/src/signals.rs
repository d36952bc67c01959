//! How the process is told to stop: once in good order, twice at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell shows for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Is cancelled by the first SIGTERM or SIGINT. The second one ends the process without further ado.
pub(crate) fn shutdown() -> std::io::Result<CancellationToken> {
    let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = CancellationToken::new();
    tokio::spawn(watch(terminate, interrupt, shutdown.clone()));
    Ok(shutdown)
}

async fn watch(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
    next(&mut terminate, &mut interrupt).await;
    tracing::info!("shutting down; signal again to stop at once");
    shutdown.cancel();
    next(&mut terminate, &mut interrupt).await;
    std::process::exit(INTERRUPTED);
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
