//! What guests reach: a few values to read, and a memory of all that they asked and logged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use flow_model::call::{Call, CallError, ConnectionDetails, Reply};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::work::{LogLine, LogSource};
use flow_sandbox::Capabilities;
use futures::future::{BoxFuture, FutureExt as _, ready};
use tokio::sync::Notify;

/// A world of one tenant.
#[derive(Default)]
pub(crate) struct World {
    /// Its variables.
    pub(crate) variables: BTreeMap<String, String>,
    /// All calls, in order.
    pub(crate) calls: Mutex<Vec<Call>>,
    /// All lines, in order.
    pub(crate) lines: Arc<Mutex<Vec<LogLine>>>,
    /// Told of every batch of lines.
    pub(crate) logged: Arc<Notify>,
    /// Whether calls are never answered.
    pub(crate) silent: bool,
}

impl World {
    /// The events that were logged from `source`.
    pub(crate) fn events(&self, source: LogSource) -> Vec<String> {
        let lines = self.lines.lock().expect("nobody panicked");
        lines.iter().filter(|line| line.source == source).map(|line| line.event.clone()).collect()
    }

    fn answer(&self, call: &Call) -> Result<Reply, CallError> {
        match call {
            Call::VariableGet { key } => match self.variables.get(key.as_str()) {
                Some(value) => Ok(Reply::Text(value.clone())),
                None => Err(CallError::NotFound),
            },
            Call::VariableKeys { .. } => Ok(Reply::Keys(self.variables.keys().cloned().collect())),
            Call::ConnectionGet { .. } => Ok(Reply::Connection(Box::new(ConnectionDetails {
                conn_type: "http".into(),
                host: Some("example.org".into()),
                ..ConnectionDetails::default()
            }))),
            Call::XcomPull { .. } | Call::XcomPullAll { .. } | Call::XcomPullFrom { .. } | Call::AssetEvents { .. } => {
                Ok(Reply::Text("[1]".into()))
            }
            Call::StateGet { .. } => Err(CallError::Quota("reads".into())),
            // Not what was asked for: the host must not stumble over it.
            Call::RunTrigger { .. } => Ok(Reply::Count(3)),
            Call::RunState { .. } => Ok(Reply::RunState(RunState::Running)),
            Call::RunCounts { .. } => Ok(Reply::Count(7)),
            Call::PreviousSuccess => Ok(Reply::Instant(Some(Millis(5)))),
            Call::VariableSet { .. }
            | Call::VariableDelete { .. }
            | Call::XcomPush { .. }
            | Call::StateSet { .. }
            | Call::StateDelete { .. }
            | Call::StateClear
            | Call::AssetEmit { .. }
            | Call::Progress { .. } => Ok(Reply::Done),
        }
    }
}

impl Capabilities for World {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Reply, CallError>> {
        if self.silent {
            return std::future::pending().boxed();
        }
        let answer = self.answer(&call);
        self.calls.lock().expect("nobody panicked").push(call);
        ready(answer).boxed()
    }

    fn log(&self, lines: Vec<LogLine>) -> BoxFuture<'static, ()> {
        let (all, logged) = (Arc::clone(&self.lines), Arc::clone(&self.logged));
        async move {
            all.lock().expect("nobody panicked").extend(lines);
            logged.notify_one();
        }
        .boxed()
    }
}
