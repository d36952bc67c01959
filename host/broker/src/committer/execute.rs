//! Executing a batch within its transaction. Nothing is answered here: outcomes are kept until the commit.

use flow_model::fairness::FreeHands;
use flow_model::ids::AttemptId;
use flow_store::{Session, StoreError, log, step, work};

use super::ask::Refusal;
use super::batch::Batch;
use super::steps::Steps;
use crate::engine::{Engine, Written};
use crate::plan::Holding;
use crate::{admission, create};

impl Batch {
    /// Carries out all of it; what it releases may begin at once in these hands.
    pub(super) async fn execute(
        &mut self,
        db: &mut Session,
        engine: &Engine,
        hands: &mut FreeHands,
    ) -> Result<Written, StoreError> {
        let mut written = self.execute_creates(db, engine, hands).await?;
        self.execute_logs(db).await?;
        if !self.returns.is_empty() {
            work::give_back(db, &self.returns).await?;
            written.offers = true;
        }
        written.merge(self.execute_steps(db, engine, hands).await?);
        admission::settle(db, engine, &mut written).await?;
        Ok(written)
    }

    async fn execute_creates(
        &mut self,
        db: &mut Session,
        engine: &Engine,
        hands: &mut FreeHands,
    ) -> Result<Written, StoreError> {
        if self.creates.is_empty() {
            return Ok(Written::default());
        }
        let runs: Vec<_> = self.creates.iter().map(|ask| &ask.verb).collect();
        let (created, written) = create::create(db, engine, &runs, hands).await?;
        for ask in &mut self.creates {
            let key = ask.verb.row.key;
            ask.outcome = if created.contains(&key) { Ok(key) } else { Err(Refusal::Taken) };
        }
        Ok(written)
    }

    async fn execute_logs(&mut self, db: &mut Session) -> Result<(), StoreError> {
        if self.logs.is_empty() {
            return Ok(());
        }
        let chunks: Vec<_> = self.logs.iter().map(|ask| ask.verb.clone()).collect();
        let accepted = log::append(db, &chunks).await?;
        for ask in &mut self.logs {
            ask.outcome = if accepted.contains(&ask.verb.attempt) { Ok(()) } else { Err(Refusal::Fenced) };
        }
        Ok(())
    }

    /// Starts, pushes and finishes: everything that an attempt does to its task instance.
    async fn execute_steps(
        &mut self,
        db: &mut Session,
        engine: &Engine,
        hands: &mut FreeHands,
    ) -> Result<Written, StoreError> {
        let attempts: Vec<AttemptId> = (self.starts.iter().map(|ask| ask.verb.attempt))
            .chain(self.pushes.iter().map(|ask| ask.verb.attempt))
            .chain(self.finishes.iter().map(|ask| ask.verb.attempt))
            .collect();
        if attempts.is_empty() {
            return Ok(Written::default());
        }
        let (runs, found) = step::lock(db, &attempts).await?;
        let holding = Holding::load(db, engine, runs).await?;
        let mut steps = Steps::take_up(db, engine, &holding, found).await?;
        for ask in &mut self.starts {
            ask.outcome = steps.start(&ask.verb);
        }
        for ask in &mut self.pushes {
            ask.outcome = steps.push(&ask.verb);
        }
        for ask in &mut self.finishes {
            ask.outcome = steps.finish(&ask.verb);
        }
        steps.write(db, hands).await
    }
}
