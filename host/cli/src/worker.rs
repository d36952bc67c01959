//! `flow-host worker`: runs tasks for a control plane elsewhere, over HTTP or on its database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flow_model::ids::JobId;
use flow_worker::{RemoteBroker, RemoteConfig, Worker, WorkerError};

use crate::clock::random;
use crate::data_dir::DataDir;
use crate::database::Database;
use crate::errors::Failure;
use crate::host::{LocalWorker, Parts, Tools, egress, limits, open_broker, start_sandbox, worker_config};
use crate::settings::{
    CONCURRENCY, DATA_DIR, DATABASE_URL, DRAIN_SECONDS, SERVER, ServerUrl, Settings, Slots, TOKEN_FILE,
};
use crate::{keys, logging, runtime, signals};

/// Which way the control plane is reached.
enum Door {
    /// Over HTTP. No database is known to this process.
    Remote(RemoteConfig),
    /// On its database.
    Local(Database, keys::Given),
}

/// Works until a signal.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    logging::start(settings)?;
    let door = Door::of(settings)?;
    let base: PathBuf = settings.get(&DATA_DIR)?;
    let Slots(slots) = settings.get(&CONCURRENCY)?;
    let drain = Duration::from_secs(settings.get(&DRAIN_SECONDS)?);
    let (egress, limits) = (egress(settings)?, limits(settings)?);
    runtime::block_on(async {
        let tools = Tools::of_process();
        // Several workers on one machine share the directory above theirs.
        let dir = DataDir::open_one_of(&base, "worker")?;
        let sandbox = start_sandbox(&dir, slots, &tools).await?;
        let shutdown = signals::shutdown()?;
        match door {
            Door::Remote(config) => {
                let broker = RemoteBroker::new(config).map_err(|error| Failure::usage(error.to_string()))?;
                let id = JobId::mint((tools.clock)(), random(&tools.entropy));
                tracing::info!(worker = %id, slots, "the worker takes work");
                let worker = Worker::new(broker, sandbox, worker_config(id, slots, drain, egress, &tools));
                Ok(worker.run(shutdown).await.map_err(|error| explain(&error))?)
            }
            Door::Local(database, given) => {
                let master_key = match given.present {
                    Some(key) => key,
                    None => shared_key(&base)?,
                };
                let store = database.open_sound().await?;
                let parts = Parts {
                    store: store.clone(),
                    sandbox: sandbox.clone(),
                    // Time is kept where somebody serves.
                    instance: None,
                    master_key,
                    former_master_keys: given.former,
                    limits,
                };
                let broker = open_broker(parts, &tools).await?;
                let worker = LocalWorker { broker: broker.clone(), sandbox, slots, drain, egress };
                let outcome = worker.run(Arc::new(tools), shutdown).await;
                broker.close().await?;
                store.close().await;
                outcome
            }
        }
    })
}

impl Door {
    fn of(settings: &Settings) -> Result<Self, Failure> {
        match (settings.find(&SERVER)?, Database::postgres(settings)?) {
            (Some(ServerUrl(server)), None) => {
                let file: PathBuf = settings.get(&TOKEN_FILE)?;
                Ok(Self::Remote(RemoteConfig { server, token: token(&file)? }))
            }
            (None, Some(database)) => Ok(Self::Local(database, keys::Given::of(settings)?)),
            (Some(_), Some(_)) => Err(Failure::usage(format!(
                "a worker has either a server or a database: `server` is from {}, `database_url` from {}",
                settings.origin(&SERVER),
                settings.origin(&DATABASE_URL)
            ))),
            (None, None) => Err(Failure::usage("the worker does not know whom to work for")
                .hint("give --server URL and --token-file FILE, or --database-url URL")),
        }
    }
}

fn explain(error: &WorkerError) -> Failure {
    match error {
        WorkerError::NotAllowed(_) => Failure::not_allowed(error.to_string())
            .hint("the platform administrator makes a token with `flow-host tokens create NAME --worker`"),
        WorkerError::NotUnderstood(_) => Failure::failed(error.to_string()),
    }
}

fn token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("the worker's token {} cannot be read: {error}", file.display())))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("the worker's token {} is empty", file.display()))),
        token => Ok(token.to_owned()),
    }
}

/// The key of the control plane's data directory, where both are on one machine. A worker never makes one.
fn shared_key(base: &Path) -> Result<crate::settings::MasterKey, Failure> {
    let file = base.join(keys::MASTER_KEY_NAME);
    if !file.exists() {
        return Err(Failure::usage("a worker with database access needs the control plane's master key")
            .hint("set FLOW_HOST_MASTER_KEY, or give its file with --master-key-file"));
    }
    keys::read(&file)
}
