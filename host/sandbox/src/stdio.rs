//! A guest's standard output and standard error as WASI streams that end in its log.

use std::sync::Arc;

use bytes::Bytes;
use flow_model::work::LogSource;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::log::LogSink;

/// What one write may carry. It is also what `write-zeroes` may make the host allocate.
const PERMIT: usize = 64 << 10;

/// One standard stream. A guest can open it as often as it likes: all of them write to the same log.
#[derive(Clone)]
pub(crate) struct Captured {
    /// The log.
    pub(crate) log: Arc<LogSink>,
    /// Which of the two streams it is.
    pub(crate) source: LogSource,
}

impl IsTerminal for Captured {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Captured {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only versions of WASI that are not linked ask for this form.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Captured {
    async fn ready(&mut self) {
        self.log.room().await;
    }
}

#[async_trait]
impl OutputStream for Captured {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.write(self.source, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.log.has_room() { PERMIT } else { 0 })
    }
}
