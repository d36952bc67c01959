//! Job records: this process's scheduler, and workers that come and go.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flow_model::ids::JobId;
use flow_model::time::Millis;
use flow_store::job::{self, NewJob};
use flow_store::{StoreError, work};

use crate::error::ServiceError;
use crate::local::{Inner, LocalBroker};

/// What a scheduler's job is called, as in Airflow.
pub(crate) const SCHEDULER: &str = "SchedulerJob";

/// How often the scheduler shows that it is alive.
const BEAT: Duration = Duration::from_secs(5);

/// The job of the scheduler in this process.
pub(crate) struct SchedulerJob {
    id: JobId,
    last_beat: AtomicI64,
}

impl SchedulerJob {
    pub(crate) fn new(id: JobId, now: Millis) -> Self {
        Self { id, last_beat: AtomicI64::new(now.0) }
    }

    pub(crate) fn id(&self) -> JobId {
        self.id
    }

    /// Whether it is time to show it; then somebody does, and it is not for a while.
    pub(crate) fn is_late(&self, now: Millis) -> bool {
        let late = now.since(Millis(self.last_beat.load(Ordering::Relaxed))) >= BEAT;
        if late {
            self.last_beat.store(now.0, Ordering::Relaxed);
        }
        late
    }
}

impl Inner {
    /// Notes that this process schedules, and takes back what an earlier process of the same installation held: its
    /// workers are gone with it.
    pub(crate) async fn take_office(&self, hostname: String) -> Result<(), StoreError> {
        let now = self.now();
        let mut tx = self.store.begin("take office").await?;
        let gone = job::fail_left_behind(&mut tx, self.instance, now).await?;
        if !gone.is_empty() {
            work::expire_workers(&mut tx, &gone, now).await?;
        }
        let kind = SCHEDULER.to_owned();
        let instance = Some(self.instance);
        job::begin(&mut tx, &NewJob { id: self.scheduler.id(), kind, hostname, instance, start: now }).await?;
        tx.commit().await
    }
}

impl LocalBroker {
    /// Notes that a worker begins, such as `WorkerJob`. One in this process is gone when the process is, and what it held
    /// is taken back at the next start.
    pub async fn begin_job(&self, kind: &str, hostname: &str, in_process: bool) -> Result<JobId, ServiceError> {
        let now = self.now();
        let id = JobId::mint(now, self.inner.random());
        let instance = in_process.then_some(self.inner.instance);
        let new = NewJob { id, kind: kind.to_owned(), hostname: hostname.to_owned(), instance, start: now };
        let mut tx = self.inner.store.begin("begin job").await?;
        job::begin(&mut tx, &new).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Notes that a worker is alive.
    pub async fn beat_job(&self, id: JobId) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("beat job").await?;
        job::beat(&mut tx, id, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Notes that a worker ended in good order.
    pub async fn end_job(&self, id: JobId) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("end job").await?;
        job::end(&mut tx, id, true, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Ends this process's work in good order: its scheduler's job is noted as done.
    pub async fn close(&self) -> Result<(), ServiceError> {
        self.end_job(self.inner.scheduler.id()).await
    }
}
