//! `wit/task-state.wit`

use flow_model::call::Call;

use super::check_value;
use crate::bindings::imports::task_state::Host;
use crate::bindings::imports::types::Error;
use crate::guest::Guest;

impl Host for Guest {
    async fn get(&mut self, key: String) -> Result<String, Error> {
        self.ask(Call::StateGet { key: key.parse()? }).await
    }

    async fn set(&mut self, key: String, value: String) -> Result<(), Error> {
        let key = key.parse()?;
        check_value(&value)?;
        self.ask(Call::StateSet { key, value }).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        self.ask(Call::StateDelete { key: key.parse()? }).await
    }

    async fn clear(&mut self) -> Result<(), Error> {
        self.ask(Call::StateClear).await
    }
}
