//! Job records: who schedules, and which workers come and go.
//!
//! A job shows that it is alive by what it does anyway: the scheduler by its rounds, a worker by claiming and renewing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flow_model::ids::JobId;
use flow_model::port::ClaimRequest;
use flow_model::time::Millis;
use flow_store::job::{self, NewJob};
use flow_store::{StoreError, work};

use crate::error::ServiceError;
use crate::local::{Inner, LocalBroker};

/// What a scheduler's job is called, as in Airflow.
pub(crate) const SCHEDULER: &str = "SchedulerJob";
/// What a worker's job is called.
const WORKER: &str = "WorkerJob";

/// How often a record is brought up to date.
const BEAT: Duration = Duration::from_secs(5);
/// How long a job may be silent before it is taken for gone. A worker without work is heard of every 20 s.
const GONE: Duration = Duration::from_mins(1);
/// The longest name of a machine, as in the domain name system.
const MAX_HOSTNAME: usize = 255;

/// Scheduling is the business of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Office {
    /// The installation whose process this is.
    pub(crate) instance: JobId,
    /// The scheduler's job.
    pub(crate) scheduler: JobId,
}

/// When the record of each job was last brought up to date by this process.
#[derive(Default)]
pub(crate) struct Beats(Mutex<HashMap<JobId, Millis>>);

impl Beats {
    /// Whether a job's record is due; then somebody sees to it, and it is not for a while.
    pub(crate) fn is_due(&self, job: JobId, now: Millis) -> bool {
        let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = beats.get(&job).is_none_or(|&last| now.since(last) >= BEAT);
        if due {
            beats.retain(|_, last| now.since(*last) < GONE);
            beats.insert(job, now);
        }
        due
    }
}

impl Inner {
    /// Notes that this process schedules, and takes back what an earlier process of the same installation held: its
    /// workers are gone with it.
    pub(crate) async fn take_office(&self, office: Office, hostname: String) -> Result<(), StoreError> {
        let (now, Office { instance, scheduler }) = (self.now(), office);
        let mut tx = self.store.begin("take office").await?;
        let gone = job::fail_left_behind(&mut tx, instance, now).await?;
        if !gone.is_empty() {
            work::expire_workers(&mut tx, &gone, now).await?;
        }
        let kind = SCHEDULER.to_owned();
        job::begin(&mut tx, &NewJob { id: scheduler, kind, hostname, instance: Some(instance), start: now }).await?;
        tx.commit().await
    }

    /// Shows every few seconds that scheduling goes on, and ends the jobs that nothing is heard of any more.
    pub(crate) async fn beat_scheduler(&self, now: Millis) -> Result<(), StoreError> {
        let Some(Office { scheduler, .. }) = self.office else { return Ok(()) };
        if !self.beats.is_due(scheduler, now) {
            return Ok(());
        }
        let mut tx = self.store.begin("scheduler heartbeat").await?;
        job::beat(&mut tx, scheduler, now).await?;
        job::fail_silent(&mut tx, now.before(GONE)).await?;
        tx.commit().await
    }

    /// Notes that a worker asks for work; whoever is not known yet is from now on. That it cannot be noted keeps nobody
    /// from work: leases say who is alive, job records only show it.
    pub(crate) async fn note_claim(&self, request: &ClaimRequest) {
        let (id, start) = (request.worker, self.now());
        if self.beats.is_due(id, start) {
            let (kind, hostname) = (WORKER.to_owned(), request.hostname.clone());
            self.note(self.appear(NewJob { id, kind, hostname, instance: None, start })).await;
        }
    }

    /// Notes that a worker renews what it holds.
    pub(crate) async fn note_renewal(&self, worker: JobId, now: Millis) {
        if self.beats.is_due(worker, now) {
            self.note(self.beat(worker, now)).await;
        }
    }

    async fn note(&self, noting: impl Future<Output = Result<(), StoreError>>) {
        if let Err(error) = noting.await {
            tracing::warn!(%error, "a worker's job record could not be kept up to date");
        }
    }

    async fn appear(&self, job: NewJob) -> Result<(), StoreError> {
        let mut tx = self.store.begin("begin job").await?;
        job::begin(&mut tx, &job).await?;
        tx.commit().await
    }

    async fn beat(&self, job: JobId, now: Millis) -> Result<(), StoreError> {
        let mut tx = self.store.begin("beat job").await?;
        job::beat(&mut tx, job, now).await?;
        tx.commit().await
    }
}

/// Whether a worker's machine has a name that can be shown.
pub(crate) fn is_hostname(name: &str) -> bool {
    name.len() <= MAX_HOSTNAME && !name.chars().any(char::is_control)
}

impl LocalBroker {
    /// Notes that a worker beside the database begins. Where this process schedules, the worker is gone when the process
    /// is, and what it held is taken back at the next start.
    pub async fn begin_worker(&self, hostname: &str) -> Result<JobId, ServiceError> {
        let now = self.now();
        let id = JobId::mint(now, self.inner.random());
        let instance = self.inner.office.map(|office| office.instance);
        let (kind, hostname) = (WORKER.to_owned(), hostname.to_owned());
        self.inner.appear(NewJob { id, kind, hostname, instance, start: now }).await?;
        Ok(id)
    }

    /// Notes that a worker ended in good order.
    pub async fn end_worker(&self, id: JobId) -> Result<(), ServiceError> {
        Ok(self.end(id).await?)
    }

    /// Ends this process's work in good order: its scheduler's job is noted as done.
    pub async fn close(&self) -> Result<(), ServiceError> {
        match self.inner.office {
            Some(office) => Ok(self.end(office.scheduler).await?),
            None => Ok(()),
        }
    }

    async fn end(&self, job: JobId) -> Result<(), StoreError> {
        let mut tx = self.inner.store.begin("end job").await?;
        job::end(&mut tx, job, self.now()).await?;
        tx.commit().await
    }
}
