//! Versions of DAGs as the API shows them.

use flow_model::ids::{DagId, TenantId};
use flow_model::rest::dag_versions::{DagVersion, DagVersionFilter};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;

/// A SELECT with the columns of `dag_version AS v` at its end; see [`VersionColumns`].
macro_rules! with_version {
    ($select:expr) => {
        concat!(
            $select,
            " v.id AS version_id, v.number AS version_number, v.dag_id AS version_dag, v.module AS version_module, ",
            "v.module_version AS version_of_module, v.created_at AS version_created_at"
        )
    };
}

pub(super) use with_version;

/// A version among the columns of something that is pinned to it.
#[derive(sqlx::FromRow)]
#[expect(clippy::struct_field_names, reason = "they are columns among others")]
pub(super) struct VersionColumns {
    version_id: String,
    version_number: i64,
    version_dag: String,
    version_module: String,
    version_of_module: i64,
    version_created_at: i64,
}

impl TryFrom<VersionColumns> for DagVersion {
    type Error = StoreError;

    fn try_from(row: VersionColumns) -> Result<Self, StoreError> {
        Ok(Self {
            id: column::text("dag_version.id", &row.version_id)?,
            version_number: column::count("dag_version.number", row.version_number)?,
            dag_id: column::text("dag_version.dag_id", &row.version_dag)?,
            dag_display_name: row.version_dag,
            bundle_name: column::text("dag_version.module", &row.version_module)?,
            bundle_version: row.version_of_module.to_string(),
            bundle_url: None,
            created_at: Millis(row.version_created_at),
        })
    }
}

const SELECT: &str = with_version!("SELECT");
const VERSIONS: Source = Source { from: "FROM dag_version AS v", beside: "", whose: "v.tenant = ? AND v.part IS NULL" };
const ORDER: Order = Order {
    sorts: &[
        by("id", "v.id"),
        by("version_number", "v.number"),
        by("bundle_name", "v.module"),
        by("bundle_version", "v.module_version"),
        by("created_at", "v.created_at"),
        by("dag_id", "v.dag_id"),
    ],
    tie: "v.dag_id, v.number",
};

/// The versions of a DAG, or of all, that match `filter`, by number unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    dag: Option<&DagId>,
    filter: &DagVersionFilter,
    page: &PageRequest,
) -> Result<Page<DagVersion>, StoreError> {
    Selection::of(VERSIONS, tenant)
        .and("v.dag_id = ?", dag.map(DagId::as_str))
        .and("v.number = ?", filter.version_number)
        .and("v.module = ?", filter.bundle_name.as_deref())
        .and("CAST(v.module_version AS TEXT) = ?", filter.bundle_version.as_deref())
        .page::<VersionColumns, _>(db, SELECT, ORDER, page)
        .await
}

/// One version of a DAG by its number.
pub async fn get(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    number: u32,
) -> Result<Option<DagVersion>, StoreError> {
    let version = Selection::of(VERSIONS, tenant).and("v.dag_id = ?", [dag.as_str()]).and("v.number = ?", [number]);
    version.optional::<VersionColumns>(db, SELECT).await?.map(DagVersion::try_from).transpose()
}

/// The newest version of a DAG.
pub async fn latest(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Option<DagVersion>, StoreError> {
    let versions = Selection::of(VERSIONS, tenant).and("v.dag_id = ?", [dag.as_str()]);
    let rows = versions.rows::<VersionColumns>(db, SELECT, "ORDER BY v.number DESC LIMIT 1").await?;
    rows.into_iter().next().map(DagVersion::try_from).transpose()
}
