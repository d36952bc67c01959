//! `wit/variables.wit`

use flow_model::call::Call;

use super::check_value;
use crate::bindings::imports::types::Error;
use crate::bindings::imports::variables::Host;
use crate::guest::Guest;

impl Host for Guest {
    async fn get(&mut self, key: String) -> Result<String, Error> {
        self.ask(Call::VariableGet { key: key.parse()? }).await
    }

    async fn set(&mut self, key: String, value: String) -> Result<(), Error> {
        let key = key.parse()?;
        check_value(&value)?;
        self.ask(Call::VariableSet { key, value }).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        self.ask(Call::VariableDelete { key: key.parse()? }).await
    }

    async fn keys(&mut self, prefix: String, page: u32) -> Result<Vec<String>, Error> {
        let is_prefix_of_a_key =
            prefix.len() <= 250 && prefix.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'));
        if !is_prefix_of_a_key {
            return Err(Error::Invalid("the prefix is not the beginning of a variable key".into()));
        }
        self.ask(Call::VariableKeys { prefix, page }).await
    }
}
