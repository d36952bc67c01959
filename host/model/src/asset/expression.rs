//! Conditions on assets, as a schedule names them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::{AssetName, AssetUri};

/// What must have been updated for a run to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AssetExpression {
    /// One asset.
    Asset(AssetRef),
    /// Any asset that events were emitted for under this alias.
    Alias(AssetName),
    /// Each of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
}

/// How an asset is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AssetRef {
    /// By its name.
    Name(AssetName),
    /// By its URI.
    Uri(AssetUri),
}

/// What has been updated since a DAG's last run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updated {
    /// The assets, by every name that they have.
    pub assets: BTreeSet<AssetRef>,
    /// The aliases under which events were emitted.
    pub aliases: BTreeSet<AssetName>,
}

/// What an asset is called, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its name.
    pub name: AssetName,
    /// Its URI.
    pub uri: AssetUri,
    /// Its group.
    pub group: String,
}

impl AssetExpression {
    /// Whether what has been updated is enough for a run.
    pub fn evaluate(&self, updated: &Updated) -> bool {
        match self {
            Self::Asset(asset) => updated.assets.contains(asset),
            Self::Alias(alias) => updated.aliases.contains(alias),
            Self::All(parts) => parts.iter().all(|part| part.evaluate(updated)),
            Self::Any(parts) => parts.iter().any(|part| part.evaluate(updated)),
        }
    }

    /// Whether a part of it names nothing. All of nothing would always be there, any of nothing never.
    pub fn has_empty_part(&self) -> bool {
        match self {
            Self::Asset(_) | Self::Alias(_) => false,
            Self::All(parts) | Self::Any(parts) => parts.is_empty() || parts.iter().any(Self::has_empty_part),
        }
    }

    /// Everything that it names, each as often as it is named, in order: assets and aliases.
    pub fn leaves(&self) -> Vec<Leaf<'_>> {
        match self {
            Self::Asset(asset) => vec![Leaf::Asset(asset)],
            Self::Alias(alias) => vec![Leaf::Alias(alias)],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::leaves).collect(),
        }
    }

    /// The condition as Airflow's API shows it. `identify` knows what an asset is called; one that is not there yet is
    /// shown as it is named.
    pub fn shown(&self, identify: &impl Fn(&AssetRef) -> Option<Identity>) -> Value {
        let all = |parts: &[Self]| parts.iter().map(|part| part.shown(identify)).collect::<Vec<_>>();
        match self {
            Self::Asset(asset) => match (identify(asset), asset) {
                (Some(known), _) => json!({ "asset": known }),
                (None, AssetRef::Name(name)) => json!({ "asset_ref": { "name": name } }),
                (None, AssetRef::Uri(uri)) => json!({ "asset_ref": { "uri": uri } }),
            },
            Self::Alias(alias) => json!({ "alias": { "name": alias, "group": super::DEFAULT_GROUP } }),
            Self::All(parts) => json!({ "all": all(parts) }),
            Self::Any(parts) => json!({ "any": all(parts) }),
        }
    }
}

/// One thing that a condition names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf<'e> {
    /// An asset.
    Asset(&'e AssetRef),
    /// An alias.
    Alias(&'e AssetName),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression() -> AssetExpression {
        serde_json::from_value(json!({"all": [
            {"asset": {"name": "orders"}},
            {"any": [{"asset": {"uri": "s3://lake/prices"}}, {"alias": "late"}]},
        ]}))
        .expect("an expression")
    }

    #[test]
    fn a_nested_expression_waits_for_what_it_says() {
        let orders = || AssetRef::Name("orders".parse().expect("a name"));
        let prices = || AssetRef::Uri("s3://lake/prices".parse().expect("a URI"));
        let late = || "late".parse::<AssetName>().expect("a name");
        for (assets, aliases, expected) in [
            (vec![], vec![], false),
            (vec![orders()], vec![], false),
            (vec![prices()], vec![late()], false),
            (vec![orders(), prices()], vec![], true),
            (vec![orders()], vec![late()], true),
        ] {
            let updated = Updated { assets: assets.into_iter().collect(), aliases: aliases.into_iter().collect() };
            assert_eq!(expression().evaluate(&updated), expected, "{updated:?}");
        }
    }

    #[test]
    fn nothing_is_no_condition() {
        assert!(AssetExpression::All(vec![]).has_empty_part());
        assert!(AssetExpression::Any(vec![expression(), AssetExpression::Any(vec![])]).has_empty_part());
        assert!(!expression().has_empty_part());
        assert!(serde_json::from_value::<AssetExpression>(json!({"alias": ""})).is_err());
    }

    #[test]
    fn what_is_not_there_yet_is_shown_as_it_is_named() {
        let identify = |asset: &AssetRef| match asset {
            AssetRef::Name(name) => Some(Identity {
                name: name.clone(),
                uri: "s3://lake/orders".parse().expect("a URI"),
                group: "asset".to_owned(),
            }),
            AssetRef::Uri(_) => None,
        };
        let expected = json!({"all": [
            {"asset": {"name": "orders", "uri": "s3://lake/orders", "group": "asset"}},
            {"any": [{"asset_ref": {"uri": "s3://lake/prices"}}, {"alias": {"name": "late", "group": "asset"}}]},
        ]});
        assert_eq!(expression().shown(&identify), expected);
        assert_eq!(expression().leaves().len(), 3);
    }
}
