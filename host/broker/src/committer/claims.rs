//! Claimers that wait for work, and handing it out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use flow_model::fairness::{FreeHands, exchange};
use flow_model::ids::{AttemptId, TenantId};
use flow_model::port::{ClaimRequest, TenantScope};
use flow_store::work::{self, WorkRow};
use flow_store::{Session, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Request;
use super::ask::Refusal;
use super::begin;
use crate::engine::{Engine, Written};

/// A worker that waits for work.
pub(super) struct Claimer {
    request: ClaimRequest,
    deadline: Instant,
    reply: oneshot::Sender<Result<Share, Refusal>>,
}

/// Leased work on its way to a worker. If it is dropped before it is kept, because the worker has gone or the work could
/// not be put together, it goes back into the queue at once.
#[derive(Default)]
pub(crate) struct Share {
    rows: Vec<WorkRow>,
    home: Option<mpsc::WeakSender<Request>>,
}

impl Share {
    pub(crate) fn rows(&self) -> &[WorkRow] {
        &self.rows
    }

    /// The worker has it: from here on only its lease protects it.
    pub(crate) fn keep(mut self) {
        self.home = None;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(home) = self.home.take().and_then(|home| home.upgrade()) else { return };
        let attempts: Vec<AttemptId> = self.rows.iter().map(|row| row.attempt).collect();
        if !attempts.is_empty() && home.try_send(Request::Return(attempts)).is_err() {
            tracing::warn!("leased work could not be given back; it is offered again when its lease expires");
        }
    }
}

/// The most slots that one claim is served.
const MAX_SLOTS: u32 = 1_024;
/// The longest that a claim waits.
const MAX_WAIT: Duration = Duration::from_secs(30);

impl Claimer {
    pub(super) fn new(request: ClaimRequest, reply: oneshot::Sender<Result<Share, Refusal>>) -> Self {
        let wait = Duration::from_millis(request.wait_ms).min(MAX_WAIT);
        Self { request, deadline: Instant::now() + wait, reply }
    }

    fn slots(&self) -> usize {
        self.request.slots.clamp(1, MAX_SLOTS) as usize
    }
}

/// Everybody who waits, longest first.
#[derive(Default)]
pub(super) struct Claims(VecDeque<Claimer>);

impl Claims {
    pub(super) fn push(&mut self, claimer: Claimer) {
        self.0.push_back(claimer);
    }

    /// Forgets those who no longer wait, and says whether anybody does.
    pub(super) fn any(&mut self) -> bool {
        self.0.retain(|claimer| !claimer.reply.is_closed());
        !self.0.is_empty()
    }

    /// When the first claimer has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.0.iter().map(|claimer| claimer.deadline).min()
    }

    /// Answers those who have waited long enough that there is nothing.
    pub(super) fn expire(&mut self, now: Instant) {
        let (late, waiting) = self.0.drain(..).partition(|claimer| claimer.deadline <= now);
        self.0 = waiting;
        let late: VecDeque<Claimer> = late;
        for claimer in late {
            drop(claimer.reply.send(Ok(Share::default())));
        }
    }

    /// Answers everybody that there is a reason why not.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        self.0.drain(..).for_each(|claimer| drop(claimer.reply.send(Err(refusal.clone()))));
    }

    /// Those who wait and run at once what they get.
    pub(super) fn free_hands(&self) -> FreeHands {
        let mut hands = FreeHands::default();
        for claimer in self.0.iter().filter(|claimer| claimer.request.begins) {
            hands.add(claimer.request.worker, claimer.request.tenants.clone(), claimer.slots());
        }
        hands
    }

    /// Shares with what workers have been handed already.
    pub(super) fn handout(&self, handed: Vec<WorkRow>) -> Handout {
        let mut handout = Handout::to(self.0.len());
        for work in handed {
            let is_its = |at: &usize| {
                let claimer = &self.0[*at];
                let worker = work.lease.map(|(worker, _)| worker);
                worker == Some(claimer.request.worker) && handout.handed[*at].len() < claimer.slots()
            };
            // If it were nobody's, its lease would expire.
            if let Some(at) = (0..self.0.len()).find(is_its) {
                handout.handed[at].push(work);
            }
        }
        handout
    }

    /// Leases queued work to those who wait, within a transaction. Tell them with [`Claims::hand_out`] once it is committed.
    pub(super) async fn lease(
        &self,
        db: &mut Session,
        engine: &Engine,
        handout: &mut Handout,
    ) -> Result<(), StoreError> {
        let until = engine.now().after(engine.lease);
        handout.drained = true;
        let mut open: Vec<usize> = (0..self.0.len()).filter(|&at| self.room(handout, at) > 0).collect();
        while let Some(&first) = open.first() {
            let scope = self.0[first].request.tenants.clone();
            let (alike, others) = open.into_iter().partition(|&at| self.0[at].request.tenants == scope);
            open = others;
            self.lease_within(db, &scope, &alike, handout).await?;
        }
        let beginners = self.0.iter().zip(&mut handout.shares).filter(|(claimer, _)| claimer.request.begins);
        let beginners = beginners.map(|(claimer, rows)| begin::Share { worker: claimer.request.worker, rows });
        handout.written = begin::begin(db, engine, beginners.collect()).await?;
        for (claimer, share) in self.0.iter().zip(&mut handout.shares) {
            for work in share {
                work.lease = Some((claimer.request.worker, until));
            }
        }
        let taken: Vec<WorkRow> = handout.shares.iter().flatten().chain(&handout.moved).cloned().collect();
        if taken.is_empty() { Ok(()) } else { work::take(db, &taken) }
    }

    /// How many slots a claimer has left.
    fn room(&self, handout: &Handout, at: usize) -> usize {
        self.0[at].slots().saturating_sub(handout.handed[at].len() + handout.shares[at].len())
    }

    /// Shares out what one query finds for claimers of the same tenants, as evenly as their slots allow.
    async fn lease_within(
        &self,
        db: &mut Session,
        scope: &TenantScope,
        claimers: &[usize],
        handout: &mut Handout,
    ) -> Result<(), StoreError> {
        let wanted: usize = claimers.iter().map(|&at| self.room(handout, at)).sum();
        let wanted = u32::try_from(wanted).unwrap_or(MAX_SLOTS).min(MAX_SLOTS);
        let tenants: Option<&[TenantId]> = match scope {
            TenantScope::All => None,
            TenantScope::Only(tenants) => Some(tenants),
        };
        let mut found = work::next(db, wanted, tenants).await?;
        if found.len() == wanted as usize {
            handout.drained = false;
            found = spend(db, found, &mut handout.moved).await?;
        }
        let mut found = found.into_iter();
        let mut open = claimers.to_owned();
        while !open.is_empty() {
            for &at in &open {
                let Some(work) = found.next() else { return Ok(()) };
                handout.shares[at].push(work);
            }
            open.retain(|&at| self.room(handout, at) > 0);
        }
        Ok(())
    }

    /// Answers those who got something; the others go on waiting.
    pub(super) fn hand_out(&mut self, handout: Handout, engine: &Engine, home: &mpsc::WeakSender<Request>) {
        let waiting = std::mem::take(&mut self.0);
        for ((claimer, share), mut rows) in waiting.into_iter().zip(handout.shares).zip(handout.handed) {
            rows.extend(share);
            if rows.is_empty() {
                self.0.push_back(claimer);
                continue;
            }
            rows.iter().filter_map(|work| work.turn).for_each(|turn| engine.handed(turn));
            drop(claimer.reply.send(Ok(Share { rows, home: Some(home.clone()) })));
        }
    }
}

/// Where work is left over, each tenant's turns go to what matters most to it.
async fn spend(db: &mut Session, drawn: Vec<WorkRow>, moved: &mut Vec<WorkRow>) -> Result<Vec<WorkRow>, StoreError> {
    let mut tenants: BTreeMap<TenantId, Vec<WorkRow>> = BTreeMap::new();
    for row in drawn {
        tenants.entry(row.tenant.clone()).or_default().push(row);
    }
    let turns = |rows: &[WorkRow]| rows.iter().map(|row| (row.attempt, row.turn.unwrap_or(0))).collect::<Vec<_>>();
    let mut claimed = Vec::new();
    for (tenant, drawn) in tenants {
        let count = u32::try_from(drawn.len()).unwrap_or(u32::MAX);
        let weightiest = work::weightiest(db, &tenant, count).await?;
        let spent = exchange(&turns(&drawn), &turns(&weightiest));
        let mut rows: HashMap<AttemptId, WorkRow> =
            drawn.into_iter().chain(weightiest).map(|row| (row.attempt, row)).collect();
        let mut with_turns = |pairs: Vec<(AttemptId, u64)>| -> Vec<WorkRow> {
            let rows = pairs.into_iter().filter_map(|(attempt, turn)| Some((rows.remove(&attempt)?, turn)));
            rows.map(|(row, turn)| WorkRow { turn: Some(turn), ..row }).collect()
        };
        claimed.extend(with_turns(spent.claimed));
        moved.extend(with_turns(spent.moved));
    }
    claimed.sort_by_key(|row| row.turn);
    Ok(claimed)
}

/// Who gets what.
pub(super) struct Handout {
    /// What came of tasks that begin.
    pub(super) written: Written,
    /// What was released by the same transaction and never queued.
    handed: Vec<Vec<WorkRow>>,
    /// What was queued.
    shares: Vec<Vec<WorkRow>>,
    /// Work that keeps waiting, with other turns.
    moved: Vec<WorkRow>,
    /// The queue was looked at, and nothing claimable was left over.
    pub(super) drained: bool,
}

impl Handout {
    fn to(claimers: usize) -> Self {
        let nothing = vec![Vec::new(); claimers];
        let (handed, shares) = (nothing.clone(), nothing);
        Self { written: Written::default(), handed, shares, moved: Vec::new(), drained: false }
    }
}
