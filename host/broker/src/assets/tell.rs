//! Telling the DAGs that wait for assets what was updated.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::asset::condition;
use flow_model::asset::partition::{PartitionError, Partitions};
use flow_model::ids::{AssetEventId, DagId, PartitionKey, TenantId};
use flow_model::time::Millis;
use flow_store::asset::AssetRow;
use flow_store::asset::consumer::{self, Consumer};
use flow_store::asset::partition::{self, Arrival};
use flow_store::event_log::{self, Event};
use flow_store::{Session, StoreError};

use super::publish::Update;
use crate::engine::Engine;

/// Telling DAGs of events that have got their numbers.
pub(super) struct Telling<'a> {
    pub(super) engine: &'a Engine,
    pub(super) now: Millis,
    pub(super) updates: &'a [Update],
    pub(super) numbers: &'a [AssetEventId],
}

impl<'a> Telling<'a> {
    /// Tells everybody who waits and answers at whom somebody is to look. A paused DAG is told nothing, as in Airflow: it
    /// gets the events with the next one after it goes on.
    pub(super) async fn tell<'w>(
        &self,
        db: &mut Session,
        waiting: &'w BTreeSet<Consumer>,
    ) -> Result<BTreeSet<(&'w TenantId, &'w DagId)>, StoreError> {
        let (mut queued, mut arrivals, mut awake) = (Vec::new(), Vec::new(), BTreeSet::new());
        for one in waiting.iter().filter(|one| !one.is_paused) {
            let update = &self.updates[one.n];
            match (&update.event.partition_key, one.is_partitioned) {
                (None, false) => queued.push((&one.tenant, &one.dag, update.asset.id)),
                (Some(key), true) => match self.arrivals(db, one, key).await? {
                    Ok(more) => arrivals.extend(more),
                    Err(refused) => self.complain(db, one, &refused)?,
                },
                (None, true) => self.complain(db, one, &Unusable::NoKey)?,
                // A DAG that does not know of partitions waits for updates of the asset as a whole.
                (Some(_), false) => continue,
            }
            awake.insert((&one.tenant, &one.dag));
        }
        if !queued.is_empty() {
            consumer::queue(db, &queued, self.now).await?;
        }
        if !arrivals.is_empty() {
            partition::arrive(db, &arrivals, self.now).await?;
        }
        Ok(awake)
    }

    /// The partitions of a DAG that an event belongs to.
    async fn arrivals<'w>(
        &self,
        db: &mut Session,
        one: &'w Consumer,
        key: &'a PartitionKey,
    ) -> Result<Result<Vec<Arrival<'w>>, Unusable>, StoreError>
    where
        'a: 'w,
    {
        let update = &self.updates[one.n];
        let version = self.engine.versions.get(db, &one.tenant, one.version).await?;
        let rules = condition(version.graph.spec().schedule.as_ref()).and_then(|(_, partitions)| partitions);
        let Some(rules) = rules else { return Ok(Ok(Vec::new())) };
        Ok(mapped(rules, &update.asset, key).map(|keys| {
            let arrival = |key_of_dag| Arrival {
                tenant: &one.tenant,
                dag: &one.dag,
                key: key_of_dag,
                event: self.numbers[one.n],
                asset: update.asset.id,
                source_key: key,
            };
            keys.into_iter().map(arrival).collect()
        }))
    }

    /// Says in the event log why an event is of no use to a DAG.
    fn complain(&self, db: &mut Session, one: &Consumer, why: &Unusable) -> Result<(), StoreError> {
        let asset = &self.updates[one.n].asset;
        let extra = BTreeMap::from([("asset", asset.name.as_str().to_owned()), ("reason", why.to_string())]);
        let event = Event {
            tenant: Some(&one.tenant),
            at: self.now,
            owner: "scheduler",
            event: why.event(),
            dag_id: Some(one.dag.as_str()),
            extra: Some(serde_json::json!(extra).to_string()),
            ..Event::default()
        };
        event_log::append(db, &[event])
    }
}

fn mapped(rules: &Partitions, asset: &AssetRow, key: &PartitionKey) -> Result<Vec<PartitionKey>, Unusable> {
    Ok(rules.mapper_for(&asset.name, &asset.uri).map(key)?)
}

/// Why an event is of no use to a DAG that has a run for each partition.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// It is about the asset as a whole.
    #[error("the DAG has a run for each partition and the event has no partition key")]
    NoKey,
    /// Its key means nothing to the DAG's mapper.
    #[error(transparent)]
    Unmapped(#[from] PartitionError),
}

impl Unusable {
    /// What the event log calls it, as in Airflow.
    fn event(&self) -> &'static str {
        match self {
            Self::NoKey => "missing partition key",
            Self::Unmapped(PartitionError::TooMany { .. }) => "partition fan-out exceeded",
            Self::Unmapped(
                PartitionError::Unreadable { .. }
                | PartitionError::Parts { .. }
                | PartitionError::NotAllowed(_)
                | PartitionError::Several(_)
                | PartitionError::FirstDay { .. }
                | PartitionError::NoKey(_)
                | PartitionError::Definition(_),
            ) => "failed to map partition_key",
        }
    }
}
