//! `wit/variables.wit`

use flow_model::call::{Call, Reply, limit};

use super::{at_most, done, text};
use crate::bindings::imports::types::Error;
use crate::bindings::imports::variables::Host;
use crate::guest::Guest;

impl Host for Guest {
    async fn get(&mut self, key: String) -> Result<String, Error> {
        self.ask(Call::VariableGet { key: key.parse()? }, text).await
    }

    async fn set(&mut self, key: String, value: String) -> Result<(), Error> {
        let key = key.parse()?;
        at_most(limit::VALUE, &value)?;
        self.ask(Call::VariableSet { key, value }, done).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        self.ask(Call::VariableDelete { key: key.parse()? }, done).await
    }

    async fn keys(&mut self, prefix: String, page: u32) -> Result<Vec<String>, Error> {
        let is_prefix_of_a_key =
            prefix.len() <= 250 && prefix.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'));
        if !is_prefix_of_a_key {
            return Err(Error::Invalid("the prefix is not the beginning of a variable key".into()));
        }
        self.ask(Call::VariableKeys { prefix, page }, keys).await
    }
}

fn keys(reply: Reply) -> Option<Vec<String>> {
    if let Reply::Keys(keys) = reply { Some(keys) } else { None }
}
