//! Jobs as the API shows them. They belong to the platform, not to a tenant.

use flow_model::rest::jobs::{Job, JobFilter};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Columns {
    id: String,
    kind: String,
    state: String,
    hostname: String,
    start_date: i64,
    latest_heartbeat: i64,
    end_date: Option<i64>,
}

impl TryFrom<Columns> for Job {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: column::text("job.id", &row.id)?,
            dag_id: None,
            dag_display_name: None,
            state: Some(row.state),
            job_type: Some(row.kind),
            start_date: Some(Millis(row.start_date)),
            end_date: column::instant(row.end_date),
            latest_heartbeat: Some(Millis(row.latest_heartbeat)),
            executor_class: None,
            hostname: Some(row.hostname),
            unixname: None,
        })
    }
}

const SELECT: &str = "SELECT j.id, j.kind, j.state, j.hostname, j.start_date, j.latest_heartbeat, j.end_date";
const JOBS: Source = Source { from: "FROM job AS j", beside: "", whose: "true" };
const ORDER: Order = Order {
    sorts: &[
        by("id", "j.id"),
        by("job_type", "j.kind"),
        by("state", "j.state"),
        by("hostname", "j.hostname"),
        by("start_date", "j.start_date"),
        by("latest_heartbeat", "j.latest_heartbeat"),
        by_nullable("end_date", "j.end_date"),
    ],
    tie: "j.id",
};

/// The jobs that match `filter`, oldest first unless the page says otherwise. One is alive if it runs and was heard of
/// at `lately` or since.
pub async fn list(
    db: &mut Session,
    filter: &JobFilter,
    lately: Millis,
    page: &PageRequest,
) -> Result<Page<Job>, StoreError> {
    let is = |wanted: bool| (filter.is_alive == Some(wanted)).then_some(lately);
    Selection::all(JOBS)
        .and("j.state = 'running' AND j.latest_heartbeat >= ?", is(true))
        .and("NOT (j.state = 'running' AND j.latest_heartbeat >= ?)", is(false))
        .and("j.state = ?", filter.job_state.as_deref())
        .and("j.kind = ?", filter.job_type.as_deref())
        .and("j.hostname = ?", filter.hostname.as_deref())
        .and("j.start_date >= ?", filter.start_date_gte)
        .and("j.start_date > ?", filter.start_date_gt)
        .and("j.start_date <= ?", filter.start_date_lte)
        .and("j.start_date < ?", filter.start_date_lt)
        .and("j.end_date >= ?", filter.end_date_gte)
        .and("j.end_date > ?", filter.end_date_gt)
        .and("j.end_date <= ?", filter.end_date_lte)
        .and("j.end_date < ?", filter.end_date_lt)
        .page::<Columns, _>(db, SELECT, ORDER, page)
        .await
}
