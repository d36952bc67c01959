//! Notices on their way to the control plane: whatever has gathered while a request is under way makes up the next one.
//!
//! A lone notice goes at once; under load a request carries what hundreds of attempts have to tell, and the control plane
//! takes all of it in one transaction.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flow_model::port::BrokerError;
use tokio::sync::oneshot;

/// Requests under way at a time: while one waits for its transaction, the next gathers.
const MOST_CARRIERS: usize = 4;
/// Notices of one request.
const MOST_NOTICES: usize = 256;
/// Bytes from which on a request takes no further notice.
const FULL: usize = 1 << 20;

/// One notice, ready to be sent.
pub(crate) struct Letter {
    /// It, as JSON.
    pub(crate) json: String,
    /// Who waits for the answer.
    pub(crate) answer: oneshot::Sender<Result<(), BrokerError>>,
}

/// What waits to be sent, and how many are busy sending.
#[derive(Default)]
pub(crate) struct Outbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    letters: VecDeque<Letter>,
    carriers: usize,
}

impl Outbox {
    /// Leaves a letter. Whether the caller has to send a carrier for it, because those there are may all be away.
    pub(crate) fn leave(&self, letter: Letter) -> bool {
        let mut waiting = self.lock();
        waiting.letters.push_back(letter);
        let needed = waiting.carriers < MOST_CARRIERS;
        waiting.carriers += usize::from(needed);
        needed
    }

    /// What a carrier takes along; if there is nothing its work is done.
    pub(crate) fn take(&self) -> Option<Vec<Letter>> {
        let mut waiting = self.lock();
        let (mut size, mut load) = (0, Vec::new());
        while load.len() < MOST_NOTICES
            && let Some(letter) = waiting.letters.pop_front_if(|letter| size == 0 || size + letter.json.len() <= FULL)
        {
            size += letter.json.len();
            load.push(letter);
        }
        if load.is_empty() {
            waiting.carriers -= 1;
            return None;
        }
        Some(load)
    }

    /// Nothing that holds the lock can panic halfway through a change.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leave(outbox: &Outbox, bytes: usize) -> bool {
        outbox.leave(Letter { json: "x".repeat(bytes), answer: oneshot::channel().0 })
    }

    fn sizes(load: &[Letter]) -> Vec<usize> {
        load.iter().map(|letter| letter.json.len()).collect()
    }

    #[test]
    fn what_gathers_while_all_carriers_are_away_makes_up_one_load() {
        let outbox = Outbox::default();
        for _ in 0..MOST_CARRIERS {
            assert!(leave(&outbox, 1), "somebody has to go");
            assert_eq!(sizes(&outbox.take().expect("a letter")), [1]);
        }
        for bytes in 2..5 {
            assert!(!leave(&outbox, bytes), "whoever comes back takes it");
        }
        assert_eq!(sizes(&outbox.take().expect("letters")), [2, 3, 4]);
        assert!(outbox.take().is_none(), "a carrier that finds nothing goes home");
        assert!(leave(&outbox, 5), "and is missed at the next letter");
    }

    #[test]
    fn a_load_is_bounded_and_no_letter_is_too_large_to_go() {
        let outbox = Outbox::default();
        for bytes in [FULL * 3, FULL / 2, FULL / 2, 1] {
            leave(&outbox, bytes);
        }
        let loads: Vec<_> = std::iter::from_fn(|| outbox.take().map(|load| sizes(&load))).collect();
        assert_eq!(loads, [vec![FULL * 3], vec![FULL / 2, FULL / 2], vec![1]]);
        for _ in 0..=MOST_NOTICES {
            leave(&outbox, 1);
        }
        assert_eq!(outbox.take().expect("letters").len(), MOST_NOTICES);
    }
}
