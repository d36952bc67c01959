//! The async runtime of long-running commands. Guests never run on it.

use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Builder;

/// How long what still runs may take to notice the end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs `work` to its end, with one thread per core.
pub(crate) fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().thread_name("flow-host").build()?;
    let outcome = runtime.block_on(work);
    // Something that blocks a thread must not keep the process from ending.
    runtime.shutdown_timeout(LAST_WORDS);
    outcome
}
