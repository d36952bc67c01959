//! A whole host in one process: store, broker, scheduler, API and workers, put together and taken apart in order.

mod local_worker;
mod machine;
mod parts;
mod plan;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use flow_api::{ApiConfig, Tokens};
use flow_broker::LocalBroker;
use flow_store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use local_worker::LocalWorker;
pub(crate) use parts::{Parts, Tools, open_broker, start_sandbox, worker_config};
pub(crate) use plan::{Plan, egress, limits};

use crate::data_dir::DataDir;
use crate::database::Database;
use crate::errors::Failure;
use crate::keys;
use crate::settings::HostPort;

/// The largest component that can be uploaded.
const MAX_UPLOAD: usize = 64 << 20;

/// A host that runs.
pub(crate) struct Host {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where the platform administrator's token was written, if this is the first start.
    pub(crate) admin_token: Option<PathBuf>,
    broker: LocalBroker,
    store: Store,
    loops: JoinSet<Result<()>>,
    shutdown: CancellationToken,
    _dir: DataDir,
}

impl Host {
    /// Puts a host together. When this returns it answers requests.
    pub(crate) async fn start(plan: Plan, shutdown: CancellationToken) -> Result<Self> {
        let tools = Tools::of_process();
        machine::allow_open_files();
        // First what fails most often, before anything is on disk.
        let listener = listen(&plan.listen).await?;
        let dir = DataDir::open(&plan.data_dir)?;
        let address = listener.local_addr()?;
        let instance = keys::instance(&dir, &tools.clock, &tools.entropy)?;
        let master_key = match plan.keys.present {
            Some(key) => key,
            None => keys::own(&dir, &tools.entropy)?,
        };
        let database = plan.postgres.unwrap_or_else(|| Database::Embedded(dir.database()));
        let store = async { Ok(database.open_migrated().await?) };
        let (store, sandbox) = tokio::try_join!(store, start_sandbox(&dir, plan.slots, &tools))?;
        let parts = Parts {
            store: store.clone(),
            sandbox: sandbox.clone(),
            instance: Some(instance),
            master_key,
            former_master_keys: plan.keys.former,
            limits: plan.limits,
        };
        let broker = open_broker(parts, &tools).await?;
        let tokens = Tokens::open(broker.clone(), Arc::clone(&tools.clock), Arc::clone(&tools.entropy)).await?;
        let admin_token = first_token(&dir, &tokens).await?;
        let mut host =
            Self { address, admin_token, broker: broker.clone(), store, loops: JoinSet::new(), shutdown, _dir: dir };
        host.serve(listener, broker.clone(), tokens);
        host.keep_time(broker.clone());
        if plan.slots > 0 {
            let Plan { slots, drain, egress, .. } = plan;
            let worker = LocalWorker { broker, sandbox, slots, drain, egress };
            host.loops.spawn(worker.run(Arc::new(tools), host.shutdown.clone()));
        }
        Ok(host)
    }

    fn serve(&mut self, listener: TcpListener, broker: LocalBroker, tokens: Tokens) {
        let shutdown = self.shutdown.clone();
        let config = ApiConfig {
            broker,
            tokens,
            shutdown: shutdown.clone(),
            version: env!("CARGO_PKG_VERSION"),
            max_upload: MAX_UPLOAD,
        };
        self.loops.spawn(async move { Ok(flow_api::serve(listener, flow_api::router(config), shutdown).await?) });
    }

    fn keep_time(&mut self, broker: LocalBroker) {
        let shutdown = self.shutdown.clone();
        self.loops.spawn(async move {
            shutdown.run_until_cancelled(Box::pin(broker.keep_time())).await;
            Ok(())
        });
    }

    /// Waits until the host was told to stop, or one of its parts failed, and everything has ended.
    pub(crate) async fn ended(mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.loops.join_next().await {
            let ended = ended.context("a part of the host broke off").flatten();
            if ended.is_err() {
                // Half a host would only look alive.
                self.shutdown.cancel();
                outcome = outcome.and(ended);
            }
        }
        let closed = self.broker.close().await;
        self.store.close().await;
        outcome.and(closed.map_err(Into::into))
    }
}

async fn listen(address: &HostPort) -> Result<TcpListener, Failure> {
    TcpListener::bind(&address.0).await.map_err(|error| {
        Failure::failed(format!("cannot listen on {}: {error}", address.0))
            .hint("choose another address with --listen; port 0 picks a free one")
    })
}

/// Writes the platform administrator's token at the first start.
async fn first_token(dir: &DataDir, tokens: &Tokens) -> Result<Option<PathBuf>> {
    if dir.has_admin_token() {
        return Ok(None);
    }
    let token = tokens.mint_platform_admin("admin").await?;
    Ok(Some(dir.write_admin_token(&token)?))
}
