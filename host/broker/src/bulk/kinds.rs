//! The kinds of objects that can be changed many at a time.

use std::collections::HashSet;

use flow_model::ids::{ConnectionId, InvalidName, PoolName, TenantId, VariableKey};
use flow_model::rest::connections::{ConnectionBody, ConnectionPatch};
use flow_model::rest::pools::{PoolBody, PoolPatch};
use flow_model::rest::variables::{VariableBody, VariablePatch};
use flow_model::rest::{Change, Names, PageRequest};
use flow_store::{Session, connection, slot_pool, variable};

use super::Kind;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

pub(super) struct Variables;

impl Kind for Variables {
    type Body = VariableBody;
    type Patch = VariablePatch;
    const NAME: &'static str = "variable";
    const KEY: &'static str = "key";

    fn name(body: &VariableBody) -> String {
        body.key.to_string()
    }

    fn patched(patch: &VariablePatch) -> Option<String> {
        patch.key.as_ref().map(ToString::to_string)
    }

    fn replacing(body: VariableBody) -> VariablePatch {
        VariablePatch {
            key: Some(body.key),
            value: Some(body.value),
            description: Change::To(body.description),
            team_name: body.team_name,
        }
    }

    async fn names(db: &mut Session, tenant: &TenantId) -> Result<HashSet<String>, ServiceError> {
        Ok(variable::keys(db, tenant, "").await?.into_iter().collect())
    }

    async fn create(broker: &LocalBroker, actor: &Actor, body: VariableBody) -> Result<(), ServiceError> {
        broker.create_variable(actor, body).await.map(drop)
    }

    async fn patch(broker: &LocalBroker, actor: &Actor, name: &str, patch: VariablePatch) -> Result<(), ServiceError> {
        broker.patch_variable(actor, &key(name)?, patch).await.map(drop)
    }

    async fn delete(broker: &LocalBroker, actor: &Actor, name: &str) -> Result<(), ServiceError> {
        let name: VariableKey = key(name)?;
        broker.delete_variable(actor, &name).await
    }
}

pub(super) struct Connections;

impl Kind for Connections {
    type Body = ConnectionBody;
    type Patch = ConnectionPatch;
    const NAME: &'static str = "connection";
    const KEY: &'static str = "connection_id";

    fn name(body: &ConnectionBody) -> String {
        body.connection_id.to_string()
    }

    fn patched(patch: &ConnectionPatch) -> Option<String> {
        patch.connection_id.as_ref().map(ToString::to_string)
    }

    fn replacing(body: ConnectionBody) -> ConnectionPatch {
        ConnectionPatch {
            connection_id: Some(body.connection_id),
            conn_type: Some(body.conn_type),
            description: Change::To(body.description),
            host: Change::To(body.host),
            login: Change::To(body.login),
            schema: Change::To(body.schema),
            port: Change::To(body.port),
            password: Change::To(body.password),
            extra: Change::To(body.extra),
            team_name: body.team_name,
        }
    }

    async fn names(db: &mut Session, tenant: &TenantId) -> Result<HashSet<String>, ServiceError> {
        Ok(connection::ids(db, tenant).await?.into_iter().collect())
    }

    async fn create(broker: &LocalBroker, actor: &Actor, body: ConnectionBody) -> Result<(), ServiceError> {
        broker.create_connection(actor, body).await.map(drop)
    }

    async fn patch(
        broker: &LocalBroker,
        actor: &Actor,
        name: &str,
        patch: ConnectionPatch,
    ) -> Result<(), ServiceError> {
        broker.patch_connection(actor, &key(name)?, patch).await.map(drop)
    }

    async fn delete(broker: &LocalBroker, actor: &Actor, name: &str) -> Result<(), ServiceError> {
        let name: ConnectionId = key(name)?;
        broker.delete_connection(actor, &name).await
    }
}

pub(super) struct Pools;

impl Kind for Pools {
    type Body = PoolBody;
    type Patch = PoolPatch;
    const NAME: &'static str = "pool";
    const KEY: &'static str = "name";

    fn name(body: &PoolBody) -> String {
        body.name.to_string()
    }

    fn patched(patch: &PoolPatch) -> Option<String> {
        patch.name.as_ref().map(ToString::to_string)
    }

    fn replacing(body: PoolBody) -> PoolPatch {
        PoolPatch {
            name: Some(body.name),
            slots: Some(body.slots),
            description: Change::To(body.description),
            include_deferred: Some(body.include_deferred),
            team_name: body.team_name,
        }
    }

    async fn names(db: &mut Session, tenant: &TenantId) -> Result<HashSet<String>, ServiceError> {
        let all = PageRequest { limit: u32::MAX, ..PageRequest::default() };
        let found = slot_pool::list(db, tenant, Names::ALL, &all).await?;
        Ok(found.entries.into_iter().map(|pool| pool.name.into()).collect())
    }

    async fn create(broker: &LocalBroker, actor: &Actor, body: PoolBody) -> Result<(), ServiceError> {
        broker.create_pool(actor, body).await.map(drop)
    }

    async fn patch(broker: &LocalBroker, actor: &Actor, name: &str, patch: PoolPatch) -> Result<(), ServiceError> {
        broker.patch_pool(actor, &key(name)?, patch).await.map(drop)
    }

    async fn delete(broker: &LocalBroker, actor: &Actor, name: &str) -> Result<(), ServiceError> {
        let name: PoolName = key(name)?;
        broker.delete_pool(actor, &name).await
    }
}

fn key<N: std::str::FromStr<Err = InvalidName>>(name: &str) -> Result<N, ServiceError> {
    Ok(name.parse()?)
}
