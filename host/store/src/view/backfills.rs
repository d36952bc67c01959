//! Backfills as the API shows them.

use flow_model::backfill::Reprocess;
use flow_model::ids::{DagId, TenantId};
use flow_model::rest::backfills::{Backfill, BackfillFilter, BackfillProgress};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use super::dag_runs::json_text;
use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Columns {
    id: i64,
    dag_id: String,
    display_name: Option<String>,
    from_date: i64,
    to_date: i64,
    conf: Option<String>,
    is_paused: bool,
    reprocess: String,
    backwards: bool,
    max_active_runs: i64,
    created_at: i64,
    completed_at: Option<i64>,
    updated_at: i64,
    asked_by: String,
    chain: Option<i64>,
    waiting: i64,
    active: i64,
    ended: i64,
    left_out: i64,
}

impl TryFrom<Columns> for Backfill {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let count = |n: i64| column::count("backfill_run.count", n);
        Ok(Self {
            id: row.id,
            dag_id: column::text("backfill.dag_id", &row.dag_id)?,
            dag_display_name: row.display_name.unwrap_or(row.dag_id),
            from_date: Millis(row.from_date),
            to_date: Millis(row.to_date),
            dag_run_conf: json_text("backfill.conf", row.conf.unwrap_or_else(|| "{}".to_owned()))?,
            is_paused: row.is_paused,
            reprocess_behavior: column::named("backfill.reprocess", &row.reprocess, Reprocess::from_name)?,
            run_backwards: row.backwards,
            max_active_runs: column::count("backfill.max_active_runs", row.max_active_runs)?,
            created_at: Millis(row.created_at),
            completed_at: column::instant(row.completed_at),
            updated_at: Millis(row.updated_at),
            triggering_user_name: row.asked_by,
            replays: row.chain,
            progress: BackfillProgress {
                waiting: count(row.waiting)?,
                active: count(row.active)?,
                ended: count(row.ended)?,
                left_out: count(row.left_out)?,
            },
        })
    }
}

/// How many runs of a backfill are in a state.
macro_rules! runs {
    ($state:literal) => {
        concat!(
            "(SELECT COUNT(*) FROM backfill_run AS s WHERE s.backfill = b.id AND s.tenant = b.tenant AND s.state = '",
            $state,
            "') AS ",
            $state
        )
    };
}

const SELECT: &str = concat!(
    "SELECT b.id, b.dag_id, d.display_name, b.from_date, b.to_date, b.conf, b.is_paused, b.reprocess, b.backwards, ",
    "b.max_active_runs, b.created_at, b.completed_at, b.updated_at, b.asked_by, b.chain, ",
    runs!("waiting"),
    ", ",
    runs!("active"),
    ", ",
    runs!("ended"),
    ", ",
    runs!("left_out")
);
const BACKFILLS: Source = Source {
    from: "FROM backfill AS b",
    beside: "LEFT JOIN dag AS d ON d.tenant = b.tenant AND d.dag_id = b.dag_id",
    whose: "b.tenant = ?",
};
const ORDER: Order = Order {
    sorts: &[
        by("id", "b.id"),
        by("dag_id", "b.dag_id"),
        by("from_date", "b.from_date"),
        by("to_date", "b.to_date"),
        by("created_at", "b.created_at"),
        by("updated_at", "b.updated_at"),
        by_nullable("completed_at", "b.completed_at"),
    ],
    tie: "b.id",
};

/// The backfills that match `filter`, oldest first unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    filter: &BackfillFilter,
    page: &PageRequest,
) -> Result<Page<Backfill>, StoreError> {
    Selection::of(BACKFILLS, tenant)
        .and("b.dag_id = ?", filter.dag_id.as_ref().map(DagId::as_str))
        .and_if(filter.active == Some(true), "b.completed_at IS NULL")
        .and_if(filter.active == Some(false), "b.completed_at IS NOT NULL")
        .page::<Columns, _>(db, SELECT, ORDER, page)
        .await
}

/// One backfill.
pub async fn get(db: &mut Session, tenant: &TenantId, id: i64) -> Result<Option<Backfill>, StoreError> {
    let one = Selection::of(BACKFILLS, tenant).and("b.id = ?", [id]);
    one.optional::<Columns>(db, SELECT).await?.map(Backfill::try_from).transpose()
}
