//! Runs as the API shows them.

use flow_model::ids::{DagId, PartitionKey, RunId, TenantId};
use flow_model::rest::dag_runs::{DagRun, DagRunFilter};
use flow_model::rest::dag_versions::DagVersion;
use flow_model::rest::{Dates, JsonText, Page, PageRequest, Scope};
use flow_model::run::{RunType, TriggeredBy};
use flow_model::state::RunState;
use flow_model::time::Millis;

use super::dag_versions::{VersionColumns, with_version};
use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, anywhere, by, by_nullable};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Columns {
    dag_id: String,
    run_id: String,
    display_name: Option<String>,
    state: String,
    run_type: String,
    logical_date: Option<i64>,
    data_interval_start: Option<i64>,
    data_interval_end: Option<i64>,
    run_after: i64,
    queued_at: i64,
    start_date: Option<i64>,
    end_date: Option<i64>,
    triggered_by: String,
    triggering_user: Option<String>,
    note: Option<String>,
    partition_key: Option<String>,
    conf: Option<String>,
    #[sqlx(flatten)]
    version: VersionColumns,
}

impl TryFrom<Columns> for DagRun {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let version: DagVersion = row.version.try_into()?;
        Ok(Self {
            dag_run_id: column::text("dag_run.run_id", &row.run_id)?,
            dag_id: column::text("dag_run.dag_id", &row.dag_id)?,
            dag_display_name: row.display_name.unwrap_or(row.dag_id),
            logical_date: column::instant(row.logical_date),
            queued_at: Some(Millis(row.queued_at)),
            start_date: column::instant(row.start_date),
            end_date: column::instant(row.end_date),
            duration: seconds_between(row.start_date, row.end_date),
            data_interval_start: column::instant(row.data_interval_start),
            data_interval_end: column::instant(row.data_interval_end),
            run_after: Millis(row.run_after),
            last_scheduling_decision: None,
            run_type: column::named("dag_run.run_type", &row.run_type, RunType::from_name)?,
            state: column::named("dag_run.state", &row.state, RunState::from_name)?,
            triggered_by: Some(column::named("dag_run.triggered_by", &row.triggered_by, TriggeredBy::from_name)?),
            triggering_user_name: row.triggering_user,
            conf: row.conf.map(|conf| json_text("dag_run_conf.conf", conf)).transpose()?,
            note: row.note,
            bundle_version: Some(version.bundle_version.clone()),
            dag_versions: vec![version],
            partition_key: column::optional("dag_run.partition_key", row.partition_key.as_deref())?,
        })
    }
}

/// A JSON column as it is.
pub(crate) fn json_text(column: &'static str, text: String) -> Result<JsonText, StoreError> {
    JsonText::new(text).map_err(|error| StoreError::Inconsistent { column, reason: error.to_string() })
}

/// How long something took; nothing while it has not ended.
#[expect(clippy::cast_precision_loss, reason = "no span of milliseconds comes near 2^52")]
pub(super) fn seconds_between(start: Option<i64>, end: Option<i64>) -> Option<f64> {
    Some((end? - start?) as f64 / 1_000.0)
}

/// When something changed last: it ended, began, or was made.
macro_rules! updated {
    ($table:literal, $rest:literal) => {
        concat!("COALESCE(", $table, ".end_date, ", $table, ".start_date, ", $table, ".queued_at)", $rest)
    };
}

pub(super) use updated;

/// Only rows that began, ended and changed last, and took as long, as these ranges say.
macro_rules! within {
    ($rows:expr, $dates:expr, $table:literal) => {
        $rows
            .and(concat!($table, ".start_date >= ?"), $dates.start_date_gte)
            .and(concat!($table, ".start_date > ?"), $dates.start_date_gt)
            .and(concat!($table, ".start_date <= ?"), $dates.start_date_lte)
            .and(concat!($table, ".start_date < ?"), $dates.start_date_lt)
            .and(concat!($table, ".end_date >= ?"), $dates.end_date_gte)
            .and(concat!($table, ".end_date > ?"), $dates.end_date_gt)
            .and(concat!($table, ".end_date <= ?"), $dates.end_date_lte)
            .and(concat!($table, ".end_date < ?"), $dates.end_date_lt)
            .and(updated!($table, " >= ?"), $dates.updated_at_gte)
            .and(updated!($table, " > ?"), $dates.updated_at_gt)
            .and(updated!($table, " <= ?"), $dates.updated_at_lte)
            .and(updated!($table, " < ?"), $dates.updated_at_lt)
            .and(concat!("(", $table, ".end_date - ", $table, ".start_date) >= ?"), $dates.duration_gte)
            .and(concat!("(", $table, ".end_date - ", $table, ".start_date) > ?"), $dates.duration_gt)
            .and(concat!("(", $table, ".end_date - ", $table, ".start_date) <= ?"), $dates.duration_lte)
            .and(concat!("(", $table, ".end_date - ", $table, ".start_date) < ?"), $dates.duration_lt)
    };
}

pub(super) use within;

macro_rules! columns {
    ($conf:literal) => {
        with_version!(concat!(
            "SELECT r.dag_id, r.run_id, ",
            "(SELECT d.display_name FROM dag AS d WHERE d.tenant = r.tenant AND d.dag_id = r.dag_id) AS display_name, ",
            "r.state, r.run_type, r.logical_date, r.data_interval_start, ",
            "r.data_interval_end, r.run_after, r.queued_at, r.start_date, r.end_date, r.triggered_by, ",
            "r.triggering_user, r.note, r.partition_key, ",
            $conf,
            " AS conf,"
        ))
    };
}

const ONE: &str = columns!("COALESCE(c.conf, '{}')");
/// A page of large configurations would be a gigabyte, so lists leave those out.
const MANY: &str = columns!("CASE WHEN c.conf IS NULL THEN '{}' WHEN OCTET_LENGTH(c.conf) <= 8192 THEN c.conf END");
const RUNS: Source = Source {
    from: "FROM dag_run AS r",
    beside: "LEFT JOIN dag_version AS v ON v.id = r.version LEFT JOIN dag_run_conf AS c ON c.run_key = r.run_key",
    whose: "r.tenant = ?",
};
const ORDER: Order = Order {
    sorts: &[
        by("id", "r.run_key"),
        by("dag_run_id", "r.run_id"),
        by("run_id", "r.run_id"),
        by("dag_id", "r.dag_id"),
        by("state", "r.state"),
        by("run_type", "r.run_type"),
        by("run_after", "r.run_after"),
        by("queued_at", "r.queued_at"),
        by_nullable("logical_date", "r.logical_date"),
        by_nullable("start_date", "r.start_date"),
        by_nullable("end_date", "r.end_date"),
        by_nullable("duration", "(r.end_date - r.start_date)"),
        by("updated_at", updated!("r", "")),
        by_nullable("conf", "c.conf"),
        by_nullable("triggering_user_name", "r.triggering_user"),
    ],
    tie: "r.run_key",
};

/// The runs in `scope` that match `filter`, oldest first unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    scope: &Scope,
    filter: &DagRunFilter,
    page: &PageRequest,
) -> Result<Page<DagRun>, StoreError> {
    let runs = in_scope(Selection::of(RUNS, tenant), scope)
        .and("r.state IN (?)", filter.state.iter().map(|state| state.as_str()))
        .and("r.partition_key = ?", filter.partition_key.as_ref().map(PartitionKey::as_str))
        .and("r.dag_id IN (?)", filter.dag_ids.iter().map(DagId::as_str))
        .and("r.run_id IN (?)", filter.run_ids.iter().map(RunId::as_str))
        .and("r.run_type IN (?)", filter.run_type.iter().map(|kind| kind.as_str()))
        .and_like("r.run_id", filter.run_id_pattern.as_deref())
        .and_like("r.dag_id", filter.dag_id_pattern.as_deref())
        .and_like("r.triggering_user", filter.triggering_user_name_pattern.as_deref())
        .and_prefix("r.run_id", filter.run_id_prefix_pattern.as_deref())
        .and_prefix("r.dag_id", filter.dag_id_prefix_pattern.as_deref())
        .and_prefix("r.triggering_user", filter.triggering_user_name_prefix_pattern.as_deref())
        .and_like("r.partition_key", filter.partition_key_pattern.as_deref())
        .and_prefix("r.partition_key", filter.partition_key_prefix_pattern.as_deref())
        .and(WITH_CONF, filter.conf_contains.as_deref().map(anywhere))
        .and(FOR_ASSETS, filter.consuming_asset_pattern.as_deref().map(anywhere))
        .and(OF_MODULE_VERSION, filter.bundle_version.as_deref())
        .and(OF_VERSIONS, filter.dag_version.iter().copied());
    dated(runs, &filter.dates).page::<Columns, _>(db, MANY, ORDER, page).await
}

/// Only runs with a text in their configuration, as it was handed in.
const WITH_CONF: &str = "EXISTS (SELECT 1 FROM dag_run_conf AS f WHERE f.run_key = r.run_key \
     AND LOWER(f.conf) LIKE ? ESCAPE '\\')";

/// Only runs that were made for events of an asset with a text in its name or URI.
const FOR_ASSETS: &str = "EXISTS (SELECT 1 FROM dag_run_asset_event AS x JOIN asset_event AS y ON y.id = x.event_id \
     JOIN asset AS a ON a.id = y.asset_id WHERE x.run_key = r.run_key \
     AND (LOWER(a.name) LIKE ? ESCAPE '\\' OR LOWER(a.uri) LIKE ? ESCAPE '\\'))";

/// Only runs of DAGs that came with this version of their module.
const OF_MODULE_VERSION: &str = "r.version IN (SELECT n.id FROM dag_version AS n WHERE n.tenant = $1 \
     AND CAST(n.module_version AS TEXT) = ?)";

/// Only runs of DAG versions with these numbers. The tenant is every selection's first value.
pub(super) const OF_VERSIONS: &str =
    "r.version IN (SELECT n.id FROM dag_version AS n WHERE n.tenant = $1 AND n.number IN (?))";

/// Only runs of this DAG, and only this run.
pub(super) fn in_scope(runs: Selection, scope: &Scope) -> Selection {
    runs.and("r.dag_id = ?", scope.dag.as_ref().map(DagId::as_str))
        .and("r.run_id = ?", scope.run.as_ref().map(RunId::as_str))
}

/// Only rows of `dag_run AS r` in these ranges.
pub(super) fn dated(runs: Selection, dates: &Dates) -> Selection {
    within!(due(runs, dates), dates, "r")
}

/// Only runs that are due, and stand for, what these ranges say.
pub(super) fn due(runs: Selection, dates: &Dates) -> Selection {
    runs.and("r.run_after >= ?", dates.run_after_gte)
        .and("r.run_after > ?", dates.run_after_gt)
        .and("r.run_after <= ?", dates.run_after_lte)
        .and("r.run_after < ?", dates.run_after_lt)
        .and("r.logical_date >= ?", dates.logical_date_gte)
        .and("r.logical_date > ?", dates.logical_date_gt)
        .and("r.logical_date <= ?", dates.logical_date_lte)
        .and("r.logical_date < ?", dates.logical_date_lt)
}

/// One run, with its configuration however large.
pub async fn get(db: &mut Session, tenant: &TenantId, dag: &DagId, run: &RunId) -> Result<Option<DagRun>, StoreError> {
    let run = Selection::of(RUNS, tenant).and("r.dag_id = ?", [dag.as_str()]).and("r.run_id = ?", [run.as_str()]);
    run.optional::<Columns>(db, ONE).await?.map(DagRun::try_from).transpose()
}
