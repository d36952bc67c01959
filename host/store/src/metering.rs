//! What tenants' attempts have used. Of the runs that are there it is summed when somebody asks; runs that are deleted
//! leave their sum behind.

use flow_model::ids::TenantId;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// What attempts have used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Attempts of tasks that have told what they used.
    pub attempts: u64,
    /// How long they computed, in microseconds.
    pub cpu_us: u64,
    /// How long they took, in microseconds.
    pub wall_us: u64,
    /// The most memory that each held, in KiB, times how long it took, in milliseconds.
    pub memory_kib_ms: u64,
}

/// What the attempts of these runs have used. A try that awaits another stands among the past ones already.
macro_rules! used {
    ($runs:literal) => {
        concat!(
            "SELECT COUNT(u.wall_us) AS attempts, CAST(COALESCE(SUM(u.cpu_us), 0) AS BIGINT) AS cpu_us, \
             CAST(COALESCE(SUM(u.wall_us), 0) AS BIGINT) AS wall_us, \
             CAST(COALESCE(SUM((u.peak_memory / 1024) * (u.wall_us / 1000)), 0) AS BIGINT) AS memory_kib_ms \
             FROM (SELECT p.cpu_us, p.wall_us, p.peak_memory FROM ",
            $runs,
            " JOIN task_try AS p ON p.run_key = r.run_key UNION ALL SELECT t.cpu_us, t.wall_us, t.peak_memory FROM ",
            $runs,
            " JOIN task_instance AS t ON t.run_key = r.run_key WHERE NOT EXISTS (SELECT 1 FROM task_try AS e \
             WHERE e.run_key = t.run_key AND e.task_index = t.task_index AND e.map_index = t.map_index \
             AND e.try_number = t.try_number)) AS u"
        )
    };
}

const READ: &str = concat!(
    "SELECT CAST(SUM(attempts) AS BIGINT), CAST(SUM(cpu_us) AS BIGINT), CAST(SUM(wall_us) AS BIGINT), \
     CAST(SUM(memory_kib_ms) AS BIGINT) FROM (SELECT m.attempts, m.cpu_us, m.wall_us, m.memory_kib_ms \
     FROM tenant_meter AS m WHERE m.tenant = $1 UNION ALL ",
    used!("(SELECT run_key FROM dag_run WHERE tenant = $1) AS r"),
    ") AS s"
);

/// What a tenant's attempts have used in all.
pub async fn read(db: &mut Session, tenant: &TenantId) -> Result<Used, StoreError> {
    let (attempts, cpu_us, wall_us, memory): (i64, i64, i64, i64) =
        on!(db, c => sqlx::query_as(READ).bind(tenant.as_str()).fetch_one(&mut *c).await?);
    Ok(Used {
        attempts: column::count("tenant_meter.attempts", attempts)?,
        cpu_us: column::count("tenant_meter.cpu_us", cpu_us)?,
        wall_us: column::count("tenant_meter.wall_us", wall_us)?,
        memory_kib_ms: column::count("tenant_meter.memory_kib_ms", memory)?,
    })
}

/// Adds what the attempts of runs have used to what their tenant keeps, before the runs are deleted.
pub(crate) const KEEP: Batch = batch!(
    "WITH gone AS (SELECT r.run_key FROM ",
    rows(run_key text),
    concat!(
        ") INSERT INTO tenant_meter (tenant, attempts, cpu_us, wall_us, memory_kib_ms) \
         SELECT $2, s.attempts, s.cpu_us, s.wall_us, s.memory_kib_ms FROM (",
        used!("(SELECT g.run_key FROM gone AS g JOIN dag_run AS o ON o.run_key = g.run_key AND o.tenant = $2) AS r"),
        ") AS s WHERE s.attempts > 0 ON CONFLICT (tenant) DO UPDATE SET attempts = tenant_meter.attempts + excluded.attempts, \
         cpu_us = tenant_meter.cpu_us + excluded.cpu_us, wall_us = tenant_meter.wall_us + excluded.wall_us, \
         memory_kib_ms = tenant_meter.memory_kib_ms + excluded.memory_kib_ms"
    )
);
