//! What of a reply each import hands to its guest.

use flow_model::call::Reply;
use flow_model::state::RunState;

use crate::bindings::imports::connections::Connection;
use crate::bindings::imports::runs::RunState as WitRunState;

/// What can be read from the one kind of reply that fits. Every other kind is the broker's mistake.
pub(crate) trait FromReply: Sized {
    /// The value in `reply`, if it is of the kind that fits.
    fn from_reply(reply: Reply) -> Option<Self>;
}

impl FromReply for () {
    fn from_reply(reply: Reply) -> Option<Self> {
        matches!(reply, Reply::Done).then_some(())
    }
}

impl FromReply for String {
    fn from_reply(reply: Reply) -> Option<Self> {
        if let Reply::Text(text) = reply { Some(text) } else { None }
    }
}

impl FromReply for Vec<String> {
    fn from_reply(reply: Reply) -> Option<Self> {
        if let Reply::Keys(keys) = reply { Some(keys) } else { None }
    }
}

impl FromReply for u64 {
    fn from_reply(reply: Reply) -> Option<Self> {
        if let Reply::Count(count) = reply { Some(count) } else { None }
    }
}

impl FromReply for Option<i64> {
    fn from_reply(reply: Reply) -> Option<Self> {
        if let Reply::Instant(instant) = reply { Some(instant.map(|at| at.0)) } else { None }
    }
}

impl FromReply for WitRunState {
    fn from_reply(reply: Reply) -> Option<Self> {
        let Reply::RunState(state) = reply else { return None };
        Some(match state {
            RunState::Queued => Self::Queued,
            RunState::Running => Self::Running,
            RunState::Success => Self::Success,
            RunState::Failed => Self::Failed,
        })
    }
}

impl FromReply for Connection {
    fn from_reply(reply: Reply) -> Option<Self> {
        let Reply::Connection(details) = reply else { return None };
        let uri = details.uri();
        let details = *details;
        Some(Self {
            conn_type: details.conn_type,
            host: details.host,
            port: details.port,
            schema: details.schema,
            login: details.login,
            password: details.password,
            extra: details.extra,
            uri,
        })
    }
}
