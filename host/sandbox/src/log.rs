//! One attempt's log: what the guest prints or logs becomes lines, within a quota, on their way to the broker.
//!
//! All of a guest's streams share one log. A guest that writes faster than lines can be delivered has to wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_model::time::Clock;
use flow_model::work::{LogLevel, LogLine, LogSource};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::capabilities::Capabilities;
use crate::lines::LineBuffer;

/// Bytes of undelivered lines from which on the guest waits.
const HIGH_WATER: usize = 256 << 10;
/// What a line costs the host beside its text, about.
const LINE_OVERHEAD: usize = 64;
/// A quota of lines beside that of bytes: one line per so many bytes.
const BYTES_PER_LINE: u64 = 32;
/// How much of the end of stderr is remembered for the attempt's error message.
const STDERR_TAIL: usize = 4 << 10;

/// The owner's handle. Dropping it ends the log, delivered or not.
pub(crate) struct AttemptLog(Arc<LogSink>);

/// Where lines go; shared by everything that writes them.
pub(crate) struct LogSink {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
    clock: Clock,
    host: Handle,
    capabilities: Arc<dyn Capabilities>,
}

struct Queue {
    lines: Vec<LogLine>,
    waiting: usize,
    quota: Quota,
    stdout: LineBuffer,
    stderr: LineBuffer,
    stderr_tail: String,
    closed: bool,
    flusher: Option<JoinHandle<()>>,
}

struct Quota {
    limit: u64,
    bytes: u64,
    lines: u64,
    truncated: bool,
}

impl AttemptLog {
    /// An empty log of at most `limit` bytes that is delivered to `capabilities` on the current runtime.
    pub(crate) fn new(limit: u64, clock: Clock, capabilities: Arc<dyn Capabilities>) -> Self {
        let quota = Quota { limit, bytes: limit, lines: limit / BYTES_PER_LINE, truncated: false };
        let queue = Queue {
            lines: Vec::new(),
            waiting: 0,
            quota,
            stdout: LineBuffer::default(),
            stderr: LineBuffer::default(),
            stderr_tail: String::new(),
            closed: false,
            flusher: None,
        };
        Self(Arc::new(LogSink {
            queue: Mutex::new(queue),
            filled: Notify::new(),
            drained: Notify::new(),
            clock,
            host: Handle::current(),
            capabilities,
        }))
    }

    /// Where to write lines.
    pub(crate) fn sink(&self) -> Arc<LogSink> {
        Arc::clone(&self.0)
    }

    /// The end of what the guest wrote to stderr, whether it fitted into the log or not. Asking again tells only what
    /// was written since.
    pub(crate) fn take_stderr_tail(&self) -> String {
        let mut queue = self.0.lock();
        self.0.flush_partial_lines(&mut queue);
        std::mem::take(&mut queue.stderr_tail)
    }

    /// Adds a line of the host's own, whatever is left of the quota.
    pub(crate) fn say(&self, level: LogLevel, words: String) {
        let mut queue = self.0.lock();
        self.0.flush_partial_lines(&mut queue);
        let line = self.0.line(level, LogSource::Host, words);
        self.0.enqueue(&mut queue, line);
    }

    /// Delivers what is left, and ends the log.
    pub(crate) async fn finish(self) {
        let flusher = {
            let mut queue = self.0.lock();
            self.0.flush_partial_lines(&mut queue);
            queue.closed = true;
            queue.flusher.take()
        };
        self.0.filled.notify_one();
        if let Some(flusher) = flusher
            && let Err(error) = flusher.await
        {
            tracing::error!(%error, "the end of an attempt's log was not delivered");
        }
    }
}

impl Drop for AttemptLog {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.filled.notify_one();
    }
}

impl LogSink {
    /// Takes bytes that the guest wrote to one of its standard streams.
    pub(crate) fn write(self: &Arc<Self>, source: LogSource, bytes: &[u8]) {
        let mut queue = self.lock();
        let (buffer, level) = match source {
            LogSource::Stdout => (&mut queue.stdout, LogLevel::Info),
            // As Airflow does with what a task prints there.
            LogSource::Stderr | LogSource::Log | LogSource::Host => (&mut queue.stderr, LogLevel::Error),
        };
        let mut whole = Vec::new();
        buffer.feed(bytes, |line| whole.push(line));
        for event in whole {
            self.accept(&mut queue, self.line(level, source, event));
        }
    }

    /// Takes one message of the `log` interface.
    pub(crate) fn message(self: &Arc<Self>, level: LogLevel, event: String, fields: Option<serde_json::Value>) {
        self.accept(&mut self.lock(), LogLine { fields, ..self.line(level, LogSource::Log, event) });
    }

    /// Whether the guest may write more now.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().waiting < HIGH_WATER
    }

    /// Waits until the guest may write more.
    pub(crate) async fn room(&self) {
        loop {
            let drained = self.drained.notified();
            // `notified` counts from its creation on, so lines taken after this check still wake it.
            if self.has_room() {
                return;
            }
            drained.await;
        }
    }

    fn flush_partial_lines(self: &Arc<Self>, queue: &mut Queue) {
        if let Some(event) = queue.stdout.take_partial() {
            self.accept(queue, self.line(LogLevel::Info, LogSource::Stdout, event));
        }
        if let Some(event) = queue.stderr.take_partial() {
            self.accept(queue, self.line(LogLevel::Error, LogSource::Stderr, event));
        }
    }

    fn line(&self, level: LogLevel, source: LogSource, event: String) -> LogLine {
        // Not every database can store a NUL in a text.
        let event = if event.contains('\0') { event.replace('\0', "\u{fffd}") } else { event };
        LogLine { timestamp: (self.clock)(), level, source, event, fields: None }
    }

    /// Enqueues a guest's line if the quota has room for it, or else the mark, once.
    fn accept(self: &Arc<Self>, queue: &mut Queue, line: LogLine) {
        if line.source == LogSource::Stderr {
            remember(&mut queue.stderr_tail, &line.event);
        }
        let size = line.event.len() + line.fields.as_ref().map_or(0, |fields| fields.to_string().len());
        if queue.quota.take(size) {
            self.enqueue(queue, line);
        } else if !std::mem::replace(&mut queue.quota.truncated, true) {
            let mark = format!("log truncated: the attempt's log quota of {} bytes is used up", queue.quota.limit);
            self.enqueue(queue, self.line(LogLevel::Warn, LogSource::Host, mark));
        }
    }

    fn enqueue(self: &Arc<Self>, queue: &mut Queue, line: LogLine) {
        queue.waiting += line.event.len() + LINE_OVERHEAD;
        queue.lines.push(line);
        // Most attempts log nothing and never start a flusher.
        if queue.flusher.is_none() && !queue.closed {
            queue.flusher = Some(self.host.spawn(Arc::clone(self).flush()));
        }
        self.filled.notify_one();
    }

    async fn flush(self: Arc<Self>) {
        loop {
            let (lines, closed) = {
                let mut queue = self.lock();
                queue.waiting = 0;
                (std::mem::take(&mut queue.lines), queue.closed)
            };
            if !lines.is_empty() {
                self.capabilities.log(lines).await;
                self.drained.notify_waiters();
            } else if closed {
                return;
            } else {
                self.filled.notified().await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Quota {
    fn take(&mut self, size: usize) -> bool {
        let size = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
        // Once cut, a log stays cut: a shorter line after a dropped one would hide that something is missing.
        if self.truncated || size > self.bytes || self.lines == 0 {
            return false;
        }
        self.bytes -= size;
        self.lines -= 1;
        true
    }
}

fn remember(tail: &mut String, line: &str) {
    tail.push_str(line);
    tail.push('\n');
    if tail.len() > STDERR_TAIL {
        let cut = tail.ceil_char_boundary(tail.len() - STDERR_TAIL);
        tail.drain(..cut);
    }
}

#[cfg(test)]
mod tests;
