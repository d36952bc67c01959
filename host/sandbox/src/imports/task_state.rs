//! `wit/task-state.wit`

use flow_model::call::{Call, limit};

use super::{at_most, done, text};
use crate::bindings::imports::task_state::Host;
use crate::bindings::imports::types::Error;
use crate::guest::Guest;

impl Host for Guest {
    async fn get(&mut self, key: String) -> Result<String, Error> {
        self.ask(Call::StateGet { key: key.parse()? }, text).await
    }

    async fn set(&mut self, key: String, value: String) -> Result<(), Error> {
        let key = key.parse()?;
        at_most(limit::VALUE, &value)?;
        self.ask(Call::StateSet { key, value }, done).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        self.ask(Call::StateDelete { key: key.parse()? }, done).await
    }

    async fn clear(&mut self) -> Result<(), Error> {
        self.ask(Call::StateClear, done).await
    }
}
