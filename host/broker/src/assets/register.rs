//! What a module's DAGs say of assets, taken up with the DAGs themselves.

use std::collections::BTreeSet;

use flow_model::asset::{self, Claims, Reference};
use flow_model::graph::Graph;
use flow_model::ids::{AssetUri, DagId, ModuleName, TenantId};
use flow_model::time::Millis;
use flow_store::asset::consumer::{self, Announced};
use flow_store::asset::reference::{self, Claim, Clash};
use flow_store::asset::{self as store, Declared, Named};
use flow_store::{Session, StoreError};

/// See the module.
pub(crate) struct Registration {
    claims: Claims,
    dags: Vec<DagAssets>,
}

struct DagAssets {
    dag: DagId,
    references: BTreeSet<Reference>,
    waits: Option<Waits>,
    catchup: bool,
}

/// How a DAG waits for assets.
struct Waits {
    /// What it makes of partitions, as JSON, if it cares about them.
    partitions: Option<String>,
}

impl Registration {
    /// What these DAGs say. That they do not contradict each other was seen when their description was read.
    pub(crate) fn of(graphs: &[Graph]) -> Self {
        let claims = asset::together(graphs.iter().map(Graph::spec)).unwrap_or_default();
        let dags = graphs.iter().map(Graph::spec).map(|spec| DagAssets {
            dag: spec.dag_id.clone(),
            references: asset::references(spec),
            waits: asset::condition(spec.schedule.as_ref())
                .map(|(_, partitions)| Waits { partitions: partitions.map(|it| serde_json::json!(it).to_string()) }),
            catchup: spec.catchup,
        });
        Self { dags: dags.collect(), claims }
    }

    /// How other modules of the tenant, or what others share with it, stand against it.
    pub(crate) async fn clash(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        module: &ModuleName,
    ) -> Result<Option<String>, StoreError> {
        let claim = |(name, declared): (&_, &Option<asset::AssetSpec>)| Claim {
            name: Clone::clone(name),
            uri: declared.as_ref().map(|asset| asset.place().to_owned()),
            is_owner: self.claims.owned.contains(name),
        };
        let claims: Vec<Claim> = self.claims.assets.iter().map(claim).collect();
        if claims.is_empty() {
            return Ok(None);
        }
        Ok(reference::clash(db, tenant, module, &claims).await?.map(|clash| explain(&clash)))
    }

    /// Makes it what the tenant's assets are. The DAGs are stored already.
    pub(crate) async fn apply(&self, db: &mut Session, tenant: &TenantId, now: Millis) -> Result<(), StoreError> {
        for of_dag in &self.dags {
            reference::put(db, (tenant, &of_dag.dag), &of_dag.references, now).await?;
        }
        store::retire(db, tenant).await?;
        self.name_assets(db, tenant, now).await?;
        store::activate(db, tenant).await?;
        for of_dag in &self.dags {
            match &of_dag.waits {
                Some(Waits { partitions }) => {
                    let partitions = partitions.as_deref();
                    let announced = Announced { dag: &of_dag.dag, partitions, catchup: of_dag.catchup };
                    consumer::announce(db, tenant, &announced, now).await?;
                }
                None => consumer::renounce(db, tenant, &of_dag.dag).await?,
            }
        }
        Ok(())
    }

    async fn name_assets(&self, db: &mut Session, tenant: &TenantId, now: Millis) -> Result<(), StoreError> {
        let Claims { assets, aliases, .. } = &self.claims;
        let named: Vec<Named<'_>> = assets.keys().map(|name| Named { tenant, name: name.as_str() }).collect();
        if !named.is_empty() {
            store::mention(db, &named, now).await?;
        }
        let declared: Vec<Declared> = assets.values().flatten().filter_map(declared).collect();
        if !declared.is_empty() {
            store::declare(db, tenant, &declared, now).await?;
        }
        let aliases: Vec<(Named<'_>, &str)> =
            aliases.iter().map(|(name, group)| (Named { tenant, name: name.as_str() }, group.as_str())).collect();
        if !aliases.is_empty() {
            store::aliases(db, &aliases).await?;
        }
        Ok(())
    }
}

fn declared(asset: &asset::AssetSpec) -> Option<Declared> {
    let uri: AssetUri = asset.place().parse().ok()?;
    let extra = serde_json::json!(asset.extra).to_string();
    Some(Declared { name: asset.name.clone(), uri, group: asset.group.clone(), extra })
}

fn explain(clash: &Clash) -> String {
    match clash {
        Clash::Declared { name, uri, dag } => {
            format!("asset {name:?} is declared by DAG {dag:?} of another module with the URI {uri:?}; use that one")
        }
        Clash::Uri { name, uri, other } => {
            format!("asset {name:?} has the URI {uri:?} of asset {other:?}; call it so too, or use another URI")
        }
        Clash::Foreign { name } => {
            format!("asset {name:?} belongs to another tenant, which shares it; it can be read here, not updated")
        }
    }
}

/// A DAG refers to nothing any more.
pub(crate) async fn forget(db: &mut Session, tenant: &TenantId, dag: &DagId, now: Millis) -> Result<(), StoreError> {
    reference::put(db, (tenant, dag), &BTreeSet::new(), now).await?;
    consumer::renounce(db, tenant, dag).await?;
    store::retire(db, tenant).await
}

/// A DAG goes on: what it waits for is looked at.
pub(crate) async fn wake(db: &mut Session, tenant: &TenantId, dag: &DagId, now: Millis) -> Result<(), StoreError> {
    consumer::wake(db, &BTreeSet::from([(tenant, dag)]), now).await
}
