//! What people do to assets: events by hand, emptying queues, running the DAG that makes an asset.

use flow_model::call::limit;
use flow_model::ids::{AssetId, DagId};
use flow_model::rest::assets::{AssetEvent, CreateAssetEvent, QueuedEventFilter};
use flow_model::rest::dag_runs::{DagRun, TriggerDagRun};
use flow_model::run::RunType;
use flow_store::asset::event::NewEvent;
use flow_store::asset::{self, grant, reference};
use flow_store::view;
use flow_store::view::assets::QueueScope;
use serde_json::{Value, json};

use super::publish::{Update, record};
use super::read::{absent, nothing_queued, scope_exists};
use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

impl LocalBroker {
    /// Says that an asset was updated.
    pub async fn create_asset_event(&self, actor: &Actor, body: CreateAssetEvent) -> Result<AssetEvent, ServiceError> {
        let (tenant, id, now) = (&actor.tenant, body.asset_id, self.now());
        let mut extra = body.extra;
        // As in Airflow, so that whoever reads the event knows that no task made it.
        extra.insert("from_rest_api".to_owned(), Value::Bool(true));
        let extra = Value::Object(extra).to_string();
        if extra.len() > limit::VALUE {
            return Err(ServiceError::TooLarge { what: "extra".to_owned(), limit: limit::VALUE });
        }
        let mut tx = self.inner.store.begin("create asset event").await?;
        let known = asset::get(&mut tx, tenant, id).await?.ok_or_else(|| absent(id))?;
        if grant::is_foreign(&mut tx, tenant, id).await? {
            let reason = "another tenant shares it with this one; only its owner updates it";
            return Err(ServiceError::conflict(format!("asset {:?}", known.name.as_str()), reason));
        }
        let key = body.partition_key;
        let event = NewEvent { tenant: tenant.clone(), asset: id, extra, source: None, partition_key: key };
        let updates = vec![Update { asset: known, aliases: Vec::new(), event }];
        let numbers = record(&mut tx, &self.inner.engine, now, updates).await?;
        let number = numbers.first().copied().ok_or(ServiceError::Internal)?;
        audit::note(&mut tx, actor, now, "create_asset_event", &json!({"asset_id": id}))?;
        let shown = view::asset_events::get(&mut tx, tenant, number).await?;
        tx.commit().await?;
        self.inner.engine.due.notify_one();
        shown.ok_or(ServiceError::Internal)
    }

    /// Takes updates from the queue: of an asset, for a DAG, or of an asset for a DAG. As in Airflow, nothing queued is not
    /// found.
    pub async fn delete_queued_asset_events(
        &self,
        actor: &Actor,
        asset: Option<AssetId>,
        dag: Option<&DagId>,
        filter: &QueuedEventFilter,
    ) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("delete queued asset events").await?;
        scope_exists(&mut tx, &actor.tenant, asset, dag).await?;
        let scope = QueueScope { dag, asset, before: filter.before };
        if view::assets::unqueue(&mut tx, &actor.tenant, scope).await? == 0 {
            return Err(nothing_queued(asset, dag));
        }
        let extra = json!({"asset_id": asset, "dag_id": dag});
        audit::note(&mut tx, actor, self.now(), "delete_queued_asset_events", &extra)?;
        Ok(tx.commit().await?)
    }

    /// Starts a run of the one DAG that makes an asset.
    pub async fn materialize_asset(
        &self,
        actor: &Actor,
        id: AssetId,
        body: TriggerDagRun,
    ) -> Result<DagRun, ServiceError> {
        let producers = {
            let mut db = self.inner.store.read().await?;
            asset::get(&mut db, &actor.tenant, id).await?.ok_or_else(|| absent(id))?;
            reference::producers(&mut db, &actor.tenant, id, 2).await?
        };
        match producers.as_slice() {
            [] => Err(ServiceError::not_found("DAG that makes asset", id)),
            [dag] => self.trigger_run_as(actor, dag, body, RunType::AssetMaterialization).await,
            [one, other, ..] => {
                let reason = format!(
                    "more than one DAG makes it, {:?} and {:?} among them; trigger the one that is meant",
                    one.as_str(),
                    other.as_str()
                );
                Err(ServiceError::conflict(format!("asset {id}"), reason))
            }
        }
    }
}
