//! What a task that has succeeded publishes: an event for each outlet, with what the task said of it while it ran.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::dag::{DagSpec, TaskSpec};
use crate::ids::{AssetName, PartitionKey};
use crate::uses::covers;

/// How many emissions one attempt may make.
pub const MAX_EMISSIONS: u64 = 1_000;

/// What a task updates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlets {
    /// Assets, by name.
    pub assets: Vec<AssetName>,
    /// Aliases, under which it may update any asset.
    pub aliases: BTreeSet<AssetName>,
}

/// What a task said of an asset while it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// The asset.
    pub asset: AssetName,
    /// The alias in whose name it is updated.
    pub alias: Option<AssetName>,
    /// Which part of it was updated; that of the run if the task did not say.
    pub partition_key: Option<PartitionKey>,
    /// What else is to be known.
    pub extra: Map<String, Value>,
}

/// An event to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The asset that was updated.
    pub asset: AssetName,
    /// The aliases in whose name.
    pub aliases: BTreeSet<AssetName>,
    /// Which part of it.
    pub partition_key: Option<PartitionKey>,
    /// What else is to be known.
    pub extra: Map<String, Value>,
}

impl Outlets {
    /// The outlets of a task, of which the names of its DAG's aliases stand for aliases.
    pub fn of(spec: &DagSpec, task: &TaskSpec) -> Self {
        let names = task.outlets.iter().filter_map(|name| name.parse::<AssetName>().ok());
        let (aliases, assets): (Vec<_>, Vec<_>) =
            names.partition(|name| spec.asset_aliases.iter().any(|alias| alias.name == *name));
        Self { assets, aliases: aliases.into_iter().collect() }
    }

    /// Whether the task may emit events of `asset`, perhaps in the name of an alias. `uses` are the assets that it declared
    /// besides its outlets.
    pub fn allow(&self, asset: &AssetName, alias: Option<&AssetName>, uses: &[String]) -> bool {
        match alias {
            Some(alias) => self.aliases.contains(alias) || covers(uses, alias.as_str()),
            None => self.assets.contains(asset) || covers(uses, asset.as_str()),
        }
    }
}

/// The events of a task that has succeeded in a run for `key`. What it emitted several times for the same part of an
/// asset is one event, in which later members of `extra` replace earlier ones. Under an alias, what differs in any way
/// is an event of its own, as in Airflow.
pub fn publications(outlets: &Outlets, emissions: &[Emission], key: Option<&PartitionKey>) -> Vec<Publication> {
    let mut all: Vec<Publication> = Vec::with_capacity(outlets.assets.len());
    for emission in emissions {
        let partition_key = emission.partition_key.as_ref().or(key).cloned();
        let same = |one: &&mut Publication| {
            one.asset == emission.asset
                && one.partition_key == partition_key
                && match &emission.alias {
                    Some(_) => !one.aliases.is_empty() && one.extra == emission.extra,
                    None => one.aliases.is_empty(),
                }
        };
        if let Some(one) = all.iter_mut().find(same) {
            one.aliases.extend(emission.alias.clone());
            one.extra.extend(emission.extra.clone());
        } else {
            all.push(Publication {
                asset: emission.asset.clone(),
                aliases: emission.alias.iter().cloned().collect(),
                partition_key,
                extra: emission.extra.clone(),
            });
        }
    }
    let unnamed = outlets
        .assets
        .iter()
        .filter(|asset| !emissions.iter().any(|emission| emission.alias.is_none() && emission.asset == **asset));
    let silent: Vec<Publication> = unnamed
        .map(|asset| Publication {
            asset: asset.clone(),
            aliases: BTreeSet::new(),
            partition_key: key.cloned(),
            extra: Map::new(),
        })
        .collect();
    all.extend(silent);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(text: &str) -> AssetName {
        text.parse().expect("a name")
    }

    fn emission(asset: &str, alias: Option<&str>, key: Option<&str>, extra: &Value) -> Emission {
        Emission {
            asset: name(asset),
            alias: alias.map(name),
            partition_key: key.map(|key| key.parse().expect("a key")),
            extra: extra.as_object().expect("an object").clone(),
        }
    }

    fn outlets() -> Outlets {
        Outlets { assets: vec![name("orders"), name("prices")], aliases: [name("late")].into() }
    }

    /// Each as `asset/alias+alias@key extra`.
    fn shown(emissions: &[Emission], key: Option<&str>) -> Vec<String> {
        let key = key.map(|key| key.parse().expect("a key"));
        let text = |one: &Publication| {
            let aliases: Vec<&str> = one.aliases.iter().map(AssetName::as_str).collect();
            let key = one.partition_key.as_ref().map_or("", PartitionKey::as_str);
            format!("{}/{}@{key} {}", one.asset, aliases.join("+"), Value::Object(one.extra.clone()))
        };
        publications(&outlets(), emissions, key.as_ref()).iter().map(text).collect()
    }

    #[test]
    fn every_outlet_has_an_event() {
        assert_eq!(shown(&[], None), ["orders/@ {}", "prices/@ {}"]);
        assert_eq!(shown(&[], Some("k")), ["orders/@k {}", "prices/@k {}"]);
    }

    #[test]
    fn what_is_said_of_an_outlet_goes_into_its_event() {
        let said = [
            emission("prices", None, None, &json!({"a": 1, "b": 1})),
            emission("prices", None, None, &json!({"b": 2})),
            emission("other", None, None, &json!({})),
        ];
        assert_eq!(shown(&said, None), [r#"prices/@ {"a":1,"b":2}"#, "other/@ {}", "orders/@ {}"]);
    }

    #[test]
    fn each_part_of_an_asset_has_an_event_of_its_own() {
        let said = [
            emission("orders", None, Some("eu"), &json!({"rows": 1})),
            emission("orders", None, Some("us"), &json!({})),
            emission("orders", None, Some("eu"), &json!({"late": true})),
        ];
        let expected = [r#"orders/@eu {"rows":1,"late":true}"#, "orders/@us {}", "prices/@all {}"];
        let mut found = shown(&said, Some("all"));
        let mut expected = expected.map(str::to_owned);
        // The order of an object's members depends on how it is built.
        found[0] = found[0].replace(r#""late":true,"rows":1"#, r#""rows":1,"late":true"#);
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_alias_has_an_event_for_whatever_differs() {
        let said = [
            emission("new", Some("late"), None, &json!({"n": 1})),
            emission("new", Some("later"), None, &json!({"n": 1})),
            emission("new", Some("late"), None, &json!({"n": 2})),
        ];
        let expected = [r#"new/late+later@ {"n":1}"#, r#"new/late@ {"n":2}"#, "orders/@ {}", "prices/@ {}"];
        assert_eq!(shown(&said, None), expected);
    }

    #[test]
    fn only_what_is_declared_may_be_emitted() {
        let uses = ["lake/*".to_owned()];
        for (asset, alias, expected) in [
            ("orders", None, true),
            ("lake/x", None, true),
            ("other", None, false),
            ("other", Some("late"), true),
            ("orders", Some("early"), false),
        ] {
            let allowed = outlets().allow(&name(asset), alias.map(name).as_ref(), &uses);
            assert_eq!(allowed, expected, "{asset} {alias:?}");
        }
    }
}
