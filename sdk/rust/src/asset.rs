//! Assets as a DAG names them: what tasks update, and what other DAGs run for.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! fn orders() -> Asset {
//!     asset("orders").uri("s3://lake/orders").group("sales")
//! }
//!
//! #[task(outlets(orders()))]
//! fn load_orders() {}
//!
//! #[task(inlets("orders", "prices"))]
//! fn report(context: &Context) -> Result<usize> {
//!     Ok(context.triggering_events()?.len())
//! }
//!
//! #[dag(schedule = "@hourly")]
//! fn load() {
//!     load_orders();
//! }
//!
//! #[dag(schedule = orders() & (asset("prices") | asset("estimates")))]
//! fn reports() {
//!     report();
//! }
//! ```

use std::ops::{BitAnd, BitOr};

use serde_json::{Value, json};

use crate::spec::Object;

/// Data that tasks update and that runs are made for, by its name within the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    pub(crate) name: String,
    uri: Option<String>,
    group: Option<String>,
    extra: Value,
}

/// The asset of this name.
pub fn asset(name: impl Into<String>) -> Asset {
    Asset { name: name.into(), uri: None, group: None, extra: Value::Null }
}

impl Asset {
    /// Where it is.
    #[must_use]
    pub fn uri(self, uri: impl Into<String>) -> Self {
        Self { uri: Some(uri.into()), ..self }
    }

    /// What kind of asset it is, for lists.
    #[must_use]
    pub fn group(self, group: impl Into<String>) -> Self {
        Self { group: Some(group.into()), ..self }
    }

    /// Whatever else there is to say of it: a JSON object.
    #[must_use]
    pub fn extra(self, extra: impl Into<Value>) -> Self {
        Self { extra: extra.into(), ..self }
    }

    /// As the host reads it.
    pub(crate) fn json(&self) -> Value {
        let mut said = described(&self.name, self.group.as_deref());
        if let Some(uri) = &self.uri {
            said.set("uri", uri.as_str());
        }
        if !self.extra.is_null() {
            said.set("extra", self.extra.clone());
        }
        said.into()
    }

    /// Whether there is more to say of it than its name.
    fn is_described(&self) -> bool {
        self.uri.is_some() || self.group.is_some() || !self.extra.is_null()
    }
}

/// A name under which a task updates assets that it finds only while it runs, and for which runs are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    name: String,
    group: Option<String>,
}

/// The alias of this name.
pub fn alias(name: impl Into<String>) -> Alias {
    Alias { name: name.into(), group: None }
}

impl Alias {
    /// What kind of alias it is, for lists.
    #[must_use]
    pub fn group(self, group: impl Into<String>) -> Self {
        Self { group: Some(group.into()), ..self }
    }
}

impl Alias {
    /// As the host reads it.
    pub(crate) fn json(&self) -> Value {
        described(&self.name, self.group.as_deref()).into()
    }
}

fn described(name: &str, group: Option<&str>) -> Object {
    let mut said = Object::default();
    said.set("name", name);
    if let Some(group) = group {
        said.set("group", group);
    }
    said
}

/// What a task updates or reads: an [`Asset`], which can be given by its name alone, or an [`Alias`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlet {
    /// An asset.
    Asset(Asset),
    /// An alias.
    Alias(Alias),
}

impl Outlet {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Asset(asset) => &asset.name,
            Self::Alias(alias) => &alias.name,
        }
    }
}

impl From<Asset> for Outlet {
    fn from(asset: Asset) -> Self {
        Self::Asset(asset)
    }
}

impl From<Alias> for Outlet {
    fn from(alias: Alias) -> Self {
        Self::Alias(alias)
    }
}

impl From<&str> for Outlet {
    fn from(name: &str) -> Self {
        Self::Asset(asset(name))
    }
}

/// What a DAG has to declare because its tasks and its schedule name it: each asset and alias once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Declared {
    pub(crate) assets: Vec<Asset>,
    pub(crate) aliases: Vec<Alias>,
}

impl Declared {
    pub(crate) fn add(&mut self, outlet: &Outlet) {
        match outlet {
            Outlet::Asset(asset) if asset.is_described() && !self.assets.contains(asset) => {
                self.assets.push(asset.clone());
            }
            Outlet::Alias(alias) if !self.aliases.contains(alias) => self.aliases.push(alias.clone()),
            Outlet::Asset(_) | Outlet::Alias(_) => {}
        }
    }

    pub(crate) fn add_all(&mut self, expression: &AssetExpression) {
        match expression {
            AssetExpression::Asset(asset) => self.add(&asset.clone().into()),
            AssetExpression::At(_) | AssetExpression::Alias(_) => {}
            AssetExpression::All(parts) | AssetExpression::Any(parts) => {
                for part in parts {
                    self.add_all(part);
                }
            }
        }
    }
}

/// What must have been updated for a run to be made: assets and aliases, joined by `&` (all of them) and `|` (any).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetExpression {
    /// This asset.
    Asset(Asset),
    /// The asset with this URI.
    At(String),
    /// Any asset that was updated under the alias of this name.
    Alias(String),
    /// Each of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
}

/// The asset with this URI, in a schedule.
pub fn asset_at(uri: impl Into<String>) -> AssetExpression {
    AssetExpression::At(uri.into())
}

impl From<Asset> for AssetExpression {
    fn from(asset: Asset) -> Self {
        Self::Asset(asset)
    }
}

impl From<Alias> for AssetExpression {
    fn from(alias: Alias) -> Self {
        Self::Alias(alias.name)
    }
}

impl AssetExpression {
    /// As the host reads it.
    pub(crate) fn json(self) -> Value {
        let all = |parts: Vec<Self>| parts.into_iter().map(Self::json).collect::<Vec<_>>();
        match self {
            Self::Asset(asset) => json!({ "asset": { "name": asset.name } }),
            Self::At(uri) => json!({ "asset": { "uri": uri } }),
            Self::Alias(name) => json!({ "alias": name }),
            Self::All(parts) => json!({ "all": all(parts) }),
            Self::Any(parts) => json!({ "any": all(parts) }),
        }
    }

    fn and(self, other: Self) -> Self {
        match self {
            Self::All(mut parts) => {
                parts.push(other);
                Self::All(parts)
            }
            one => Self::All(vec![one, other]),
        }
    }

    fn or(self, other: Self) -> Self {
        match self {
            Self::Any(mut parts) => {
                parts.push(other);
                Self::Any(parts)
            }
            one => Self::Any(vec![one, other]),
        }
    }
}

macro_rules! joins {
    ($($given:ty),+) => { $(
        impl<R: Into<AssetExpression>> BitAnd<R> for $given {
            type Output = AssetExpression;

            fn bitand(self, other: R) -> AssetExpression {
                AssetExpression::from(self).and(other.into())
            }
        }

        impl<R: Into<AssetExpression>> BitOr<R> for $given {
            type Output = AssetExpression;

            fn bitor(self, other: R) -> AssetExpression {
                AssetExpression::from(self).or(other.into())
            }
        }
    )+ };
}

joins!(Asset, Alias, AssetExpression);
