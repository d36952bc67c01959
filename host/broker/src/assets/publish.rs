//! Publishing: events are stored, and the DAGs that wait for them are told that something is there.

use std::collections::{BTreeSet, HashMap};

use flow_model::asset::{DEFAULT_GROUP, Emission, Outlets, Publication, ReferenceKind, publications};
use flow_model::ids::{AssetEventId, AssetName, DagId, PartitionKey, RunKey, TenantId};
use flow_model::time::Millis;
use flow_store::asset::consumer::{self, Consumer, Sought};
use flow_store::asset::event::{self, NewEvent, Source};
use flow_store::asset::{self, AliasRow, AssetRow, Named, emission, grant};
use flow_store::task_instance::TaskKey;
use flow_store::{Session, StoreError, run};

use super::tell::Telling;
use crate::engine::{Engine, Thing};

/// A task instance that has succeeded.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) tenant: TenantId,
    pub(crate) key: TaskKey,
    pub(crate) source: Source,
    pub(crate) outlets: Outlets,
}

/// An event to be, with everything that it touches.
pub(crate) struct Update {
    pub(crate) asset: AssetRow,
    pub(crate) aliases: Vec<AliasRow>,
    pub(crate) event: NewEvent,
}

/// Publishes what task instances that have just succeeded have updated. Answers whether somebody is to look at what
/// follows: then the timekeeper is to be woken once the transaction has been committed.
pub(crate) async fn published(
    db: &mut Session,
    engine: &Engine,
    now: Millis,
    tasks: &[Published],
) -> Result<bool, StoreError> {
    if tasks.is_empty() {
        return Ok(false);
    }
    let events = said(db, tasks).await?;
    if events.is_empty() {
        return Ok(false);
    }
    let updates = identify(db, tasks, events, now).await?;
    record(db, engine, now, updates).await?;
    Ok(true)
}

/// What each of the task instances publishes, with its place among them.
async fn said(db: &mut Session, tasks: &[Published]) -> Result<Vec<(usize, Publication)>, StoreError> {
    let keys: Vec<TaskKey> = tasks.iter().map(|task| task.key).collect();
    let mut emissions: HashMap<TaskKey, Vec<Emission>> = HashMap::new();
    for (key, emission) in emission::take(db, &keys).await? {
        emissions.entry(key).or_default().push(emission);
    }
    let runs: BTreeSet<RunKey> = keys.iter().map(|key| key.run).collect();
    let runs: Vec<RunKey> = runs.into_iter().collect();
    let partitions: HashMap<RunKey, PartitionKey> = run::partitions(db, &runs).await?.into_iter().collect();
    let all = tasks.iter().enumerate().flat_map(|(n, task)| {
        let emitted = emissions.get(&task.key).map_or(&[][..], Vec::as_slice);
        let events = publications(&task.outlets, emitted, partitions.get(&task.key.run));
        events.into_iter().map(move |event| (n, event))
    });
    Ok(all.collect())
}

/// Finds the assets and aliases of the events; those that are not there yet are made.
async fn identify(
    db: &mut Session,
    tasks: &[Published],
    events: Vec<(usize, Publication)>,
    now: Millis,
) -> Result<Vec<Update>, StoreError> {
    let (mut names, mut aliases) = (BTreeSet::new(), BTreeSet::new());
    for (n, event) in &events {
        let tenant = &tasks[*n].tenant;
        names.insert(Named { tenant, name: event.asset.as_str() });
        aliases.extend(event.aliases.iter().map(|alias| Named { tenant, name: alias.as_str() }));
    }
    let names: Vec<Named<'_>> = names.into_iter().collect();
    let assets = known(db, &names, now).await?;
    let aliases: Vec<(Named<'_>, &str)> = aliases.into_iter().map(|named| (named, DEFAULT_GROUP)).collect();
    let aliases = if aliases.is_empty() { Vec::new() } else { asset::aliases(db, &aliases).await? };
    let aliases: HashMap<(TenantId, AssetName), AliasRow> =
        aliases.into_iter().map(|alias| ((alias.tenant.clone(), alias.name.clone()), alias)).collect();
    let mut updates = Vec::with_capacity(events.len());
    for (n, event) in &events {
        let Published { tenant, source, .. } = &tasks[*n];
        let Some(asset) = assets.get(&(tenant.clone(), event.asset.clone())) else { continue };
        let of_event = event.aliases.iter().filter_map(|name| aliases.get(&(tenant.clone(), name.clone())));
        let event = NewEvent {
            tenant: tenant.clone(),
            asset: asset.id,
            extra: serde_json::json!(event.extra).to_string(),
            source: Some(source.clone()),
            partition_key: event.partition_key.clone(),
        };
        updates.push(Update { asset: asset.clone(), aliases: of_event.cloned().collect(), event });
    }
    join_aliases(db, &updates).await?;
    Ok(updates)
}

/// The assets of these names; those that are not there yet are made.
async fn known(
    db: &mut Session,
    names: &[Named<'_>],
    now: Millis,
) -> Result<HashMap<(TenantId, AssetName), AssetRow>, StoreError> {
    let mut found = asset::named(db, names).await?;
    if found.len() < names.len() {
        asset::mention(db, names, now).await?;
        found = asset::named(db, names).await?;
    }
    Ok(found.into_iter().map(|row| ((row.tenant.clone(), row.name.clone()), row)).collect())
}

/// Makes assets members of the aliases that they were updated under, and active with that.
async fn join_aliases(db: &mut Session, updates: &[Update]) -> Result<(), StoreError> {
    let members: BTreeSet<_> = updates
        .iter()
        .flat_map(|update| update.aliases.iter().map(|alias| (&alias.tenant, alias.id, update.asset.id)))
        .collect();
    if members.is_empty() {
        return Ok(());
    }
    let members: Vec<_> = members.into_iter().collect();
    asset::add_members(db, &members).await?;
    let tenants: BTreeSet<&TenantId> = members.iter().map(|(tenant, _, _)| *tenant).collect();
    for tenant in tenants {
        asset::activate(db, tenant).await?;
    }
    Ok(())
}

/// Stores events, with copies for the tenants that the assets are shared with, and tells who waits for them. Answers the
/// events' numbers, in their order.
pub(crate) async fn record(
    db: &mut Session,
    engine: &Engine,
    now: Millis,
    mut updates: Vec<Update>,
) -> Result<Vec<AssetEventId>, StoreError> {
    copy(db, &mut updates).await?;
    let waiting = waiting(db, &updates).await?;
    let dags: BTreeSet<(&TenantId, &DagId)> = waiting.iter().map(|one| (&one.tenant, &one.dag)).collect();
    if !dags.is_empty() {
        consumer::lock(db, &dags).await?;
    }
    let events: Vec<NewEvent> = updates.iter().map(|update| update.event.clone()).collect();
    let numbers = event::insert(db, &events, now).await?;
    let aliases: Vec<_> = updates
        .iter()
        .zip(&numbers)
        .flat_map(|(update, &number)| update.aliases.iter().map(move |alias| (&alias.tenant, number, alias.id)))
        .collect();
    if !aliases.is_empty() {
        event::add_aliases(db, &aliases).await?;
    }
    engine
        .awaited
        .wake(updates.iter().map(|Update { asset, .. }| (asset.tenant.clone(), Thing::Asset(asset.name.clone()))));
    let told = Telling { engine, now, updates: &updates, numbers: &numbers };
    let awake = told.tell(db, &waiting).await?;
    if !awake.is_empty() {
        consumer::wake(db, &awake, now).await?;
    }
    Ok(numbers)
}

/// Adds a copy of each event for every tenant that its asset is shared with. It says what happened and not by whom.
async fn copy(db: &mut Session, updates: &mut Vec<Update>) -> Result<(), StoreError> {
    let assets: Vec<_> = updates.iter().map(|update| (&update.asset.tenant, update.asset.id)).collect();
    let copies = grant::copies(db, &assets).await?;
    for (n, local) in copies {
        let event = NewEvent {
            tenant: local.tenant.clone(),
            asset: local.id,
            extra: updates[n].event.extra.clone(),
            source: None,
            partition_key: updates[n].event.partition_key.clone(),
        };
        updates.push(Update { asset: local, aliases: Vec::new(), event });
    }
    Ok(())
}

/// The DAGs that wait for the updates.
async fn waiting(db: &mut Session, updates: &[Update]) -> Result<BTreeSet<Consumer>, StoreError> {
    let sought = updates.iter().enumerate().flat_map(|(n, update)| {
        let tenant = update.asset.tenant.as_str();
        let by_name = Sought { tenant, kind: ReferenceKind::ScheduleName, target: update.asset.name.as_str(), n };
        let by_uri = Sought { tenant, kind: ReferenceKind::ScheduleUri, target: update.asset.uri.as_str(), n };
        let by_alias = update.aliases.iter().map(move |alias| Sought {
            tenant,
            kind: ReferenceKind::ScheduleAlias,
            target: alias.name.as_str(),
            n,
        });
        [by_name, by_uri].into_iter().chain(by_alias)
    });
    let sought: Vec<Sought<'_>> = sought.collect();
    consumer::seeking(db, &sought).await
}
