//! What a guest reaches of the outside world: its calls and its log lines, sent to the broker under its attempt's grant.

use std::sync::Arc;

use flow_model::call::{Call, CallError, Reply};
use flow_model::port::{Broker, BrokerError};
use flow_model::time::Entropy;
use flow_model::work::LogLine;
use flow_sandbox::Capabilities;
use futures::future::BoxFuture;

use crate::backoff::until_answered;
use crate::held::{Held, StopReason};

/// The capabilities of one attempt.
pub(crate) struct Brokered<B> {
    /// Where they come from.
    pub(crate) broker: B,
    /// In whose name.
    pub(crate) held: Arc<Held>,
    /// Spreads retries.
    pub(crate) entropy: Entropy,
}

impl<B: Broker> Capabilities for Brokered<B> {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Reply, CallError>> {
        let (broker, grant) = (self.broker.clone(), self.held.grant());
        Box::pin(async move { broker.call(&grant, call).await })
    }

    fn log(&self, lines: Vec<LogLine>) -> BoxFuture<'static, ()> {
        let (broker, held, entropy) = (self.broker.clone(), Arc::clone(&self.held), Arc::clone(&self.entropy));
        Box::pin(async move {
            let deliver = || {
                let (broker, grant, lines) = (&broker, held.grant(), lines.clone());
                async move { broker.log(&grant, lines).await }
            };
            match until_answered(&entropy, "log", deliver).await {
                Ok(()) => {}
                Err(BrokerError::Fenced(_)) => held.stop(StopReason::Fenced),
                Err(error @ (BrokerError::Unauthorized(_) | BrokerError::Invalid(_) | BrokerError::Unavailable(_))) => {
                    tracing::warn!(%error, lines = lines.len(), "log lines were refused");
                }
            }
        })
    }
}
