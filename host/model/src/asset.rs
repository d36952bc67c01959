//! Assets as a schedule names them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What must have been updated for a run to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AssetExpression {
    /// One asset.
    Asset(AssetRef),
    /// Any asset that events were emitted for under this alias.
    Alias(String),
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
    Name(String),
    /// By its URI.
    Uri(String),
}

/// What has been updated since a DAG's last run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updated {
    /// The assets, by every name that they have.
    pub assets: BTreeSet<AssetRef>,
    /// The aliases under which events were emitted.
    pub aliases: BTreeSet<String>,
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
            Self::Asset(AssetRef::Name(name) | AssetRef::Uri(name)) | Self::Alias(name) => name.is_empty(),
            Self::All(parts) | Self::Any(parts) => parts.is_empty() || parts.iter().any(Self::has_empty_part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_nested_expression_waits_for_what_it_says() {
        let expression: AssetExpression = serde_json::from_value(json!({"all": [
            {"asset": {"name": "orders"}},
            {"any": [{"asset": {"uri": "s3://lake/prices"}}, {"alias": "late"}]},
        ]}))
        .expect("an expression");
        let mut updated = Updated::default();
        assert!(!expression.evaluate(&updated));
        updated.assets.insert(AssetRef::Name("orders".to_owned()));
        assert!(!expression.evaluate(&updated));
        updated.aliases.insert("late".to_owned());
        assert!(expression.evaluate(&updated));
    }

    #[test]
    fn nothing_is_no_condition() {
        assert!(AssetExpression::All(vec![]).has_empty_part());
        assert!(AssetExpression::Any(vec![AssetExpression::Alias(String::new())]).has_empty_part());
        assert!(!AssetExpression::Alias("a".to_owned()).has_empty_part());
    }
}
