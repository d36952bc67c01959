//! The runs of a backfill, made or to be made.

use flow_model::backfill::{LeftOut, SlotState};
use flow_model::ids::{RunKey, TenantId};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun};
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// One run of a backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    /// The backfill.
    pub backfill: i64,
    /// Its place in the order in which they are made.
    pub ordinal: u32,
    /// Where it stands.
    pub state: SlotState,
    /// What it stands for, and when that was due.
    pub due: NextRun,
    /// The DAG run that was made for it.
    pub run: Option<RunKey>,
    /// Why none was made.
    pub left_out: Option<LeftOut>,
}

/// Read and written in this one shape.
#[derive(Serialize, sqlx::FromRow)]
struct Columns {
    backfill: i64,
    ordinal: i64,
    state: String,
    run_after: i64,
    data_interval_start: i64,
    data_interval_end: i64,
    run_key: Option<String>,
    left_out: Option<String>,
}

impl From<&SlotRow> for Columns {
    fn from(row: &SlotRow) -> Self {
        Self {
            backfill: row.backfill,
            ordinal: row.ordinal.into(),
            state: row.state.to_string(),
            run_after: row.due.run_after.0,
            data_interval_start: row.due.interval.start.0,
            data_interval_end: row.due.interval.end.0,
            run_key: row.run.map(|run| run.to_string()),
            left_out: row.left_out.map(|reason| reason.to_string()),
        }
    }
}

impl TryFrom<Columns> for SlotRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let interval = DataInterval { start: Millis(row.data_interval_start), end: Millis(row.data_interval_end) };
        Ok(Self {
            backfill: row.backfill,
            ordinal: column::count("backfill_run.ordinal", row.ordinal)?,
            state: column::named("backfill_run.state", &row.state, SlotState::from_name)?,
            due: NextRun { run_after: Millis(row.run_after), interval },
            run: column::optional("backfill_run.run_key", row.run_key.as_deref())?,
            left_out: row
                .left_out
                .map(|reason| column::named("backfill_run.left_out", &reason, LeftOut::from_name))
                .transpose()?,
        })
    }
}

const INSERT: Batch = batch!(
    "INSERT INTO backfill_run (backfill, ordinal, tenant, state, run_after, data_interval_start, data_interval_end) \
     SELECT r.backfill, r.ordinal, $2, r.state, r.run_after, r.data_interval_start, r.data_interval_end FROM ",
    rows(
        backfill bigint,
        ordinal bigint,
        state text,
        run_after bigint,
        data_interval_start bigint,
        data_interval_end bigint
    ),
    ""
);

/// Says which runs a backfill will make, in this order.
pub async fn insert_slots(
    db: &mut Session,
    tenant: &TenantId,
    backfill: i64,
    runs: &[NextRun],
) -> Result<(), StoreError> {
    let slots: Vec<SlotRow> = (0u32..)
        .zip(runs)
        .map(|(ordinal, &due)| SlotRow { backfill, ordinal, state: SlotState::Waiting, due, run: None, left_out: None })
        .collect();
    for part in slots.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns> = part.iter().map(Columns::from).collect();
        let (text, rows) = (db.text(INSERT), column::rows(&part)?);
        on!(db, c => sqlx::query(text).bind(&rows).bind(tenant.as_str()).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

const WAITING: &str = "SELECT backfill, ordinal, state, run_after, data_interval_start, data_interval_end, run_key, \
     left_out FROM backfill_run WHERE tenant = $1 AND backfill = $2 AND state = 'waiting' ORDER BY ordinal LIMIT $3";

/// The next runs that a backfill will make, at most `limit`.
pub async fn waiting_slots(
    db: &mut Session,
    tenant: &TenantId,
    backfill: i64,
    limit: u32,
) -> Result<Vec<SlotRow>, StoreError> {
    let found: Vec<Columns> = on!(db, c => {
        sqlx::query_as(WAITING)
            .bind(tenant.as_str())
            .bind(backfill)
            .bind(i64::from(limit))
            .fetch_all(&mut *c)
            .await
    })?;
    found.into_iter().map(SlotRow::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct WithRun {
    #[sqlx(flatten)]
    slot: Columns,
    run_state: Option<String>,
}

const ACTIVE: &str = "SELECT s.backfill, s.ordinal, s.state, s.run_after, s.data_interval_start, s.data_interval_end, \
     s.run_key, s.left_out, d.state AS run_state FROM backfill_run AS s LEFT JOIN dag_run AS d ON d.run_key = s.run_key \
     WHERE s.tenant = $1 AND s.backfill = $2 AND s.state = 'active' ORDER BY s.ordinal";

/// The runs of a backfill that had not ended when it was last looked at, with the states they are in now; `None` for one
/// that was deleted.
pub async fn active_slots(
    db: &mut Session,
    tenant: &TenantId,
    backfill: i64,
) -> Result<Vec<(SlotRow, Option<RunState>)>, StoreError> {
    let found: Vec<WithRun> =
        on!(db, c => sqlx::query_as(ACTIVE).bind(tenant.as_str()).bind(backfill).fetch_all(&mut *c).await)?;
    let read = |row: WithRun| {
        let state =
            row.run_state.map(|state| column::named("dag_run.state", &state, RunState::from_name)).transpose()?;
        Ok((row.slot.try_into()?, state))
    };
    found.into_iter().map(read).collect()
}

const SAVE: Batch = batch!(
    "UPDATE backfill_run SET state = r.state, run_key = r.run_key, left_out = r.left_out FROM ",
    rows(backfill bigint, ordinal bigint, state text, run_key text, left_out text),
    " WHERE backfill_run.backfill = r.backfill AND backfill_run.ordinal = r.ordinal AND backfill_run.tenant = $2"
);

/// Writes back where runs stand. The caller holds their backfill's lock.
pub async fn save_slots(db: &mut Session, tenant: &TenantId, slots: &[SlotRow]) -> Result<(), StoreError> {
    let part: Vec<Columns> = slots.iter().map(Columns::from).collect();
    let (text, rows) = (db.text(SAVE), column::rows(&part)?);
    on!(db, c => sqlx::query(text).bind(&rows).bind(tenant.as_str()).execute(&mut *c).await.map(drop))?;
    Ok(())
}
