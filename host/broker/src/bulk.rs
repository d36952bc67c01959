//! Many changes to objects of one kind in one request.
//!
//! Each object is changed in a transaction of its own, so that one that is refused stands in nobody's way.

use std::collections::HashSet;

use flow_model::ids::TenantId;
use flow_model::rest::bulk::{BulkAction, BulkBody, OnAbsence, OnExistence};
use flow_model::rest::connections::{ConnectionBody, ConnectionPatch};
use flow_model::rest::pools::{PoolBody, PoolPatch};
use flow_model::rest::variables::{VariableBody, VariablePatch};
use flow_store::Session;

use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

mod kinds;
mod runs;

use kinds::{Connections, Pools, Variables};

/// What became of a bulk request; `None` where no action of the kind was asked for.
#[derive(Debug, Default)]
pub struct BulkOutcome {
    /// What was created.
    pub create: Option<ActionOutcome>,
    /// What was changed.
    pub update: Option<ActionOutcome>,
    /// What was deleted.
    pub delete: Option<ActionOutcome>,
}

/// What became of the actions of one kind.
#[derive(Debug, Default)]
pub struct ActionOutcome {
    /// The names of the objects with which it was done.
    pub done: Vec<String>,
    /// Why it was not done with others.
    pub refused: Vec<ServiceError>,
}

impl LocalBroker {
    /// Creates, changes and deletes variables.
    pub async fn bulk_variables(
        &self,
        actor: &Actor,
        body: BulkBody<VariableBody, VariablePatch>,
    ) -> Result<BulkOutcome, ServiceError> {
        run::<Variables>(self, actor, body).await
    }

    /// Creates, changes and deletes connections.
    pub async fn bulk_connections(
        &self,
        actor: &Actor,
        body: BulkBody<ConnectionBody, ConnectionPatch>,
    ) -> Result<BulkOutcome, ServiceError> {
        run::<Connections>(self, actor, body).await
    }

    /// Creates, changes and deletes pools.
    pub async fn bulk_pools(
        &self,
        actor: &Actor,
        body: BulkBody<PoolBody, PoolPatch>,
    ) -> Result<BulkOutcome, ServiceError> {
        run::<Pools>(self, actor, body).await
    }
}

/// A kind of objects that have names.
trait Kind {
    type Body;
    type Patch;
    /// What one of them is called in messages.
    const NAME: &'static str;
    /// The member that holds the name.
    const KEY: &'static str;

    fn name(body: &Self::Body) -> String;
    /// The name of the object that is to be changed, if it is given.
    fn patched(patch: &Self::Patch) -> Option<String>;
    /// The change that makes an object what the body says.
    fn replacing(body: Self::Body) -> Self::Patch;
    async fn names(db: &mut Session, tenant: &TenantId) -> Result<HashSet<String>, ServiceError>;
    async fn create(broker: &LocalBroker, actor: &Actor, body: Self::Body) -> Result<(), ServiceError>;
    async fn patch(broker: &LocalBroker, actor: &Actor, name: &str, patch: Self::Patch) -> Result<(), ServiceError>;
    async fn delete(broker: &LocalBroker, actor: &Actor, name: &str) -> Result<(), ServiceError>;
}

async fn run<K: Kind>(
    broker: &LocalBroker,
    actor: &Actor,
    body: BulkBody<K::Body, K::Patch>,
) -> Result<BulkOutcome, ServiceError> {
    let mut outcome = BulkOutcome::default();
    for action in body.actions {
        let existing = K::names(&mut broker.inner.store.read().await?, &actor.tenant).await?;
        match action {
            BulkAction::Create { entities, action_on_existence } => {
                let outcome = outcome.create.get_or_insert_default();
                create::<K>(broker, actor, (entities, action_on_existence, &existing), outcome).await;
            }
            BulkAction::Update { entities, update_mask: _, action_on_non_existence } => {
                let outcome = outcome.update.get_or_insert_default();
                let named = entities.into_iter().map(|patch| (K::patched(&patch).unwrap_or_default(), patch)).collect();
                for (name, patch) in outcome.present::<K, _>(named, action_on_non_existence, &existing) {
                    let result = K::patch(broker, actor, &name, patch).await;
                    outcome.note(name, result);
                }
            }
            BulkAction::Delete { entities, action_on_non_existence } => {
                let outcome = outcome.delete.get_or_insert_default();
                let named = entities.into_iter().map(|name| (name, ())).collect();
                for (name, ()) in outcome.present::<K, _>(named, action_on_non_existence, &existing) {
                    let result = K::delete(broker, actor, &name).await;
                    outcome.note(name, result);
                }
            }
        }
    }
    Ok(outcome)
}

async fn create<K: Kind>(
    broker: &LocalBroker,
    actor: &Actor,
    (bodies, on_existence, existing): (Vec<K::Body>, OnExistence, &HashSet<String>),
    outcome: &mut ActionOutcome,
) {
    let exists = |body: &K::Body| existing.contains(&K::name(body));
    let taken: Vec<ServiceError> = bodies
        .iter()
        .filter(|body| on_existence == OnExistence::Fail && exists(body))
        .map(|body| ServiceError::conflict(format!("{} {:?}", K::NAME, K::name(body)), "it exists already"))
        .collect();
    if !taken.is_empty() {
        outcome.refused.extend(taken);
        return;
    }
    for body in bodies {
        let name = K::name(&body);
        let result = match (exists(&body), on_existence) {
            (true, OnExistence::Skip) => continue,
            (true, OnExistence::Overwrite) => K::patch(broker, actor, &name, K::replacing(body)).await,
            (true, OnExistence::Fail) | (false, _) => K::create(broker, actor, body).await,
        };
        outcome.note(name, result);
    }
}

impl ActionOutcome {
    /// Those of `named` that exist; none, if others do not and that is reason enough to do nothing.
    fn present<K: Kind, T>(
        &mut self,
        named: Vec<(String, T)>,
        on_absence: OnAbsence,
        existing: &HashSet<String>,
    ) -> Vec<(String, T)> {
        let (present, absent): (Vec<_>, Vec<_>) = named.into_iter().partition(|(name, _)| existing.contains(name));
        if on_absence == OnAbsence::Skip || absent.is_empty() {
            return present;
        }
        let refusals = absent.into_iter().map(|(name, _)| match name.as_str() {
            "" => ServiceError::invalid(K::KEY, format!("it is missing; say which {} is meant", K::NAME)),
            name => ServiceError::not_found(K::NAME, name),
        });
        self.refused.extend(refusals);
        Vec::new()
    }

    fn note(&mut self, name: String, result: Result<(), ServiceError>) {
        match result {
            Ok(()) => self.done.push(name),
            Err(refusal) => self.refused.push(refusal),
        }
    }
}
