//! DAGs and their labels as the API shows them.

use flow_model::graph::MAX_TASKS;
use flow_model::ids::{DagId, DagVersionId, TenantId};
use flow_model::rest::dags::{Dag, DagFilter, DagTag, TagsMatch, Timing};
use flow_model::rest::{Names, NewestRun, Page, PageRequest};
use flow_model::state::RunState;
use flow_model::time::Millis;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, anywhere, by, by_nullable};
use crate::session::Session;

/// A DAG as lists show it, but for what its version alone says.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The DAG. Of its timing nothing is known.
    pub dag: Dag,
    /// Its present version.
    pub version: DagVersionId,
}

#[derive(sqlx::FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "they are columns of a list")]
struct Columns {
    dag_id: String,
    version: String,
    module: String,
    module_version: i64,
    display_name: Option<String>,
    description: Option<String>,
    tags: String,
    owners: String,
    max_active_runs: i64,
    max_active_tasks: Option<i64>,
    max_failed_runs: i64,
    limits_tasks: bool,
    schedule: Option<String>,
    is_paused: bool,
    is_stale: bool,
    parsed_at: i64,
    next_run_at: Option<i64>,
    next_interval_start: Option<i64>,
    next_interval_end: Option<i64>,
    has_import_error: bool,
}

impl TryFrom<Columns> for Listed {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let version = column::text("dag.version", &row.version)?;
        Ok(Self { dag: row.try_into()?, version })
    }
}

impl TryFrom<Columns> for Dag {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let dag_id: DagId = column::text("dag.dag_id", &row.dag_id)?;
        let tags: Vec<String> = column::json("dag.tags", &row.tags)?;
        let shown = row.display_name.unwrap_or(row.dag_id);
        let tag = |name| DagTag { name, dag_id: dag_id.clone(), dag_display_name: shown.clone() };
        let active_tasks = row.max_active_tasks.unwrap_or(i64::try_from(MAX_TASKS).unwrap_or(i64::MAX));
        Ok(Self {
            dag_display_name: shown.clone(),
            tags: tags.into_iter().map(tag).collect(),
            is_paused: row.is_paused,
            is_stale: row.is_stale,
            last_parsed_time: Some(Millis(row.parsed_at)),
            last_parse_duration: None,
            last_expired: None,
            bundle_name: Some(column::text("dag.module", &row.module)?),
            bundle_version: Some(row.module_version.to_string()),
            relative_fileloc: Some(row.module.clone()),
            file_token: row.module.clone(),
            fileloc: row.module,
            description: row.description,
            timetable_summary: row.schedule,
            timetable_description: None,
            timing: Timing::default(),
            max_active_tasks: column::count("dag.max_active_tasks", active_tasks)?,
            max_active_runs: Some(column::count("dag.max_active_runs", row.max_active_runs)?),
            max_consecutive_failed_dag_runs: column::count("dag.max_failed_runs", row.max_failed_runs)?,
            has_task_concurrency_limits: row.limits_tasks,
            has_import_errors: row.has_import_error,
            next_dagrun_logical_date: column::instant(row.next_interval_start),
            next_dagrun_data_interval_start: column::instant(row.next_interval_start),
            next_dagrun_data_interval_end: column::instant(row.next_interval_end),
            next_dagrun_run_after: column::instant(row.next_run_at),
            owners: column::json("dag.owners", &row.owners)?,
            dag_id,
        })
    }
}

const SELECT: &str = "SELECT d.dag_id, d.version, d.module, v.module_version, d.display_name, d.description, d.tags, d.owners, \
     d.max_active_runs, d.max_active_tasks, d.max_failed_runs, d.limits_tasks, d.schedule, d.is_paused, d.is_stale, \
     d.parsed_at, d.next_run_at, d.next_interval_start, d.next_interval_end, e.id IS NOT NULL AS has_import_error";
const DAGS: Source = Source {
    from: "FROM dag AS d LEFT JOIN dag_version AS v ON v.id = d.version \
     LEFT JOIN import_error AS e ON e.tenant = d.tenant AND e.module = d.module",
    beside: "",
    whose: "d.tenant = ?",
};

/// Something of a DAG's newest run.
macro_rules! newest_run {
    ($column:literal) => {
        concat!(
            "(SELECT ",
            $column,
            " FROM dag_run AS r WHERE r.tenant = d.tenant AND r.dag_id = d.dag_id ORDER BY r.run_key DESC LIMIT 1)"
        )
    };
}

const ORDER: Order = Order {
    sorts: &[
        by("dag_id", "d.dag_id"),
        by("dag_display_name", "COALESCE(d.display_name, d.dag_id)"),
        by_nullable("next_dagrun", "d.next_run_at"),
        by_nullable("next_dagrun_run_after", "d.next_run_at"),
        by_nullable("last_run_state", newest_run!("r.state")),
        by_nullable("last_run_start_date", newest_run!("r.start_date")),
    ],
    tie: "d.dag_id",
};

const OWNED: Batch = elements!("EXISTS (SELECT 1 FROM ", "d.owners", " WHERE element.value IN (?))");
const TAGGED: Batch = elements!("EXISTS (SELECT 1 FROM ", "d.tags", " WHERE element.value IN (?))");

/// Those whose favorite a DAG is.
const FAVORITES: &str = "EXISTS (SELECT 1 FROM dag_favorite AS f WHERE f.tenant = d.tenant AND f.dag_id = d.dag_id \
     AND f.subject = ?)";
const NO_FAVORITES: &str = "NOT EXISTS (SELECT 1 FROM dag_favorite AS f WHERE f.tenant = d.tenant \
     AND f.dag_id = d.dag_id AND f.subject = ?)";
const BY_ASSETS: &str = "EXISTS (SELECT 1 FROM asset_reference AS x WHERE x.tenant = d.tenant AND x.dag_id = d.dag_id \
     AND x.kind IN ('schedule_name', 'schedule_uri', 'schedule_alias'))";
const NOT_BY_ASSETS: &str = "NOT EXISTS (SELECT 1 FROM asset_reference AS x WHERE x.tenant = d.tenant \
     AND x.dag_id = d.dag_id AND x.kind IN ('schedule_name', 'schedule_uri', 'schedule_alias'))";
const BY_ASSET: &str = "EXISTS (SELECT 1 FROM asset_reference AS x JOIN asset AS a ON a.tenant = x.tenant \
     AND ((x.kind = 'schedule_name' AND a.name = x.target) OR (x.kind = 'schedule_uri' AND a.uri = x.target)) \
     WHERE x.tenant = d.tenant AND x.dag_id = d.dag_id \
     AND (LOWER(a.name) LIKE ? ESCAPE '\\' OR LOWER(a.uri) LIKE ? ESCAPE '\\'))";

/// The DAGs that match `filter`, by id unless the page says otherwise. Favorites are those of `caller`.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    (filter, caller): (&DagFilter, &str),
    page: &PageRequest,
) -> Result<Page<Listed>, StoreError> {
    let (owned, tagged) = (db.text(OWNED), db.text(TAGGED));
    let mut dags = Selection::of(DAGS, tenant)
        .and_like("d.dag_id", filter.dag_id_pattern.as_deref())
        .and_prefix("d.dag_id", filter.dag_id_prefix_pattern.as_deref())
        .and_like("COALESCE(d.display_name, d.dag_id)", filter.dag_display_name_pattern.as_deref())
        .and_prefix("COALESCE(d.display_name, d.dag_id)", filter.dag_display_name_prefix_pattern.as_deref())
        .and(FAVORITES, (filter.is_favorite == Some(true)).then_some(caller))
        .and(NO_FAVORITES, (filter.is_favorite == Some(false)).then_some(caller))
        .and_if(filter.has_asset_schedule == Some(true), BY_ASSETS)
        .and_if(filter.has_asset_schedule == Some(false), NOT_BY_ASSETS)
        .and(BY_ASSET, filter.asset_dependency.as_deref().map(anywhere))
        .and(owned, &filter.owners)
        .and_if(filter.exclude_stale, "NOT d.is_stale")
        .and("d.is_paused = ?", filter.paused)
        .and_if(filter.has_import_errors == Some(true), "e.id IS NOT NULL")
        .and_if(filter.has_import_errors == Some(false), "e.id IS NULL")
        .and(concat!(newest_run!("r.state"), " = ?"), filter.last_dag_run_state.map(RunState::as_str))
        .and(concat!(newest_run!("r.state"), " IN (?)"), filter.dag_run_state.iter().map(|state| state.as_str()))
        .and("d.module = ?", filter.bundle_name.as_deref())
        .and("CAST(v.module_version AS TEXT) = ?", filter.bundle_version.as_deref());
    dags = with_newest_run(dags, &filter.newest_run);
    dags = match filter.tags_match_mode {
        TagsMatch::Any => dags.and(tagged, &filter.tags),
        TagsMatch::All => filter.tags.iter().fold(dags, |dags, tag| dags.and(tagged, [tag])),
    };
    dags.page::<Columns, _>(db, SELECT, ORDER, page).await
}

/// Only DAGs whose newest run has dates in these ranges.
fn with_newest_run(dags: Selection, dates: &NewestRun) -> Selection {
    dags.and(concat!(newest_run!("r.start_date"), " >= ?"), dates.dag_run_start_date_gte)
        .and(concat!(newest_run!("r.start_date"), " > ?"), dates.dag_run_start_date_gt)
        .and(concat!(newest_run!("r.start_date"), " <= ?"), dates.dag_run_start_date_lte)
        .and(concat!(newest_run!("r.start_date"), " < ?"), dates.dag_run_start_date_lt)
        .and(concat!(newest_run!("r.end_date"), " >= ?"), dates.dag_run_end_date_gte)
        .and(concat!(newest_run!("r.end_date"), " > ?"), dates.dag_run_end_date_gt)
        .and(concat!(newest_run!("r.end_date"), " <= ?"), dates.dag_run_end_date_lte)
        .and(concat!(newest_run!("r.end_date"), " < ?"), dates.dag_run_end_date_lt)
}

/// One DAG.
pub async fn get(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Option<Listed>, StoreError> {
    let dag = Selection::of(DAGS, tenant).and("d.dag_id = ?", [dag.as_str()]);
    dag.optional::<Columns>(db, SELECT).await?.map(Listed::try_from).transpose()
}

const TAGS: Batch = elements!(
    "FROM (SELECT DISTINCT element.value AS name FROM dag AS d CROSS JOIN ",
    "d.tags",
    " WHERE d.tenant = ?) AS tag"
);
const TAG_ORDER: Order = Order { sorts: &[by("name", "tag.name")], tie: "tag.name" };

#[derive(sqlx::FromRow)]
struct TagColumns {
    name: String,
}

impl TryFrom<TagColumns> for String {
    type Error = StoreError;

    fn try_from(row: TagColumns) -> Result<Self, StoreError> {
        Ok(row.name)
    }
}

/// The labels of the tenant's DAGs among `names`, each once, in ascending order unless the page says otherwise.
pub async fn tags(
    db: &mut Session,
    tenant: &TenantId,
    names: Names<'_>,
    page: &PageRequest,
) -> Result<Page<String>, StoreError> {
    Selection::of(Source { from: db.text(TAGS), beside: "", whose: "true" }, tenant)
        .and_named("tag.name", names)
        .page::<TagColumns, _>(db, "SELECT tag.name", TAG_ORDER, page)
        .await
}
