//! `flow-host demo`: a host of its own, and a client of it that shows the main job from end to end.

mod member;
mod script;
mod show;
mod watch;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use reqwest::Url;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::member::{Member, Triggered, login, password};
use self::script::{ACME, GLOBEX, Tenant};
use self::watch::Board;
use crate::client::Client;
use crate::errors::Failure;
use crate::host::{Host, Plan};
use crate::output::{Format, Look, Printer, print};
use crate::settings::{Settings, WORKERS};
use crate::{logging, runtime, signals};

/// The example components, by name.
type Components = BTreeMap<&'static str, Vec<u8>>;

/// What the demo is told.
pub(crate) struct Options {
    /// Where to keep its data; a directory that goes with it if there is none.
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the example modules are.
    pub(crate) modules: PathBuf,
    /// Whether it ends when its runs have ended, even on a terminal.
    pub(crate) exit: bool,
}

/// Serves, plays the demo, and stays if there is somebody to look at it.
pub(crate) fn run(options: Options, settings: &Settings) -> Result<()> {
    logging::start_quietly(settings)?;
    let components = components(&options.modules)?;
    let stays = !options.exit && std::io::stdout().is_terminal();
    let home = Home::new(options.data_dir)?;
    let plan = Plan::of_demo(home.path().to_owned(), settings.get(&WORKERS)?);
    runtime::block_on(async {
        let shutdown = signals::shutdown()?;
        let host = Host::start(plan, shutdown.clone()).await?;
        let outcome = tokio::select! {
            outcome = play(&host, home.path(), components) => outcome,
            () = shutdown.cancelled() => Err(Failure::failed("the demo was interrupted").into()),
        };
        if stays && outcome.is_ok() {
            stay(&host, home.path(), &shutdown).await;
        }
        shutdown.cancel();
        host.ended().await.and(outcome)
    })
}

async fn play(host: &Host, home: &Path, components: Components) -> Result<()> {
    let printer = Printer { format: Format::Table, look: Look::of_process() };
    let url: Url = format!("http://{}/", host.address).parse()?;
    print(&format!("serving on {url} with its data in {}\n", home.display()))?;
    let token = std::fs::read_to_string(home.join("admin-token")).context("cannot read the administrator's token")?;
    let platform = Client::new(url.clone(), Some(token.trim().to_owned()))?;
    let acme = Member::join(&platform, &url, &ACME).await?;
    let globex = Member::join(&platform, &url, &GLOBEX).await?;
    for member in [&acme, &globex] {
        prepare(member, &components).await?;
    }
    let (of_acme, of_globex) = (trigger(&acme).await?, trigger(&globex).await?);
    let board = Board::new(printer.look);
    let (acme_ended, globex_ended) =
        tokio::try_join!(follow(&board, &acme, &of_acme), follow(&board, &globex, &of_globex))?;
    for (member, triggered) in [(&acme, &of_acme), (&globex, &of_globex)] {
        for run in triggered {
            show::run(printer, member, run).await?;
        }
    }
    show::isolation(printer, &globex, &acme, &of_acme[1..]).await?;
    match acme_ended.into_iter().chain(globex_ended).flatten().next() {
        Some(surprise) => Err(Failure::failed(surprise).into()),
        None => Ok(print("\nevery run ended as expected\n")?),
    }
}

async fn prepare(member: &Member, components: &Components) -> Result<()> {
    let tenant = member.tenant;
    for name in tenant.modules {
        let component = components.get(name).cloned().unwrap_or_default();
        let what = member.upload(name, component).await?;
        print(&format!("{} uploaded {name}: {what}\n", tenant.name))?;
    }
    member.provide().await
}

async fn trigger(member: &Member) -> Result<Vec<Triggered>> {
    try_join_all(member.tenant.runs.iter().map(|run| member.trigger(run))).await
}

/// Follows a tenant's runs to their ends. For each: what was not as expected, if anything.
async fn follow(board: &Board, member: &Member, runs: &[Triggered]) -> Result<Vec<Option<String>>> {
    let followed = runs.iter().map(|triggered| async move {
        let state = board.follow(member, triggered).await?;
        let (dag, expected) = (triggered.run.dag, triggered.run.ends);
        let surprise = format!("{dag} of {} ended as {state} and should have ended as {expected}", member.tenant.name);
        anyhow::Ok((state != expected).then_some(surprise))
    });
    try_join_all(followed).await
}

/// Says how to go on, and waits for a signal.
async fn stay(host: &Host, home: &Path, shutdown: &CancellationToken) {
    println!("\nthe host goes on until you press Ctrl-C. In another terminal:");
    println!("  export FLOW_HOST_URL=http://{} FLOW_HOST_PROFILE={}", host.address, home.join("profile").display());
    println!("  echo {} | flow-host login --username {} --password-stdin", password(&ACME), login(&ACME));
    println!("  flow-host runs list\n  flow-host dags trigger hello --conf '{{\"name\": \"you\"}}' --wait");
    shutdown.cancelled().await;
}

/// Reads the example components before anything is started.
fn components(folder: &Path) -> Result<Components> {
    let named = |name: &&'static str| {
        let file = folder.join(format!("{name}.wasm"));
        let bytes = std::fs::read(&file).map_err(|error| {
            Failure::usage(format!("the example module {} cannot be read: {error}", file.display()))
                .hint("run `make guests` to build the examples, or say where they are with --modules DIR")
        })?;
        Ok((*name, bytes))
    };
    [&ACME, &GLOBEX].into_iter().flat_map(|tenant: &Tenant| tenant.modules).map(named).collect()
}

/// Where the demo's data is.
enum Home {
    /// Where the user wants it.
    Given(PathBuf),
    /// In a directory that goes with the demo.
    Passing(TempDir),
}

impl Home {
    fn new(given: Option<PathBuf>) -> Result<Self> {
        Ok(match given {
            Some(path) => Self::Given(path),
            None => Self::Passing(tempfile::Builder::new().prefix("flow-host-demo-").tempdir()?),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Passing(dir) => dir.path(),
        }
    }
}
