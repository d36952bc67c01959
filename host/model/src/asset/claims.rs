//! What a DAG says of assets: those that it declares, and those that it and its tasks refer to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::partition::Partitions;
use super::{AssetExpression, AssetRef, Leaf};
use crate::call::limit;
use crate::coded::coded;
use crate::dag::{DagSpec, Native, ScheduleSpec, TaskSpec, WaitFor};
use crate::ids::{AssetName, AssetUri, TaskId};

/// The group of an asset that names none, as in Airflow.
pub const DEFAULT_GROUP: &str = "asset";

/// How many assets one DAG may name, each time it does counted.
const MAX_NAMED: usize = 10_000;
const MAX_GROUP: usize = 250;

/// An asset that a DAG declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetSpec {
    /// Its name.
    pub name: AssetName,
    /// Where the data is; its name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<AssetUri>,
    /// What kind of asset it is.
    #[serde(default = "default_group")]
    pub group: String,
    /// What else belongs to it: a JSON object.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// An alias: a name under which a task updates assets that it finds while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliasSpec {
    /// Its name. Among outlets and inlets it stands for the alias, not for an asset.
    pub name: AssetName,
    /// What kind of alias it is.
    #[serde(default = "default_group")]
    pub group: String,
}

impl AssetSpec {
    /// Where the data is.
    pub fn place(&self) -> &str {
        self.uri.as_ref().map_or(self.name.as_str(), AssetUri::as_str)
    }
}

coded!(
    /// In which way a DAG refers to an asset or an alias.
    ReferenceKind {
        /// It declares the asset.
        Declared = "declared",
        /// Its schedule names the asset.
        ScheduleName = "schedule_name",
        /// Its schedule names the asset's URI.
        ScheduleUri = "schedule_uri",
        /// Its schedule names the alias.
        ScheduleAlias = "schedule_alias",
        /// A task updates the asset.
        Outlet = "outlet",
        /// A task updates assets under the alias.
        OutletAlias = "outlet_alias",
        /// A task reads the asset.
        Inlet = "inlet",
        /// A task reads assets of the alias.
        InletAlias = "inlet_alias",
    }
);

impl ReferenceKind {
    /// Whether it names an alias.
    pub fn is_alias(self) -> bool {
        match self {
            Self::ScheduleAlias | Self::OutletAlias | Self::InletAlias => true,
            Self::Declared | Self::ScheduleName | Self::ScheduleUri | Self::Outlet | Self::Inlet => false,
        }
    }

    /// Whether it names an asset, which is there from then on.
    pub fn is_name(self) -> bool {
        match self {
            Self::Declared | Self::ScheduleName | Self::Outlet | Self::Inlet => true,
            Self::ScheduleUri | Self::ScheduleAlias | Self::OutletAlias | Self::InletAlias => false,
        }
    }
}

/// One way in which a DAG refers to an asset or an alias.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Which way.
    pub kind: ReferenceKind,
    /// A name or a URI.
    pub target: String,
    /// The task that refers to it; `None` for the DAG itself.
    pub task: Option<TaskId>,
}

/// The condition on assets in a schedule, and how it deals with partitions.
pub fn condition(schedule: Option<&ScheduleSpec>) -> Option<(&AssetExpression, Option<&Partitions>)> {
    match schedule? {
        ScheduleSpec::Assets { expression, partitions } => Some((expression, partitions.as_ref())),
        ScheduleSpec::AssetOrTime { assets, .. } => Some((assets, None)),
        ScheduleSpec::Cron { .. }
        | ScheduleSpec::MultipleCron { .. }
        | ScheduleSpec::Interval { .. }
        | ScheduleSpec::Delta { .. }
        | ScheduleSpec::CronDataInterval { .. }
        | ScheduleSpec::DeltaDataInterval { .. }
        | ScheduleSpec::Once
        | ScheduleSpec::Continuous
        | ScheduleSpec::Events { .. }
        | ScheduleSpec::Never
        | ScheduleSpec::Custom { .. } => None,
    }
}

/// Every asset and alias that a DAG refers to.
pub fn references(spec: &DagSpec) -> BTreeSet<Reference> {
    let own = |kind, target: &str| Reference { kind, target: target.to_owned(), task: None };
    let mut all: BTreeSet<Reference> =
        spec.assets.iter().map(|asset| own(ReferenceKind::Declared, asset.name.as_str())).collect();
    if let Some((expression, _)) = condition(spec.schedule.as_ref()) {
        all.extend(expression.leaves().into_iter().map(|leaf| match leaf {
            Leaf::Asset(AssetRef::Name(name)) => own(ReferenceKind::ScheduleName, name.as_str()),
            Leaf::Asset(AssetRef::Uri(uri)) => own(ReferenceKind::ScheduleUri, uri.as_str()),
            Leaf::Alias(alias) => own(ReferenceKind::ScheduleAlias, alias.as_str()),
        }));
    }
    let is_alias = |name: &str| spec.asset_aliases.iter().any(|alias| alias.name.as_str() == name);
    for task in &spec.tasks {
        let of = |kind, alias, name: &String| {
            let kind = if is_alias(name) { alias } else { kind };
            Reference { kind, target: name.clone(), task: Some(task.task_id.clone()) }
        };
        all.extend(task.outlets.iter().map(|name| of(ReferenceKind::Outlet, ReferenceKind::OutletAlias, name)));
        let inlets = task.inlets.iter().chain(awaited(task));
        all.extend(inlets.map(|name| of(ReferenceKind::Inlet, ReferenceKind::InletAlias, name)));
    }
    all
}

/// The asset that a task waits for without running.
fn awaited(task: &TaskSpec) -> Option<&String> {
    match task.native.as_ref()? {
        Native::Wait(wait) => match &wait.until {
            WaitFor::Asset(name) => Some(name),
            WaitFor::Instant(_)
            | WaitFor::Duration(_)
            | WaitFor::AfterInterval(_)
            | WaitFor::Run(_)
            | WaitFor::Http(_)
            | WaitFor::Trigger(_) => None,
        },
        Native::Empty | Native::LatestOnly | Native::HumanInput(_) => None,
    }
}

/// Refuses what a DAG cannot mean by its assets.
pub fn check(spec: &DagSpec) -> Result<(), String> {
    check_declared(spec)?;
    let named = spec.tasks.iter().map(|task| task.outlets.len() + task.inlets.len()).sum::<usize>();
    let condition = condition(spec.schedule.as_ref());
    let leaves = condition.map(|(expression, _)| expression.leaves()).unwrap_or_default();
    if named + leaves.len() + spec.assets.len() + spec.asset_aliases.len() > MAX_NAMED {
        return Err(format!("it names assets more than {MAX_NAMED} times; split it"));
    }
    for task in &spec.tasks {
        for name in task.outlets.iter().chain(&task.inlets).chain(awaited(task)) {
            name.parse::<AssetName>().map_err(|error| format!("task {:?}: {error}", task.task_id.as_str()))?;
        }
    }
    match condition.and_then(|(_, partitions)| partitions) {
        Some(partitions) => check_partitions(partitions, &leaves),
        None => Ok(()),
    }
}

/// What the DAGs of one module say of assets together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    /// Every asset that they name, and what the last one to declare it says.
    pub assets: BTreeMap<AssetName, Option<AssetSpec>>,
    /// Those among them that they declare or update.
    pub owned: BTreeSet<AssetName>,
    /// Every alias that they name, with its group.
    pub aliases: BTreeMap<AssetName, String>,
}

/// What several DAGs say of assets together, unless they contradict each other.
pub fn together<'s>(specs: impl Iterator<Item = &'s DagSpec>) -> Result<Claims, String> {
    let mut claims = Claims::default();
    for spec in specs {
        for reference in references(spec) {
            let Ok(name) = reference.target.parse::<AssetName>() else { continue };
            if reference.kind.is_alias() {
                claims.aliases.entry(name).or_insert_with(default_group);
            } else if reference.kind.is_name() {
                if matches!(reference.kind, ReferenceKind::Declared | ReferenceKind::Outlet) {
                    claims.owned.insert(name.clone());
                }
                claims.assets.entry(name).or_default();
            }
        }
        claims.aliases.extend(spec.asset_aliases.iter().map(|alias| (alias.name.clone(), alias.group.clone())));
        for asset in &spec.assets {
            let before = claims.assets.insert(asset.name.clone(), Some(asset.clone())).flatten();
            if before.is_some_and(|before| before.place() != asset.place()) {
                return Err(format!("asset {:?} is declared with two URIs; use one", asset.name.as_str()));
            }
        }
    }
    let mut places = BTreeMap::new();
    for (name, declared) in &claims.assets {
        let uri = declared.as_ref().map_or(name.as_str(), AssetSpec::place);
        if let Some(other) = places.insert(uri, name) {
            return Err(format!("assets {:?} and {:?} both have the URI {uri:?}", other.as_str(), name.as_str()));
        }
    }
    Ok(claims)
}

fn check_declared(spec: &DagSpec) -> Result<(), String> {
    let mut places = BTreeMap::new();
    let mut names = BTreeSet::new();
    for asset in &spec.assets {
        let shown = asset.name.as_str();
        if let Some(other) = places.insert(asset.place(), shown) {
            return Err(format!("assets {other:?} and {shown:?} have the same URI; give each its own"));
        }
        if serde_json::to_string(&asset.extra).map_or(0, |text| text.len()) > limit::VALUE {
            return Err(format!("asset {shown:?} has more than {} bytes of extra", limit::VALUE));
        }
    }
    let groups = spec.assets.iter().map(|asset| (&asset.name, &asset.group));
    for (name, group) in groups.chain(spec.asset_aliases.iter().map(|alias| (&alias.name, &alias.group))) {
        if !names.insert(name) {
            return Err(format!("{:?} is declared twice, as an asset or an alias; names are unique", name.as_str()));
        }
        if group.is_empty() || group.len() > MAX_GROUP || group.chars().any(char::is_control) {
            return Err(format!("the group of {:?} is not valid: use 1 to {MAX_GROUP} bytes", name.as_str()));
        }
    }
    Ok(())
}

fn check_partitions(partitions: &Partitions, leaves: &[Leaf<'_>]) -> Result<(), String> {
    partitions.check().map_err(|error| format!("its partitions are not valid: {error}"))?;
    let scheduled = |wanted: &str| {
        leaves.iter().any(|leaf| match leaf {
            Leaf::Asset(AssetRef::Name(name)) => name.as_str() == wanted,
            Leaf::Asset(AssetRef::Uri(uri)) => uri.as_str() == wanted,
            Leaf::Alias(_) => false,
        })
    };
    match partitions.by_asset.keys().find(|name| !scheduled(name)) {
        Some(name) => Err(format!("its partitions have a mapper for {name:?}, which its schedule does not name")),
        None => Ok(()),
    }
}

fn default_group() -> String {
    DEFAULT_GROUP.to_owned()
}
