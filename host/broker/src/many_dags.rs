//! Favorites, and pausing many DAGs at once.

use flow_model::ids::DagId;
use flow_model::rest::dags::{Dag, DagFilter, DagPatch};
use flow_model::rest::{Page, PageRequest};
use flow_store::{dag_favorite, view};
use serde_json::json;

use crate::audit;
use crate::dags::known_dag;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

/// How many DAGs are looked up at once.
const ROUND: u32 = 1_000;

impl LocalBroker {
    /// Makes a DAG one of the actor's favorites.
    pub async fn favorite_dag(&self, actor: &Actor, dag: &DagId) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("favorite DAG").await?;
        known_dag(&mut tx, &actor.tenant, dag).await?;
        if !dag_favorite::insert(&mut tx, &actor.tenant, &actor.name, dag).await? {
            return Err(ServiceError::conflict(named(dag), "it is marked as favorite already"));
        }
        audit::note(&mut tx, actor, self.now(), "favorite_dag", &json!({"dag_id": dag}))?;
        Ok(tx.commit().await?)
    }

    /// Makes a DAG none of the actor's favorites.
    pub async fn unfavorite_dag(&self, actor: &Actor, dag: &DagId) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("unfavorite DAG").await?;
        known_dag(&mut tx, &actor.tenant, dag).await?;
        if !dag_favorite::delete(&mut tx, &actor.tenant, &actor.name, dag).await? {
            return Err(ServiceError::conflict(named(dag), "it is not marked as favorite"));
        }
        audit::note(&mut tx, actor, self.now(), "unfavorite_dag", &json!({"dag_id": dag}))?;
        Ok(tx.commit().await?)
    }

    /// Pauses all DAGs that match `filter`, or lets them go on, and shows those of one page as they are then. Without a
    /// pattern for their ids it is none.
    pub async fn patch_dags(
        &self,
        actor: &Actor,
        filter: &DagFilter,
        patch: &DagPatch,
        page: &PageRequest,
    ) -> Result<Page<Dag>, ServiceError> {
        if filter.dag_id_pattern.is_none() && filter.dag_id_prefix_pattern.is_none() {
            return Ok(Page { entries: Vec::new(), total: 0 });
        }
        let mut shown = self.dags(actor, filter, page).await?;
        let mut changing = Vec::new();
        let mut round = PageRequest { limit: ROUND, ..PageRequest::default() };
        loop {
            let mut db = self.inner.store.read().await?;
            let found = view::dags::list(&mut db, &actor.tenant, (filter, &actor.name), &round).await?.entries;
            let is_last = found.len() < ROUND as usize;
            let found = found.into_iter().map(|listed| listed.dag);
            changing.extend(found.filter(|dag| dag.is_paused != patch.is_paused).map(|dag| dag.dag_id));
            if is_last {
                break;
            }
            round.offset += ROUND;
        }
        for dag in &changing {
            match self.patch_dag(actor, dag, patch.clone()).await {
                // One that was deleted meanwhile is neither paused nor not.
                Ok(_) | Err(ServiceError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for dag in shown.entries.iter_mut().filter(|dag| changing.contains(&dag.dag_id)) {
            *dag = self.dag(&actor.tenant, &dag.dag_id).await?;
        }
        Ok(shown)
    }
}

fn named(dag: &DagId) -> String {
    format!("DAG {:?}", dag.as_str())
}
