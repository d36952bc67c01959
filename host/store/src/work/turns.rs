//! Turns: delayed work that becomes claimable, and what waits for its turn.

use flow_model::ids::{AttemptId, TenantId};
use flow_model::time::Millis;

use serde::Serialize;

use super::{Columns, WorkRow};
use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

const DUE: &str = "SELECT attempt, tenant, kind, run_key, task_index, map_index, try_number, module, module_version, \
     dag_id, payload, turn, priority, available_at, worker, lease_until FROM work WHERE turn IS NULL AND kind <> 'wait' \
     AND available_at <= $1 ORDER BY available_at LIMIT $2";

/// Delayed work that is due, at most `limit`.
pub async fn due(db: &mut Session, now: Millis, limit: u32) -> Result<Vec<WorkRow>, StoreError> {
    let limit = i64::from(limit);
    let loaded: Vec<Columns> = on!(db, c => sqlx::query_as(DUE).bind(now.0).bind(limit).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(WorkRow::try_from).collect()
}

const DUE_WAITS: &str = "SELECT attempt, tenant, kind, run_key, task_index, map_index, try_number, module, \
     module_version, dag_id, payload, turn, priority, available_at, worker, lease_until FROM work WHERE turn IS NULL \
     AND kind = 'wait' AND available_at <= $1 ORDER BY available_at LIMIT $2";

/// Waits that the host is to look at, at most `limit`.
pub async fn due_waits(db: &mut Session, now: Millis, limit: u32) -> Result<Vec<WorkRow>, StoreError> {
    let limit = i64::from(limit);
    let loaded: Vec<Columns> =
        on!(db, c => sqlx::query_as(DUE_WAITS).bind(now.0).bind(limit).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(WorkRow::try_from).collect()
}

#[derive(Serialize)]
struct LaterColumns {
    attempt: AttemptId,
    available_at: i64,
}

const POSTPONE: Batch = batch!(
    "UPDATE work SET available_at = r.available_at, turn = NULL, worker = NULL, lease_until = NULL FROM ",
    rows(attempt text, available_at bigint),
    " WHERE work.attempt = r.attempt"
);

/// Has work looked at again at an instant of its own; whoever held it no longer does.
pub async fn postpone(db: &mut Session, later: &[(AttemptId, Millis)]) -> Result<(), StoreError> {
    let part: Vec<_> = later.iter().map(|&(attempt, at)| LaterColumns { attempt, available_at: at.0 }).collect();
    db.write(POSTPONE, &part).await?;
    Ok(())
}

const GIVE_TURNS: Batch = batch!(
    "UPDATE work SET turn = r.turn, place = r.turn FROM ",
    rows(attempt text, turn bigint),
    " WHERE work.attempt = r.attempt AND work.turn IS NULL"
);

/// Makes delayed work claimable, each with its row's turn.
pub async fn give_turns(db: &mut Session, work: &[WorkRow]) -> Result<(), StoreError> {
    let part: Vec<Columns> = work.iter().map(Columns::from).collect();
    db.write(GIVE_TURNS, &part).await?;
    Ok(())
}

const NEXT_DUE: &str = "SELECT MIN(available_at) FROM work WHERE turn IS NULL";

/// When the next delayed work is due.
pub async fn next_due(db: &mut Session) -> Result<Option<Millis>, StoreError> {
    let at: Option<i64> = on!(db, c => sqlx::query_scalar(NEXT_DUE).fetch_one(&mut *c).await)?;
    Ok(column::instant(at))
}

const WAITING_TURNS: &str =
    "SELECT tenant, MIN(turn), MAX(turn) FROM work WHERE worker IS NULL AND turn IS NOT NULL GROUP BY tenant";

/// The lowest and the highest turn that waits, per tenant.
pub async fn waiting_turns(db: &mut Session) -> Result<Vec<(TenantId, u64, u64)>, StoreError> {
    let found: Vec<(String, i64, i64)> = on!(db, c => sqlx::query_as(WAITING_TURNS).fetch_all(&mut *c).await)?;
    found
        .into_iter()
        .map(|(tenant, low, high)| {
            Ok((
                column::text("work.tenant", &tenant)?,
                column::count("work.turn", low)?,
                column::count("work.turn", high)?,
            ))
        })
        .collect()
}
