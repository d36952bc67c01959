//! What keeps tasks of DAGs from ever running as things are, as the API shows it.

use flow_model::admission::{LimitKey, Obstacle, Room};
use flow_model::ids::{DagId, TenantId};
use flow_model::rest::dag_warnings::{DagWarning, DagWarningFilter, WarningType};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Columns {
    dag_id: String,
    display_name: Option<String>,
    parsed_at: i64,
    pool: String,
    wanted: i64,
    slots: Option<i64>,
}

impl TryFrom<Columns> for DagWarning {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let dag_id: DagId = column::text("dag_pool.dag_id", &row.dag_id)?;
        let obstacle = Obstacle {
            key: LimitKey::Pool(column::text("dag_pool.pool", &row.pool)?),
            weight: column::count("dag_pool.slots", row.wanted)?,
            room: row.slots.map_or(Room::Missing, Room::of_pool),
            taken: 0,
        };
        Ok(Self {
            dag_display_name: row.display_name.unwrap_or(row.dag_id),
            dag_id,
            warning_type: if row.slots.is_some() { WarningType::NarrowPool } else { WarningType::MissingPool },
            message: format!("a task waits for ever: {obstacle}"),
            timestamp: Millis(row.parsed_at),
        })
    }
}

const SELECT: &str = "SELECT n.dag_id, d.display_name, d.parsed_at, n.pool, n.slots AS wanted, p.slots";
const WARNINGS: Source = Source {
    from: "FROM dag_pool AS n JOIN dag AS d ON d.tenant = n.tenant AND d.dag_id = n.dag_id AND NOT d.is_stale \
     LEFT JOIN pool AS p ON p.tenant = n.tenant AND p.name = n.pool",
    beside: "",
    whose: "n.tenant = ? AND (p.slots IS NULL OR (p.slots >= 0 AND p.slots < n.slots))",
};
const ORDER: Order = Order {
    sorts: &[
        by("dag_id", "n.dag_id"),
        by("warning_type", "CASE WHEN p.slots IS NULL THEN 0 ELSE 1 END"),
        by("message", "n.pool"),
        by("timestamp", "d.parsed_at"),
    ],
    tie: "n.dag_id, n.pool",
};

/// The warnings of a tenant that match `filter`, by DAG unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    filter: &DagWarningFilter,
    page: &PageRequest,
) -> Result<Page<DagWarning>, StoreError> {
    Selection::of(WARNINGS, tenant)
        .and("n.dag_id = ?", filter.dag_id.as_deref())
        .and_if(filter.warning_type == Some(WarningType::MissingPool), "p.slots IS NULL")
        .and_if(filter.warning_type == Some(WarningType::NarrowPool), "p.slots IS NOT NULL")
        .page::<Columns, _>(db, SELECT, ORDER, page)
        .await
}
