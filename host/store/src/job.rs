//! Job records: which process schedules or runs work, since when, and when it was last heard of.

use flow_model::ids::JobId;
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::session::Session;

/// A job that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// What it does, such as `SchedulerJob`.
    pub kind: String,
    /// On which machine.
    pub hostname: String,
    /// The installation it is part of, if it runs in the control plane's process.
    pub instance: Option<JobId>,
    /// When it begins.
    pub start: Millis,
}

const BEGIN: &str = "INSERT INTO job (id, kind, state, hostname, instance, start_date, latest_heartbeat) \
     VALUES ($1, $2, 'running', $3, $4, $5, $5) ON CONFLICT (id) DO UPDATE \
     SET latest_heartbeat = excluded.latest_heartbeat, state = 'running', end_date = NULL WHERE job.state <> 'success'";

/// Records that a job began or, if it did before, that it is alive.
pub async fn begin(db: &mut Session, job: &NewJob) -> Result<(), StoreError> {
    let (id, instance) = (job.id.to_string(), job.instance.map(|instance| instance.to_string()));
    on!(db, c => sqlx::query(BEGIN).bind(&id).bind(&job.kind).bind(&job.hostname).bind(instance.as_deref())
        .bind(job.start.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const BEAT: &str = "UPDATE job SET latest_heartbeat = $2, state = 'running', end_date = NULL \
     WHERE id = $1 AND state <> 'success'";

/// Records that a job is alive, even if it was taken for gone.
pub async fn beat(db: &mut Session, id: JobId, now: Millis) -> Result<(), StoreError> {
    let id = id.to_string();
    on!(db, c => sqlx::query(BEAT).bind(&id).bind(now.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const END: &str = "UPDATE job SET state = 'success', end_date = $2 WHERE id = $1";

/// Records that a job ended in good order.
pub async fn end(db: &mut Session, id: JobId, now: Millis) -> Result<(), StoreError> {
    let id = id.to_string();
    on!(db, c => sqlx::query(END).bind(&id).bind(now.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const SILENT: &str = "UPDATE job SET state = 'failed', end_date = latest_heartbeat \
     WHERE state = 'running' AND latest_heartbeat < $1";

/// Ends the jobs that were not heard of since `before`.
pub async fn fail_silent(db: &mut Session, before: Millis) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(SILENT).bind(before.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const FORGET: &str = "DELETE FROM job WHERE end_date < $1";

/// Removes the jobs that ended before an instant.
pub async fn forget_ended(db: &mut Session, before: Millis) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(FORGET).bind(before.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const LEFT_BEHIND: &str = "UPDATE job SET state = 'failed', end_date = $2 WHERE instance = $1 AND state = 'running' \
     RETURNING id";

/// Ends the jobs that an earlier process of this installation left behind, and answers which they were.
pub async fn fail_left_behind(db: &mut Session, instance: JobId, now: Millis) -> Result<Vec<JobId>, StoreError> {
    let instance = instance.to_string();
    let left: Vec<String> =
        on!(db, c => sqlx::query_scalar(LEFT_BEHIND).bind(&instance).bind(now.0).fetch_all(&mut *c).await)?;
    left.iter().map(|id| column::text("job.id", id)).collect()
}

const LATEST: &str = "SELECT MAX(latest_heartbeat) FROM job WHERE kind = $1 AND state = 'running'";

/// When a running job of this kind was last heard of.
pub async fn latest_heartbeat(db: &mut Session, kind: &str) -> Result<Option<Millis>, StoreError> {
    let at: Option<i64> = on!(db, c => sqlx::query_scalar(LATEST).bind(kind).fetch_one(&mut *c).await)?;
    Ok(column::instant(at))
}
