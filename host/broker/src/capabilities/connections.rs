//! The `connections` interface: a connection in clear, for tasks that declared its id.

use flow_model::call::Reply;
use flow_model::ids::ConnectionId;
use flow_model::work::AttemptClaims;
use flow_store::connection;

use super::{declared, leased};
use crate::connections::opened;
use crate::error::ServiceError;
use crate::local::Inner;

impl Inner {
    /// `connections.get`
    pub(super) async fn connection_get(
        &self,
        claims: &AttemptClaims,
        id: &ConnectionId,
    ) -> Result<Reply, ServiceError> {
        declared(&claims.uses.connections, id.as_str())?;
        let mut db = self.store.read().await?;
        leased(&mut db, &claims.tenant, claims.attempt).await?;
        let found = connection::get(&mut db, &claims.tenant, id).await?;
        let found = found.ok_or_else(|| ServiceError::not_found("connection", id))?;
        let key = self.data_key(&mut db, &claims.tenant).await?;
        Ok(Reply::Connection(Box::new(opened(&key, &claims.tenant, found)?)))
    }
}
