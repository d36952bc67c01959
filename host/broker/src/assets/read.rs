//! Assets, their events and what is queued, as people read them.

use std::collections::HashMap;

use flow_model::asset::{AssetRef, Identity};
use flow_model::call::limit;
use flow_model::dag::DagSpec;
use flow_model::ids::{AliasId, AssetId, DagId, RunId, RunKey, TenantId};
use flow_model::rest::assets::{
    Asset, AssetAlias, AssetEvent, AssetEventFilter, AssetFilter, QueuedEvent, QueuedEventFilter,
};
use flow_model::rest::{Names, Page, PageRequest};
use flow_model::run::RunType;
use flow_store::run::RunRow;
use flow_store::view::assets::QueueScope;
use flow_store::{Session, StoreError, asset, run, view};
use serde_json::Value;

use crate::dags::known_dag;
use crate::error::ServiceError;
use crate::local::LocalBroker;

impl LocalBroker {
    /// The assets that match `filter`.
    pub async fn assets(
        &self,
        tenant: &TenantId,
        filter: &AssetFilter,
        page: &PageRequest,
    ) -> Result<Page<Asset>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(view::assets::list(&mut db, tenant, filter, page).await?)
    }

    /// One asset.
    pub async fn asset(&self, tenant: &TenantId, id: AssetId) -> Result<Asset, ServiceError> {
        let mut db = self.inner.store.read().await?;
        view::assets::get(&mut db, tenant, id).await?.ok_or_else(|| absent(id))
    }

    /// The aliases whose names are among `names`.
    pub async fn asset_aliases(
        &self,
        tenant: &TenantId,
        names: Names<'_>,
        page: &PageRequest,
    ) -> Result<Page<AssetAlias>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(view::assets::aliases(&mut db, tenant, names, page).await?)
    }

    /// One alias.
    pub async fn asset_alias(&self, tenant: &TenantId, id: AliasId) -> Result<AssetAlias, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = view::assets::alias(&mut db, tenant, id).await?;
        found.ok_or_else(|| ServiceError::not_found("asset alias", id))
    }

    /// The events that match `filter`.
    pub async fn asset_events_of(
        &self,
        tenant: &TenantId,
        filter: &AssetEventFilter,
        page: &PageRequest,
    ) -> Result<Page<AssetEvent>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(view::asset_events::list(&mut db, tenant, filter, page).await?)
    }

    /// The events that a run was made for.
    pub async fn upstream_asset_events(
        &self,
        tenant: &TenantId,
        dag: &DagId,
        run: &RunId,
    ) -> Result<Vec<AssetEvent>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = run::find(&mut db, tenant, dag, run).await?;
        let found = found.ok_or_else(|| ServiceError::not_found("DAG run", run))?;
        Ok(view::asset_events::upstream(&mut db, tenant, found.key).await?)
    }

    /// What is queued of an asset, for a DAG, or of an asset for a DAG. As in Airflow, nothing queued is not found.
    pub async fn queued_asset_events(
        &self,
        tenant: &TenantId,
        asset: Option<AssetId>,
        dag: Option<&DagId>,
        filter: &QueuedEventFilter,
    ) -> Result<Vec<QueuedEvent>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        scope_exists(&mut db, tenant, asset, dag).await?;
        let scope = QueueScope { dag, asset, before: filter.before };
        let found = view::assets::queued(&mut db, tenant, scope).await?;
        if found.is_empty() { Err(nothing_queued(asset, dag)) } else { Ok(found) }
    }
}

/// Refuses an asset or a DAG that is not the tenant's.
pub(super) async fn scope_exists(
    db: &mut Session,
    tenant: &TenantId,
    asset: Option<AssetId>,
    dag: Option<&DagId>,
) -> Result<(), ServiceError> {
    if let Some(dag) = dag {
        known_dag(db, tenant, dag).await?;
    }
    match asset {
        Some(id) if asset::get(db, tenant, id).await?.is_none() => Err(absent(id)),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn absent(id: AssetId) -> ServiceError {
    ServiceError::not_found("asset", id)
}

pub(super) fn nothing_queued(asset: Option<AssetId>, dag: Option<&DagId>) -> ServiceError {
    let name = match (asset, dag) {
        (Some(asset), Some(dag)) => format!("of asset {asset} for DAG {dag}"),
        (Some(asset), None) => format!("of asset {asset}"),
        (None, Some(dag)) => format!("for DAG {dag}"),
        (None, None) => "of any asset".to_owned(),
    };
    ServiceError::not_found("queued event", name)
}

/// The events that those of these runs were made for that were made for any, each as one JSON array. Of more than a task can
/// be handed, these are the latest.
pub(crate) async fn triggering_events(
    db: &mut Session,
    runs: impl Iterator<Item = &RunRow>,
) -> Result<HashMap<RunKey, String>, StoreError> {
    let mut events = HashMap::new();
    for run in runs.filter(|run| run.run_type == RunType::AssetTriggered) {
        let of_run = asset::event::of_run(db, &run.tenant, run.key).await?;
        let mut size = 0;
        let fits = |event: &&String| {
            size += event.len() + 1;
            size < limit::BULK
        };
        let latest: Vec<&str> = of_run.iter().rev().take_while(fits).map(String::as_str).collect();
        let oldest_first: Vec<&str> = latest.into_iter().rev().collect();
        events.insert(run.key, format!("[{}]", oldest_first.join(",")));
    }
    Ok(events)
}

/// The condition on assets of a DAG's schedule, as the API shows it.
pub(crate) async fn shown_condition(
    db: &mut Session,
    tenant: &TenantId,
    spec: &DagSpec,
) -> Result<Option<Value>, StoreError> {
    let Some((expression, _)) = flow_model::asset::condition(spec.schedule.as_ref()) else { return Ok(None) };
    let known = asset::scheduled(db, tenant, &spec.dag_id).await?;
    let identify = |wanted: &AssetRef| {
        let is = |one: &&Identity| match wanted {
            AssetRef::Name(name) => one.name == *name,
            AssetRef::Uri(uri) => one.uri == *uri,
        };
        known.iter().find(is).cloned()
    };
    Ok(Some(expression.shown(&identify)))
}
