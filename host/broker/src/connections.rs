//! Connections: for people with what is secret masked, for attempts in clear.

use flow_model::call::{ConnectionDetails, limit};
use flow_model::ids::{ConnectionId, TenantId};
use flow_model::quota;
use flow_model::rest::connections::{Connection, ConnectionBody, ConnectionPatch};
use flow_model::rest::{Change, Names, Page, PageRequest};
use flow_model::secret::{MASK, Secret, masked};
use flow_store::connection::{self, SealedConnection};
use serde_json::{Map, Value, json};

use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::{Inner, LocalBroker};
use crate::secrets::{Key, Place};
use crate::variables::{check_team, checked_description};

const MAX_TYPE: usize = 500;
const MAX_PART: usize = 5_000;

impl LocalBroker {
    /// The connections of a tenant whose ids are among `names`.
    pub async fn connections(
        &self,
        tenant: &TenantId,
        names: Names<'_>,
        page: &PageRequest,
    ) -> Result<Page<Connection>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = connection::list(&mut db, tenant, names, page).await?;
        let key = self.inner.data_key(&mut db, tenant).await?;
        let entries = found.entries.into_iter().map(|sealed| shown(&key, tenant, sealed));
        Ok(Page { entries: entries.collect::<Result<_, _>>()?, total: found.total })
    }

    /// One connection.
    pub async fn connection(&self, tenant: &TenantId, id: &ConnectionId) -> Result<Connection, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = connection::get(&mut db, tenant, id).await?.ok_or_else(|| absent(id))?;
        let key = self.inner.data_key(&mut db, tenant).await?;
        shown(&key, tenant, found)
    }

    /// Creates a connection.
    pub async fn create_connection(&self, actor: &Actor, body: ConnectionBody) -> Result<Connection, ServiceError> {
        check_team(body.team_name.as_deref())?;
        let (now, id) = (self.now(), body.connection_id.clone());
        let mut tx = self.inner.store.begin("create connection").await?;
        let allowed = self.inner.locked_tenant(&mut tx, &actor.tenant).await?.quota.connections;
        let key = self.inner.data_key(&mut tx, &actor.tenant).await?;
        let sealed = self.inner.sealed_connection(&key, &actor.tenant, body)?;
        if !connection::insert(&mut tx, &actor.tenant, &sealed, now).await? {
            return Err(ServiceError::conflict(format!("connection {:?}", id.as_str()), "it exists already"));
        }
        quota::admit("connections", connection::count(&mut tx, &actor.tenant).await? - 1, 1, allowed)?;
        audit::note(&mut tx, actor, now, "post_connection", &json!({"connection_id": id}))?;
        tx.commit().await?;
        shown(&key, &actor.tenant, sealed)
    }

    /// Changes a connection; what `patch` leaves out stays as it is.
    pub async fn patch_connection(
        &self,
        actor: &Actor,
        id: &ConnectionId,
        patch: ConnectionPatch,
    ) -> Result<Connection, ServiceError> {
        check_team(patch.team_name.as_deref())?;
        if patch.connection_id.as_ref().is_some_and(|given| given != id) {
            return Err(ServiceError::invalid("connection_id", "the id in the body differs from the one in the path"));
        }
        let now = self.now();
        let mut tx = self.inner.store.begin("patch connection").await?;
        let key = self.inner.data_key(&mut tx, &actor.tenant).await?;
        let present = connection::get(&mut tx, &actor.tenant, id).await?.ok_or_else(|| absent(id))?;
        let changed = applied(patch, &key, &actor.tenant, present)?;
        let sealed = self.inner.sealed_connection(&key, &actor.tenant, changed)?;
        if !connection::update(&mut tx, &actor.tenant, &sealed, now).await? {
            return Err(absent(id));
        }
        audit::note(&mut tx, actor, now, "patch_connection", &json!({"connection_id": id}))?;
        tx.commit().await?;
        shown(&key, &actor.tenant, sealed)
    }

    /// Deletes a connection.
    pub async fn delete_connection(&self, actor: &Actor, id: &ConnectionId) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("delete connection").await?;
        if !connection::delete(&mut tx, &actor.tenant, id).await? {
            return Err(absent(id));
        }
        audit::note(&mut tx, actor, self.now(), "delete_connection", &json!({"connection_id": id}))?;
        Ok(tx.commit().await?)
    }
}

impl Inner {
    fn sealed_connection(
        &self,
        key: &Key,
        tenant: &TenantId,
        body: ConnectionBody,
    ) -> Result<SealedConnection, ServiceError> {
        check(&body)?;
        let id = body.connection_id;
        let seal = |place: Place<'_>, secret: Option<Secret>| {
            secret.map(|secret| key.seal(&self.entropy, &place, secret.reveal().as_bytes()))
        };
        Ok(SealedConnection {
            password: seal(Place::Password(tenant, &id), body.password),
            extra: seal(Place::Extra(tenant, &id), body.extra),
            id,
            conn_type: body.conn_type,
            description: checked_description(body.description)?,
            host: body.host,
            port: body.port,
            schema: body.schema,
            login: body.login,
        })
    }
}

/// A connection in clear.
pub(crate) fn opened(
    key: &Key,
    tenant: &TenantId,
    sealed: SealedConnection,
) -> Result<ConnectionDetails, ServiceError> {
    let open =
        |place: Place<'_>, sealed: Option<Vec<u8>>| sealed.map(|sealed| key.open_text(&place, &sealed)).transpose();
    Ok(ConnectionDetails {
        password: open(Place::Password(tenant, &sealed.id), sealed.password)?,
        extra: open(Place::Extra(tenant, &sealed.id), sealed.extra)?,
        conn_type: sealed.conn_type,
        host: sealed.host,
        port: sealed.port,
        schema: sealed.schema,
        login: sealed.login,
    })
}

fn absent(id: &ConnectionId) -> ServiceError {
    ServiceError::not_found("connection", id)
}

fn shown(key: &Key, tenant: &TenantId, sealed: SealedConnection) -> Result<Connection, ServiceError> {
    let (connection_id, description) = (sealed.id.clone(), sealed.description.clone());
    let clear = opened(key, tenant, sealed)?;
    Ok(Connection {
        connection_id,
        conn_type: clear.conn_type,
        description,
        host: clear.host,
        login: clear.login,
        schema: clear.schema,
        port: clear.port,
        password: clear.password.map(|_| MASK.to_owned()),
        extra: clear.extra.map(|extra| masked("extra", &extra)),
        team_name: None,
    })
}

/// The whole connection after a patch. A secret that comes back as it is shown, masked, stays what it was.
fn applied(
    patch: ConnectionPatch,
    key: &Key,
    tenant: &TenantId,
    present: SealedConnection,
) -> Result<ConnectionBody, ServiceError> {
    let (connection_id, description) = (present.id.clone(), present.description.clone());
    let clear = opened(key, tenant, present)?;
    let shown_extra = clear.extra.as_deref().map(|extra| masked("extra", extra));
    let secret = |change: Change<Secret>, shown: Option<&str>, present: Option<String>| match change {
        Change::To(Some(given)) if shown == Some(given.reveal()) => present.map(Secret::from),
        Change::To(_) | Change::Keep => change.apply(present.map(Secret::from)),
    };
    Ok(ConnectionBody {
        connection_id,
        conn_type: patch.conn_type.unwrap_or(clear.conn_type),
        description: patch.description.apply(description),
        host: patch.host.apply(clear.host),
        login: patch.login.apply(clear.login),
        schema: patch.schema.apply(clear.schema),
        port: patch.port.apply(clear.port),
        password: secret(patch.password, Some(MASK), clear.password),
        extra: secret(patch.extra, shown_extra.as_deref(), clear.extra),
        team_name: None,
    })
}

fn check(body: &ConnectionBody) -> Result<(), ServiceError> {
    if body.conn_type.is_empty() {
        return Err(ServiceError::invalid("conn_type", "it is empty; use a type such as postgres or http"));
    }
    let secret = |secret: &'_ Option<Secret>| secret.as_ref().map(|secret| secret.reveal().to_owned());
    for (what, text, limit) in [
        ("conn_type", Some(body.conn_type.clone()), MAX_TYPE),
        ("host", body.host.clone(), MAX_PART),
        ("login", body.login.clone(), MAX_PART),
        ("schema", body.schema.clone(), MAX_PART),
        ("password", secret(&body.password), MAX_PART),
        ("extra", secret(&body.extra), limit::VALUE),
    ] {
        let Some(text) = text else { continue };
        if text.len() > limit {
            return Err(ServiceError::TooLarge { what: what.to_owned(), limit });
        }
        if text.contains('\0') {
            return Err(ServiceError::invalid(what, "it holds a NUL"));
        }
    }
    match body.extra.as_ref().map(Secret::reveal).filter(|extra| !extra.is_empty()) {
        Some(extra) if serde_json::from_str::<Map<String, Value>>(extra).is_err() => {
            Err(ServiceError::invalid("extra", "it is not a JSON object"))
        }
        Some(_) | None => Ok(()),
    }
}
