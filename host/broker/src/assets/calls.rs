//! The `assets` interface: what a running task may say of assets, and ask about them.

use flow_model::asset::{Emission, MAX_EMISSIONS, Outlets};
use flow_model::call::{Reply, limit};
use flow_model::ids::{AssetName, PartitionKey};
use flow_model::quota;
use flow_model::time::Millis;
use flow_model::uses::covers;
use flow_model::work::{AttemptClaims, AttemptRole};
use flow_store::asset::{self, AssetRow, Named, emission, event, grant};
use flow_store::{Session, run};
use serde_json::{Map, Value};

use crate::error::ServiceError;
use crate::local::LocalBroker;
use crate::text::{NotJson, check_object};

/// How many events one question is answered with.
const MAX_EVENTS: u32 = 1_000;

/// What a task may touch.
struct Reach {
    outlets: Outlets,
    inlets: Vec<String>,
}

/// What `assets.emit` is given besides the asset.
pub(crate) struct Said {
    pub(crate) extra: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) partition_key: Option<String>,
}

impl LocalBroker {
    /// `assets.emit`
    pub(crate) async fn asset_emit(
        &self,
        claims: &AttemptClaims,
        asset: &str,
        said: Said,
    ) -> Result<Reply, ServiceError> {
        let emission = Emission {
            asset: asset.parse()?,
            alias: said.alias.map(|alias| alias.parse::<AssetName>()).transpose()?,
            partition_key: said.partition_key.map(|key| key.parse::<PartitionKey>()).transpose()?,
            extra: said.extra.as_deref().map(checked_extra).transpose()?.unwrap_or_default(),
        };
        let (tenant, attempt) = (&claims.tenant, claims.attempt);
        let mut tx = self.inner.store.begin("assets.emit").await?;
        let reach = self.reach(&mut tx, claims).await?;
        if !reach.outlets.allow(&emission.asset, emission.alias.as_ref(), &claims.uses.assets) {
            return Err(undeclared(emission.alias.as_ref().unwrap_or(&emission.asset)));
        }
        match named(&mut tx, claims, &emission.asset).await? {
            Some(known) if grant::is_foreign(&mut tx, tenant, known.id).await? => {
                return Err(ServiceError::Denied(format!("{asset:?} is shared by another tenant")));
            }
            None if emission.alias.is_none() && !reach.outlets.assets.contains(&emission.asset) => {
                return Err(ServiceError::not_found("asset", asset));
            }
            Some(_) | None => {}
        }
        quota::admit("emissions", emission::count(&mut tx, tenant, attempt).await?, 1, MAX_EMISSIONS)?;
        if !emission::add(&mut tx, (tenant, attempt), &emission).await? {
            return Err(fenced());
        }
        tx.commit().await?;
        Ok(Reply::Done)
    }

    /// `assets.events`
    pub(crate) async fn asset_events(
        &self,
        claims: &AttemptClaims,
        asset: &str,
        since: Option<Millis>,
        most: u32,
    ) -> Result<Reply, ServiceError> {
        let asset: AssetName = asset.parse()?;
        let mut db = self.inner.store.read().await?;
        let reach = self.reach(&mut db, claims).await?;
        let declared = reach.outlets.assets.contains(&asset) || reach.inlets.iter().any(|name| name == asset.as_str());
        if !declared && !covers(&claims.uses.assets, asset.as_str()) {
            return Err(undeclared(&asset));
        }
        if named(&mut db, claims, &asset).await?.is_none() {
            return Err(ServiceError::not_found("asset", asset));
        }
        let events = event::since(&mut db, &claims.tenant, &asset, (since, most.min(MAX_EVENTS))).await?;
        let answer = format!("[{}]", events.join(","));
        if answer.len() > limit::BULK {
            return Err(ServiceError::TooLarge { what: "answer".to_owned(), limit: limit::BULK });
        }
        Ok(Reply::Text(answer))
    }

    /// What the attempt's task may touch; the attempt must hold its lease.
    async fn reach(&self, db: &mut Session, claims: &AttemptClaims) -> Result<Reach, ServiceError> {
        let AttemptRole::Task { task, .. } = &claims.role else { return Err(fenced()) };
        let own = run::of_attempt(db, &claims.tenant, claims.attempt).await?;
        let (_, version) = own.ok_or_else(fenced)?;
        let version = self.inner.engine.versions.get(db, &claims.tenant, version).await?;
        let task = version.graph.find(task).map(|index| version.graph.task(index)).ok_or_else(fenced)?;
        Ok(Reach { outlets: Outlets::of(version.graph.spec(), task), inlets: task.inlets.clone() })
    }
}

async fn named(db: &mut Session, claims: &AttemptClaims, asset: &AssetName) -> Result<Option<AssetRow>, ServiceError> {
    let names = [Named { tenant: &claims.tenant, name: asset.as_str() }];
    Ok(asset::named(db, &names).await?.into_iter().next())
}

/// What belongs to an event: one JSON object.
pub(super) fn checked_extra(text: &str) -> Result<Map<String, Value>, ServiceError> {
    match check_object(text, limit::VALUE) {
        Ok(()) => serde_json::from_str(text).map_err(|error| ServiceError::invalid("extra", error.to_string())),
        Err(NotJson::TooLarge(limit)) => Err(ServiceError::TooLarge { what: "extra".to_owned(), limit }),
        Err(reason @ (NotJson::Malformed(_) | NotJson::TooDeep | NotJson::NotAnObject)) => {
            Err(ServiceError::invalid("extra", format!("{reason}; give one JSON object")))
        }
    }
}

fn undeclared(name: &AssetName) -> ServiceError {
    ServiceError::Denied(format!("{:?} is not among the task's outlets and not declared in `uses`", name.as_str()))
}

fn fenced() -> ServiceError {
    ServiceError::Denied("the attempt is fenced".to_owned())
}
