//! What the commands about assets take.

use clap::Args;
use flow_model::ids::{AssetName, DagId, GrantId, PartitionKey, TenantId};
use flow_model::time::Millis;

use crate::client::call::instant;
use crate::client::listing::Page;

/// An asset.
#[derive(Debug, Args)]
pub(crate) struct AssetArg {
    /// The asset's name or number
    #[arg(value_name = "ASSET")]
    pub(crate) asset: String,
}

/// An asset and a part of a list.
#[derive(Debug, Args)]
pub(crate) struct PagedAsset {
    #[command(flatten)]
    pub(crate) asset: AssetArg,
    #[command(flatten)]
    pub(crate) page: Page,
}

/// Which assets to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only assets whose name matches this; `%` stands for any text
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// Only assets whose URI matches this
    #[arg(long, value_name = "TEXT")]
    pub(crate) uri: Option<String>,
    /// Only assets that this DAG refers to; may be given several times
    #[arg(long = "dag", value_name = "DAG")]
    pub(crate) dags: Vec<DagId>,
    /// Also assets that no DAG refers to any more
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) page: Page,
}

/// Which events to list.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// The asset's name or number; all assets if left out
    #[arg(value_name = "ASSET")]
    pub(crate) asset: Option<String>,
    /// Only those of this DAG's tasks
    #[arg(long, value_name = "DAG")]
    pub(crate) dag: Option<DagId>,
    /// Only those since then
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) since: Option<Millis>,
    #[command(flatten)]
    pub(crate) page: Page,
}

/// What was updated.
#[derive(Debug, Args)]
pub(crate) struct EmitArgs {
    #[command(flatten)]
    pub(crate) asset: AssetArg,
    /// What else is to be known: a JSON object, or @FILE with one
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) extra: Option<String>,
    /// Which part of the asset was updated
    #[arg(long, value_name = "KEY")]
    pub(crate) partition: Option<PartitionKey>,
}

/// What to make.
#[derive(Debug, Args)]
pub(crate) struct MaterializeArgs {
    #[command(flatten)]
    pub(crate) asset: AssetArg,
    /// The run's conf: a JSON object, or @FILE with one
    #[arg(short, long, value_name = "JSON|@FILE")]
    pub(crate) conf: Option<String>,
    /// Wait until the run has ended
    #[arg(short, long)]
    pub(crate) wait: bool,
}

/// What is queued.
#[derive(Debug, Args)]
pub(crate) struct QueuedArgs {
    /// The asset's name or number
    #[arg(value_name = "ASSET", required_unless_present = "dag")]
    pub(crate) asset: Option<String>,
    /// For this DAG
    #[arg(long, value_name = "DAG")]
    pub(crate) dag: Option<DagId>,
    /// Only what was updated before then
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) before: Option<Millis>,
}

/// What to offer to whom.
#[derive(Debug, Args)]
pub(crate) struct OfferArgs {
    #[command(flatten)]
    pub(crate) asset: AssetArg,
    /// The tenant that may use it
    #[arg(value_name = "TENANT")]
    pub(crate) tenant: TenantId,
}

/// Which offer to take back.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    pub(crate) asset: AssetArg,
    #[command(flatten)]
    pub(crate) grant: GrantArg,
}

/// An offer.
#[derive(Debug, Args)]
pub(crate) struct GrantArg {
    /// The offer's number
    #[arg(value_name = "GRANT")]
    pub(crate) grant: i64,
}

/// Which offer to accept.
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    #[command(flatten)]
    pub(crate) grant: GrantArg,
    /// What the asset is called here; OWNER/NAME if left out
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<AssetName>,
}

impl GrantArg {
    /// The offer.
    pub(crate) fn id(&self) -> GrantId {
        GrantId(self.grant)
    }
}
