//! Lanes: how many task instances wait and how many are under way, for each limit that they are under.
//!
//! A lane stands for all instances of one task in one run and is changed only by who holds the lock of its run. One that
//! does not wait and holds nothing has no rows.

use std::cmp::Reverse;

use flow_model::admission::{Limit, LimitKey, Rank, Standings};
use flow_model::graph::TaskIndex;
use flow_model::ids::{RunKey, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

mod look;

pub use look::{all_waiting, first_waiting, load, present, taken, tenants_waiting, waiting, waiting_at};

/// Which lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    /// The run.
    pub run: RunKey,
    /// The task.
    pub task: TaskIndex,
}

/// Instances that come under limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose they are.
    pub tenant: TenantId,
    /// Their lane.
    pub lane: LaneKey,
    /// The limits.
    pub limits: Vec<Limit>,
    /// Their place in line.
    pub rank: Rank,
    /// How many come as what; nothing of it is negative.
    pub count: Standings,
}

/// Instances of a lane that become something else to its limits, or leave them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Whose they are.
    pub tenant: TenantId,
    /// Their lane.
    pub lane: LaneKey,
    /// How many more there are of what.
    pub change: Standings,
}

/// What is kept of a lane about one of its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneRow {
    /// The lane.
    pub lane: LaneKey,
    /// The limit, and what an instance takes of it.
    pub limit: Limit,
    /// The lane's place in line.
    pub rank: Rank,
    /// How many instances are what.
    pub count: Standings,
}

/// Read and written in this one shape.
#[derive(Default, Serialize, sqlx::FromRow)]
struct Columns {
    tenant: String,
    run_key: String,
    task_index: i64,
    limit_key: String,
    weight: i64,
    allowed: Option<i64>,
    is_backfill: bool,
    priority: i64,
    ranked_at: i64,
    waiting: i64,
    queued: i64,
    running: i64,
    deferred: i64,
    awaiting_input: i64,
}

impl Columns {
    fn of(tenant: &TenantId, lane: LaneKey, count: Standings) -> Self {
        Self {
            tenant: tenant.to_string(),
            run_key: lane.run.to_string(),
            task_index: lane.task.0.into(),
            waiting: count.waiting,
            queued: count.queued,
            running: count.running,
            deferred: count.deferred,
            awaiting_input: count.awaiting_input,
            ..Self::default()
        }
    }

    fn entering(entry: &Entry, limit: &Limit) -> Self {
        Self {
            limit_key: limit.key.to_string(),
            weight: limit.weight.max(1).into(),
            allowed: limit.allowed.map(i64::from),
            is_backfill: entry.rank.is_backfill,
            priority: entry.rank.priority.0.into(),
            ranked_at: entry.rank.date.0,
            ..Self::of(&entry.tenant, entry.lane, entry.count)
        }
    }

    fn standings(&self) -> Standings {
        Standings {
            waiting: self.waiting,
            queued: self.queued,
            running: self.running,
            deferred: self.deferred,
            awaiting_input: self.awaiting_input,
        }
    }
}

impl TryFrom<Columns> for LaneRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let key: LimitKey = column::text("lane.limit_key", &row.limit_key)?;
        let weight = column::count("lane.weight", row.weight)?;
        let allowed = row.allowed.map(|allowed| column::count("lane.allowed", allowed)).transpose()?;
        let priority: i32 = column::count("lane.priority", row.priority)?;
        Ok(Self {
            lane: LaneKey {
                run: column::text("lane.run_key", &row.run_key)?,
                task: TaskIndex(column::count("lane.task_index", row.task_index)?),
            },
            limit: Limit { key, weight, allowed },
            rank: Rank { is_backfill: row.is_backfill, priority: Reverse(priority), date: Millis(row.ranked_at) },
            count: row.standings(),
        })
    }
}

const ENTER: Batch = batch!(
    "INSERT INTO lane (tenant, run_key, task_index, limit_key, weight, allowed, is_backfill, priority, ranked_at, waiting, \
     queued, running, deferred, awaiting_input) SELECT r.tenant, r.run_key, r.task_index, r.limit_key, r.weight, r.allowed, \
     r.is_backfill, r.priority, r.ranked_at, r.waiting, r.queued, r.running, r.deferred, r.awaiting_input FROM ",
    rows(
        tenant text,
        run_key text,
        task_index bigint,
        limit_key text,
        weight bigint,
        allowed bigint,
        is_backfill boolean,
        priority bigint,
        ranked_at bigint,
        waiting bigint,
        queued bigint,
        running bigint,
        deferred bigint,
        awaiting_input bigint
    ),
    " WHERE true ON CONFLICT (tenant, run_key, task_index, limit_key) DO UPDATE SET weight = excluded.weight, \
     allowed = excluded.allowed, is_backfill = excluded.is_backfill, priority = excluded.priority, \
     ranked_at = excluded.ranked_at, waiting = lane.waiting + excluded.waiting, queued = lane.queued + excluded.queued, \
     running = lane.running + excluded.running, deferred = lane.deferred + excluded.deferred, \
     awaiting_input = lane.awaiting_input + excluded.awaiting_input"
);

/// Puts instances under their limits; each lane comes once. From then on the lane's limits are as large as the entry says.
pub async fn enter(db: &mut Session, entries: &[Entry]) -> Result<(), StoreError> {
    let all: Vec<Columns> =
        entries.iter().flat_map(|entry| entry.limits.iter().map(|limit| Columns::entering(entry, limit))).collect();
    for part in all.chunks(column::ROWS_PER_STATEMENT) {
        db.write(ENTER, part).await?;
    }
    Ok(())
}

/// A count after a change. What is not there cannot be taken away: instances that came under way before a limit was counted
/// never entered the lane.
macro_rules! changed {
    ($column:literal) => {
        concat!(
            $column,
            " = CASE WHEN lane.",
            $column,
            " + r.",
            $column,
            " < 0 THEN 0 ELSE lane.",
            $column,
            " + r.",
            $column,
            " END"
        )
    };
}

const SHIFT: Batch = batch!(
    concat!(
        "UPDATE lane SET ", changed!("waiting"), ", ", changed!("queued"), ", ", changed!("running"), ", ",
        changed!("deferred"), ", ", changed!("awaiting_input"), " FROM "
    ),
    rows(
        tenant text,
        run_key text,
        task_index bigint,
        waiting bigint,
        queued bigint,
        running bigint,
        deferred bigint,
        awaiting_input bigint
    ),
    " WHERE lane.tenant = r.tenant AND lane.run_key = r.run_key AND lane.task_index = r.task_index"
);

const SWEEP: Batch = batch!(
    "DELETE FROM lane WHERE (tenant, run_key, task_index) IN (SELECT r.tenant, r.run_key, r.task_index FROM ",
    rows(tenant text, run_key text, task_index bigint),
    ") AND waiting = 0 AND queued = 0 AND running = 0 AND deferred = 0 AND awaiting_input = 0"
);

/// Changes what instances are to all limits of their lanes; each lane comes once. A lane in which nothing is left is gone.
pub async fn shift(db: &mut Session, shifts: &[Shift]) -> Result<(), StoreError> {
    for part in shifts.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns> =
            part.iter().map(|shift| Columns::of(&shift.tenant, shift.lane, shift.change)).collect();
        let rows = column::rows(&part)?;
        for statement in [SHIFT, SWEEP] {
            let text = db.text(statement);
            on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
        }
    }
    Ok(())
}

const FORGET: Batch = batch!(
    "DELETE FROM lane WHERE tenant = $2 AND run_key IN (SELECT r.run_key FROM ",
    rows(run_key text),
    ")"
);

#[derive(Serialize)]
struct RunColumn {
    run_key: RunKey,
}

fn run_rows(runs: &[RunKey]) -> Result<String, StoreError> {
    column::rows(&runs.iter().map(|&run_key| RunColumn { run_key }).collect::<Vec<_>>())
}

/// Takes all instances of these runs from under their limits.
pub async fn forget(db: &mut Session, tenant: &TenantId, runs: &[RunKey]) -> Result<(), StoreError> {
    let (text, rows) = (db.text(FORGET), run_rows(runs)?);
    on!(db, c => sqlx::query(text).bind(&rows).bind(tenant.as_str()).execute(&mut *c).await.map(drop))?;
    Ok(())
}
