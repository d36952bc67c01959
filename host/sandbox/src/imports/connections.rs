//! `wit/connections.wit`

use flow_model::call::Call;

use crate::bindings::imports::connections::{Connection, Host};
use crate::bindings::imports::types::Error;
use crate::guest::Guest;

impl Host for Guest {
    async fn get(&mut self, id: String) -> Result<Connection, Error> {
        self.ask(Call::ConnectionGet { id: id.parse()? }).await
    }
}
