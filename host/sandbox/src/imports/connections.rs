//! `wit/connections.wit`

use flow_model::call::{Call, Reply};

use crate::bindings::imports::connections::{Connection, Host};
use crate::bindings::imports::types::Error;
use crate::guest::Guest;

impl Host for Guest {
    async fn get(&mut self, id: String) -> Result<Connection, Error> {
        self.ask(Call::ConnectionGet { id: id.parse()? }, connection).await
    }
}

fn connection(reply: Reply) -> Option<Connection> {
    let Reply::Connection(details) = reply else { return None };
    let uri = details.uri();
    let details = *details;
    Some(Connection {
        conn_type: details.conn_type,
        host: details.host,
        port: details.port,
        schema: details.schema,
        login: details.login,
        password: details.password,
        extra: details.extra,
        uri,
    })
}
