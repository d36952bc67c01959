//! `flow-host assets`: data that tasks update and that DAGs run for.

use anyhow::Result;
use clap::Subcommand;
use flow_model::ids::{AssetId, DagId, RunId};
use flow_model::rest::assets::{AcceptGrant, CreateAssetEvent, OfferAsset};
use flow_model::rest::dag_runs::TriggerDagRun;
use serde_json::Value;

use super::call::{Call, at};
use super::listing::{List, Page};
use super::runs::RUN;
use super::session::{Session, Verb};
use super::{input, wait};
use crate::errors::Failure;
use crate::output::{Answer, Columns};

mod args;

use args::{
    AcceptArgs, AssetArg, EmitArgs, EventsArgs, GrantArg, ListArgs, MaterializeArgs, OfferArgs, PagedAsset, QueuedArgs,
    WithdrawArgs,
};

const ASSETS: List =
    List { entries: "assets", columns: &["id", "name", "uri", "group", "scheduled_dags", "producing_tasks"] };
const ASSET: Columns = &[
    "id",
    "name",
    "uri",
    "group",
    "extra",
    "scheduled_dags",
    "producing_tasks",
    "consuming_tasks",
    "aliases",
    "last_asset_event",
];
const ALIASES: List = List { entries: "asset_aliases", columns: &["id", "name", "group"] };
const EVENT: Columns =
    &["id", "name", "timestamp", "partition_key", "source_dag_id", "source_run_id", "source_task_id", "extra"];
const EVENTS: List = List { entries: "asset_events", columns: EVENT };
const QUEUED: List = List { entries: "queued_events", columns: &["dag_id", "asset_id", "created_at"] };
const GRANT: Columns = &["id", "asset_name", "to_tenant", "offered_at", "offered_by", "accepted_at"];
const GRANTS: List = List { entries: "asset_grants", columns: GRANT };
const OFFER: Columns = &["id", "from_tenant", "asset_name", "offered_at", "accepted_at", "local_name"];
const OFFERS: List = List { entries: "asset_grants", columns: OFFER };

/// What can be done with assets.
#[derive(Debug, Subcommand)]
pub(crate) enum Assets {
    /// List assets
    #[command(after_help = "Examples:\n  flow-host assets list\n  flow-host assets list --uri s3://lake/% --dag etl")]
    List(ListArgs),
    /// Show one asset
    #[command(visible_alias = "details")]
    Get(AssetArg),
    /// List the names under which tasks update assets that they find
    Aliases(Page),
    /// List events: who updated what, and when
    #[command(after_help = "Examples:\n  flow-host assets events orders\n  flow-host assets events --since 2026-11-22")]
    Events(EventsArgs),
    /// Say that an asset was updated
    #[command(
        visible_alias = "create-event",
        after_help = "Examples:\n  flow-host assets emit orders\n  flow-host assets emit orders --extra '{\"rows\": 10}' --partition 2026-11-22"
    )]
    Emit(EmitArgs),
    /// Run the DAG that makes an asset
    #[command(after_help = "Example:\n  flow-host assets materialize orders --wait")]
    Materialize(MaterializeArgs),
    /// Show what was updated for DAGs that wait for more
    #[command(visible_alias = "queued-events")]
    Queued(QueuedArgs),
    /// Forget what was updated for DAGs that wait for more
    Unqueue(QueuedArgs),
    /// Show to which tenants an asset is offered
    Grants(PagedAsset),
    /// Offer an asset to another tenant
    #[command(after_help = "Example:\n  flow-host assets offer orders sales")]
    Offer(OfferArgs),
    /// Take an offer back
    Withdraw(WithdrawArgs),
    /// Show what other tenants offer
    Offers(Page),
    /// Accept what another tenant offers
    #[command(after_help = "Example:\n  flow-host assets accept 7 --name partners/orders")]
    Accept(AcceptArgs),
    /// Decline what another tenant offers, also after it was accepted
    Decline(GrantArg),
}

impl Verb for Assets {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(args) => session.list(ASSETS, args.call(), &args.page).await,
            Self::Get(AssetArg { asset }) => {
                let id = find(session, &asset).await?;
                session.object(Call::get(at!["assets", id]), ASSET).await
            }
            Self::Aliases(page) => session.list(ALIASES, Call::get(at!["assets", "aliases"]), &page).await,
            Self::Events(args) => events(session, args).await,
            Self::Emit(args) => emit(session, args).await,
            Self::Materialize(args) => materialize(session, args).await,
            Self::Queued(args) => {
                let (path, _) = args.path(session).await?;
                session.rows(QUEUED, Call::get(path).with("before", args.before)).await
            }
            Self::Unqueue(args) => {
                let (path, what) = args.path(session).await?;
                let call = Call::delete(path).with("before", args.before);
                session.done(call, format!("forgot what was queued {what}")).await
            }
            Self::Grants(PagedAsset { asset: AssetArg { asset }, page }) => {
                let id = find(session, &asset).await?;
                session.list(GRANTS, Call::get(at!["assets", id, "grants"]), &page).await
            }
            Self::Offer(OfferArgs { asset: AssetArg { asset }, tenant }) => {
                let id = find(session, &asset).await?;
                let body = OfferAsset { to_tenant: tenant };
                session.object(Call::post(at!["assets", id, "grants"], body), GRANT).await
            }
            Self::Withdraw(WithdrawArgs { asset: AssetArg { asset }, grant }) => {
                let id = find(session, &asset).await?;
                let line = format!("asset `{asset}` is no longer offered under number {}", grant.id());
                session.done(Call::delete(at!["assets", id, "grants", grant.id()]), line).await
            }
            Self::Offers(page) => session.list(OFFERS, Call::get(at!["assetGrants"]), &page).await,
            Self::Accept(AcceptArgs { grant, name }) => {
                let call = Call::post(at!["assetGrants", grant.id(), "accept"], AcceptGrant { name });
                session.object(call, OFFER).await
            }
            Self::Decline(grant) => {
                let line = format!("declined grant {}", grant.id());
                session.done(Call::delete(at!["assetGrants", grant.id()]), line).await
            }
        }
    }
}

impl ListArgs {
    fn call(&self) -> Call {
        Call::get(at!["assets"])
            .with("name_pattern", self.name.as_deref())
            .with("uri_pattern", self.uri.as_deref())
            .with_each("dag_ids", &self.dags)
            .with("only_active", self.all.then_some(false))
    }
}

impl QueuedArgs {
    /// Where it is, and how it is called in a sentence.
    async fn path(&self, session: &Session) -> Result<(Vec<String>, String)> {
        let asset = match &self.asset {
            Some(asset) => Some((find(session, asset).await?, asset)),
            None => None,
        };
        Ok(match (asset, &self.dag) {
            (Some((id, asset)), None) => (at!["assets", id, "queuedEvents"], format!("of asset `{asset}`")),
            (Some((id, asset)), Some(dag)) => {
                (at!["dags", dag, "assets", id, "queuedEvents"], format!("of asset `{asset}` for DAG `{dag}`"))
            }
            (None, Some(dag)) => (at!["dags", dag, "assets", "queuedEvents"], format!("for DAG `{dag}`")),
            (None, None) => return Err(Failure::usage("name an asset, a DAG, or both").into()),
        })
    }
}

/// The number of an asset that is given by it or by its name.
async fn find(session: &Session, asset: &str) -> Result<AssetId> {
    if let Ok(number) = asset.parse() {
        return Ok(AssetId(number));
    }
    let call = Call::get(at!["assets"]).with("name_pattern", Some(asset)).with("only_active", Some(false));
    let (rows, _) = session.entries(ASSETS.entries, call, &Page::ALL).await?;
    let named = rows.iter().find(|row| row.get("name").and_then(Value::as_str) == Some(asset));
    let number = named.and_then(|row| row.get("id")?.as_i64());
    let absent = || Failure::failed(format!("asset `{asset}` was not found")).hint("see `flow-host assets list --all`");
    Ok(AssetId(number.ok_or_else(absent)?))
}

async fn events(session: &Session, args: EventsArgs) -> Result<Answer> {
    let asset = match &args.asset {
        Some(asset) => Some(find(session, asset).await?),
        None => None,
    };
    let call = Call::get(at!["assets", "events"])
        .with("asset_id", asset)
        .with("source_dag_id", args.dag)
        .with("timestamp_gte", args.since);
    session.list(EVENTS, call, &args.page).await
}

async fn emit(session: &Session, args: EmitArgs) -> Result<Answer> {
    let EmitArgs { asset: AssetArg { asset }, extra, partition } = args;
    let extra = match extra.map(|extra| input::object("--extra", extra)).transpose()? {
        Some(extra) => serde_json::from_str(extra.as_str())?,
        None => serde_json::Map::new(),
    };
    let body = CreateAssetEvent { asset_id: find(session, &asset).await?, extra, partition_key: partition };
    session.object(Call::post(at!["assets", "events"], body), EVENT).await
}

async fn materialize(session: &Session, args: MaterializeArgs) -> Result<Answer> {
    let MaterializeArgs { asset: AssetArg { asset }, conf, wait } = args;
    let conf = conf.map(|conf| input::object("--conf", conf)).transpose()?;
    let id = find(session, &asset).await?;
    let body = TriggerDagRun { conf, ..TriggerDagRun::default() };
    let run = session.client.answer(Call::post(at!["assets", id, "materialize"], body)).await?;
    if !wait {
        return Ok(Answer::Object(run, RUN));
    }
    let field = |name: &'static str| run.get(name).and_then(Value::as_str).unwrap_or_default();
    let missing = || Failure::failed("the server's answer has no `dag_id` or no `dag_run_id`");
    let dag: DagId = field("dag_id").parse().map_err(|_| missing())?;
    let run: RunId = field("dag_run_id").parse().map_err(|_| missing())?;
    wait::until_ended(session, &dag, &run).await
}
