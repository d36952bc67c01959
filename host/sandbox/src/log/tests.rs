//! A log whose lines are taken slowly.

use flow_model::call::{Call, CallError, Reply};
use flow_model::time::Millis;
use futures::future::{BoxFuture, FutureExt as _};
use tokio::sync::Semaphore;

use super::*;

/// Takes one batch for each permit.
struct Slow {
    permits: Arc<Semaphore>,
    taken: Arc<Mutex<Vec<LogLine>>>,
}

impl Capabilities for Slow {
    fn call(&self, _: Call) -> BoxFuture<'static, Result<Reply, CallError>> {
        std::future::ready(Err(CallError::Denied)).boxed()
    }

    fn log(&self, lines: Vec<LogLine>) -> BoxFuture<'static, ()> {
        let (permits, taken) = (Arc::clone(&self.permits), Arc::clone(&self.taken));
        async move {
            permits.acquire().await.expect("it stays open").forget();
            taken.lock().expect("nobody panicked").extend(lines);
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_writer_waits_while_lines_are_underway_and_nothing_is_lost() {
    let (permits, taken) = (Arc::new(Semaphore::new(0)), Arc::default());
    let slow = Slow { permits: Arc::clone(&permits), taken: Arc::clone(&taken) };
    let log = AttemptLog::new(16 << 20, Arc::new(|| Millis(1)), Arc::new(slow));
    let sink = log.sink();
    let mut written = 0;
    // One batch is underway and the next one is full: there is no room before the first is taken.
    for _ in 0..2 {
        while sink.has_room() {
            sink.write(LogSource::Stdout, format!("{written} {}\n", "x".repeat(1_000)).as_bytes());
            written += 1;
        }
        tokio::task::yield_now().await;
    }
    assert!(sink.room().now_or_never().is_none());
    assert!(written < 1_000, "{written} lines of 1 kB are underway");
    permits.add_permits(100);
    sink.room().await;
    sink.write(LogSource::Stderr, b"no line end");
    log.say(LogLevel::Error, "the end".into());
    log.finish().await;
    let taken = taken.lock().expect("nobody panicked");
    assert_eq!(taken.len(), written + 2);
    assert!(taken.iter().take(written).enumerate().all(|(i, line)| line.event.starts_with(&format!("{i} "))));
    assert_eq!(taken.last().map(|line| line.event.as_str()), Some("the end"));
}
