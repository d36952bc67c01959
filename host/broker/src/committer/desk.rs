//! The committer's loop: what to wait for, what to put into the next transaction, what to do when it fails.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Request;
use super::ask::Refusal;
use super::batch::{Batch, MAX_VERBS};
use super::claims::Claims;
use crate::engine::Engine;
use flow_model::fairness::FreeHands;

/// How long claimers wait before the queue is looked at without a hint: other nodes may have offered work.
const POLL_SHARED: Duration = Duration::from_secs(1);
/// The same where this process is the only one to offer work.
const POLL_ALONE: Duration = Duration::from_secs(10);

pub(super) async fn serve(engine: Arc<Engine>, mut requests: mpsc::Receiver<Request>, home: mpsc::WeakSender<Request>) {
    let mut desk = Desk {
        poll: if engine.store.is_shared() { POLL_SHARED } else { POLL_ALONE },
        engine,
        claims: Claims::default(),
        inbox: Vec::new(),
        stocked: true,
        home,
    };
    while desk.gather(&mut requests).await {
        let batch = desk.sort();
        desk.commit(batch).await;
    }
    desk.claims.refuse(&Refusal::closing());
}

struct Desk {
    engine: Arc<Engine>,
    poll: Duration,
    claims: Claims,
    inbox: Vec<Request>,
    /// There may be claimable work.
    stocked: bool,
    /// Where leased work goes that does not reach its worker.
    home: mpsc::WeakSender<Request>,
}

impl Desk {
    /// Waits until there is something to do; `false` once nobody can ask any more and nothing is left.
    async fn gather(&mut self, requests: &mut mpsc::Receiver<Request>) -> bool {
        let room = MAX_VERBS.saturating_sub(self.inbox.len()).max(1);
        let waiting = self.claims.any();
        if !self.inbox.is_empty() || (waiting && self.stocked) {
            for _ in 0..room {
                match requests.try_recv() {
                    Ok(request) => self.inbox.push(request),
                    Err(_) => break,
                }
            }
            return true;
        }
        let poll = Instant::now() + self.poll;
        let wake = self.claims.next_deadline().map_or(poll, |deadline| deadline.min(poll));
        tokio::select! {
            received = requests.recv_many(&mut self.inbox, room) => received > 0,
            () = tokio::time::sleep_until(wake), if waiting => {
                self.claims.expire(Instant::now());
                self.stocked = true;
                true
            }
        }
    }

    /// Makes a batch of what has arrived; what does not fit stays for the next.
    fn sort(&mut self) -> Batch {
        let mut batch = Batch::default();
        for request in std::mem::take(&mut self.inbox) {
            match request {
                Request::Claim(claimer) => self.claims.push(claimer),
                Request::Stocked => self.stocked = true,
                Request::Create(_)
                | Request::Start(_)
                | Request::Finish(_)
                | Request::Push(_)
                | Request::Log(_)
                | Request::Return(_) => {
                    if let Err(request) = batch.admit(request) {
                        self.inbox.push(request);
                    }
                }
            }
        }
        batch
    }

    async fn commit(&mut self, mut batch: Batch) {
        match self.execute(&mut batch).await {
            Ok(()) => batch.answer(),
            Err(error) if batch.len() <= 1 => {
                let refusal = Refusal::from(&error);
                if batch.is_empty() {
                    self.claims.refuse(&refusal);
                } else {
                    batch.refuse(&refusal);
                }
            }
            Err(error) => {
                tracing::warn!(%error, verbs = batch.len(), "a batch failed; its verbs are tried one by one");
                for mut single in batch.split() {
                    match self.execute(&mut single).await {
                        Ok(()) => single.answer(),
                        Err(error) => single.refuse(&Refusal::from(&error)),
                    }
                }
            }
        }
    }

    /// One transaction, and what follows its commit.
    async fn execute(&mut self, batch: &mut Batch) -> Result<(), flow_store::StoreError> {
        let waiting = self.claims.any();
        if batch.is_empty() && !(waiting && self.stocked) {
            return Ok(());
        }
        let engine = Arc::clone(&self.engine);
        let mut tx = engine.store.begin("committer").await?;
        let mut hands = if self.stocked { FreeHands::default() } else { self.claims.free_hands() };
        let mut written = batch.execute(&mut tx, &engine, &mut hands).await?;
        let stocked = self.stocked || written.offers;
        let mut handout = self.claims.handout(std::mem::take(&mut written.handed));
        if waiting && stocked {
            self.claims.lease(&mut tx, &engine, &mut handout).await?;
            written.merge(std::mem::take(&mut handout.written));
        }
        tx.commit().await?;
        self.stocked = stocked && !handout.drained;
        self.claims.hand_out(handout, &engine, &self.home);
        engine.told(written);
        Ok(())
    }
}
