//! What a guest sees of WASI: no environment, arguments, files or network, and clocks that suit the call.

use std::sync::Arc;

use flow_model::ids::Digest;
use flow_model::time::{Clock, Millis};
use flow_model::work::LogSource;
use wasmtime_wasi::WasiCtx;

use crate::clocks;
use crate::entry::Entry;
use crate::log::LogSink;
use crate::stdio::Captured;

/// Random bytes of one call.
const RANDOM_BYTES: u64 = 1 << 20;

/// One guest's view, which is not made before the guest looks: many a task returns without.
pub(crate) struct Wasi {
    clock: Clock,
    stands_at: Option<Millis>,
    module: Digest,
    context: Option<WasiCtx>,
}

impl Wasi {
    /// The view that suits a call of `entry`.
    pub(crate) fn new(entry: &Entry, module: Digest, clock: Clock) -> Self {
        Self { clock, stands_at: entry.stands_at(), module, context: None }
    }

    /// The view. What the guest prints goes to `log`.
    pub(crate) fn context(&mut self, log: &Arc<LogSink>) -> &mut WasiCtx {
        let Self { clock, stands_at, module, context } = self;
        context.get_or_insert_with(|| {
            let mut wasi = WasiCtx::builder();
            wasi.stdout(Captured { log: Arc::clone(log), source: LogSource::Stdout })
                .stderr(Captured { log: Arc::clone(log), source: LogSource::Stderr })
                .max_random_size(RANDOM_BYTES);
            match stands_at {
                None => clocks::running(&mut wasi, Arc::clone(clock)),
                Some(now) => clocks::fixed(&mut wasi, *now, module),
            }
            wasi.build()
        })
    }
}
