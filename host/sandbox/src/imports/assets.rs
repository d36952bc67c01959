//! `wit/assets.wit`

use flow_model::call::{Call, limit};
use flow_model::time::Millis;

use super::{at_most, check_instant, check_object};
use crate::bindings::imports::assets::{Emission, Host};
use crate::bindings::imports::types::Error;
use crate::guest::Guest;

impl Host for Guest {
    async fn emit(&mut self, asset: String, emission: Emission) -> Result<(), Error> {
        let Emission { extra, alias, partition_key } = emission;
        check_label("asset", &asset, limit::ASSET_NAME)?;
        alias.iter().try_for_each(|alias| check_label("alias", alias, limit::ASSET_NAME))?;
        partition_key.iter().try_for_each(|key| check_label("partition-key", key, limit::PARTITION_KEY))?;
        if let Some(extra) = &extra {
            at_most(limit::VALUE, extra)?;
            check_object("extra", extra)?;
        }
        self.ask(Call::AssetEmit { asset, extra, alias, partition_key }).await
    }

    async fn events(&mut self, asset: String, since: Option<i64>, most: u32) -> Result<String, Error> {
        check_label("asset", &asset, limit::ASSET_NAME)?;
        let since = since.map(Millis);
        since.into_iter().try_for_each(|since| check_instant("since", since))?;
        self.ask(Call::AssetEvents { asset, since, limit: most.min(limit::ASSET_EVENTS) }).await
    }
}

fn check_label(what: &str, text: &str, longest: usize) -> Result<(), Error> {
    if (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::Invalid(format!("{what} must be 1 to {longest} bytes without control characters")))
}
