//! How long to wait before asking again a control plane that did not answer.

use std::time::Duration;

use flow_model::port::BrokerError;
use flow_model::time::Entropy;

/// The first pause is at most this long, every further one at most twice as long as the one before.
const FIRST: Duration = Duration::from_millis(100);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(10);

/// Ever longer pauses, each of random length, so that many workers do not come back in step.
pub(crate) struct Backoff<'a> {
    entropy: &'a Entropy,
    failures: u32,
}

impl<'a> Backoff<'a> {
    /// Nothing has failed yet.
    pub(crate) fn new(entropy: &'a Entropy) -> Self {
        Self { entropy, failures: 0 }
    }

    /// Waits out one more failure.
    pub(crate) async fn pause(&mut self) {
        let mut random = [0; 4];
        (self.entropy)(&mut random);
        let span = span(self.failures, u32::from_le_bytes(random));
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(span).await;
    }

    /// The other side answered: the next pause is a short one again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Asks until there is an answer. Only being unavailable is no answer; a refusal is one.
pub(crate) async fn until_answered<T, F, A>(entropy: &Entropy, what: &str, mut ask: F) -> Result<T, BrokerError>
where
    F: FnMut() -> A,
    A: Future<Output = Result<T, BrokerError>>,
{
    let mut backoff = Backoff::new(entropy);
    loop {
        match ask().await {
            Err(BrokerError::Unavailable(reason)) => {
                tracing::warn!(what, %reason, "the control plane does not answer; asking again");
                backoff.pause().await;
            }
            answer @ (Ok(_) | Err(BrokerError::Fenced(_) | BrokerError::Unauthorized(_) | BrokerError::Invalid(_))) => {
                return answer;
            }
        }
    }
}

/// Between half and the whole of a span that doubles with every failure.
fn span(failures: u32, random: u32) -> Duration {
    let whole = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
    whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_never_nothing() {
        for (failures, random, expected) in [
            (0, 0, 50),
            (0, u32::MAX, 100),
            (3, 0, 400),
            (3, u32::MAX, 800),
            (9, u32::MAX, 10_000),
            (u32::MAX, 0, 5_000),
        ] {
            assert_eq!(span(failures, random), Duration::from_millis(expected), "{failures} {random}");
        }
    }
}
