//! A whole host for one test: a store that goes with it, a broker, a sandbox and one tenant. It listens nowhere.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use flow_broker::{Actor, LocalBroker, PlatformActor, ServiceError, Upload, UploadError};
use flow_model::egress::Egress;
use flow_model::ids::{DagId, ModuleName, PoolName, TaskId, TenantId};
use flow_model::quota::{Policy, Quota};
use flow_model::rest::modules::UploadedModule;
use flow_model::rest::pools::PoolBody;
use flow_model::rest::tenants::TenantBody;
use flow_model::roles::Role;
use flow_model::run::TriggeredBy;
use flow_sandbox::Sandbox;
use flow_store::Store;
use flow_worker::WorkerConfig;
use tokio_util::sync::CancellationToken;

use super::clock::SkippingClock;
use super::given::Given;
use super::scratch::Scratch;
use crate::clock::random;
use crate::database::Database;
use crate::errors::Failure;
use crate::host::{LocalWorker, Parts, Tools, egress, limits, open_broker, start_sandbox, worker_config};
use crate::settings::{CONCURRENCY, MasterKey, Settings, Slots};

/// How often what runs is looked after: often, so that what was cancelled is noticed soon.
const BEAT: Duration = Duration::from_millis(200);
/// A pool of as many slots as anybody wants.
const UNBOUNDED: i64 = -1;

/// A whole host for one test.
pub(super) struct Stage {
    /// What changes state.
    pub(super) broker: LocalBroker,
    /// The tenant's administrator, in whose name everything is done.
    pub(super) actor: Actor,
    /// What time it is in the run.
    pub(super) clock: SkippingClock,
    /// What runs guests.
    pub(super) sandbox: Sandbox,
    store: Store,
    tools: Arc<Tools>,
    slots: u32,
    egress: Egress,
    _scratch: Scratch,
}

impl Stage {
    /// Puts a host together.
    pub(super) async fn open(scratch: Scratch, settings: &Settings) -> Result<Self> {
        let tools = Tools::of_process();
        let clock = SkippingClock::new(tools.clock);
        let tools = Tools { clock: clock.as_clock(), ..tools };
        let Slots(slots) = settings.get(&CONCURRENCY)?;
        let database = Database::Embedded(scratch.database());
        let store = async { Ok(database.open_migrated().await?) };
        let (store, sandbox) = tokio::try_join!(store, start_sandbox(&scratch.compiled, slots, &tools))?;
        let parts = Parts {
            store: store.clone(),
            sandbox: sandbox.clone(),
            // Nobody reads job records here.
            instance: None,
            master_key: MasterKey(random(&tools.entropy)),
            former_master_keys: Vec::new(),
            limits: limits(settings)?,
        };
        let broker = open_broker(parts, &tools).await?;
        let actor = tenant(&broker).await?;
        let egress = egress(settings)?;
        Ok(Self { broker, actor, clock, sandbox, store, tools: Arc::new(tools), slots, egress, _scratch: scratch })
    }

    /// Gives the tenant what the run finds.
    pub(super) async fn provide(&self, given: &Given) -> Result<()> {
        for variable in &given.variables {
            let made = self.broker.create_variable(&self.actor, variable.clone()).await;
            made.map_err(|error| explain(&format!("variable `{}`", variable.key), &error))?;
        }
        for connection in &given.connections {
            let made = self.broker.create_connection(&self.actor, connection.clone()).await;
            made.map_err(|error| explain(&format!("connection `{}`", connection.connection_id), &error))?;
        }
        for pool in &given.pools {
            self.make_pool(pool.clone()).await?;
        }
        Ok(())
    }

    /// Uploads the component as a tenant would.
    pub(super) async fn upload(&self, name: &ModuleName, component: Bytes) -> Result<UploadedModule> {
        let stop = CancellationToken::new();
        let worker = LocalWorker {
            broker: self.broker.clone(),
            sandbox: self.sandbox.clone(),
            slots: self.slots,
            drain: Duration::ZERO,
            egress: self.egress.clone(),
        };
        let upload = async {
            let uploaded = self.broker.upload_module(&self.actor, name, component).await;
            stop.cancel();
            uploaded
        };
        let (uploaded, worked) = tokio::join!(upload, worker.run(Arc::clone(&self.tools), stop.clone()));
        worked?;
        match uploaded {
            Ok(Upload::Created(module) | Upload::Unchanged(module)) => Ok(module),
            Err(error) => Err(refused(name, &error).into()),
        }
    }

    /// Lets the module's DAGs go on without their schedules, and gives them the pools that they name.
    pub(super) async fn release(&self, dags: &[DagId]) -> Result<()> {
        for dag in dags {
            for task in self.broker.tasks(&self.actor.tenant, dag, None).await?.entries {
                let Ok(name) = task.pool.parse::<PoolName>() else { continue };
                if let Err(ServiceError::NotFound { .. }) = self.broker.pool(&self.actor.tenant, &name).await {
                    let slots = UNBOUNDED;
                    let pool = PoolBody { name, slots, description: None, include_deferred: false, team_name: None };
                    self.make_pool(pool).await?;
                }
            }
            self.broker.rehearse_dag(&self.actor, dag).await?;
        }
        Ok(())
    }

    /// The tasks of a DAG.
    pub(super) async fn tasks(&self, dag: &DagId) -> Result<Vec<TaskId>> {
        let tasks = self.broker.tasks(&self.actor.tenant, dag, None).await?.entries;
        Ok(tasks.into_iter().map(|task| task.task_id).collect())
    }

    /// What the worker of the run is told.
    pub(super) async fn worker(&self) -> Result<WorkerConfig> {
        let id = self.broker.begin_worker(&self.tools.hostname).await?;
        let config = worker_config(id, self.slots, Duration::ZERO, self.egress.clone(), &self.tools);
        Ok(WorkerConfig { beat: BEAT, ..config })
    }

    /// Takes the host apart; nothing of it stays but compiled code.
    pub(super) async fn close(self) -> Result<()> {
        let closed = self.broker.close().await;
        self.store.close().await;
        Ok(closed?)
    }

    async fn make_pool(&self, pool: PoolBody) -> Result<(), Failure> {
        let name = pool.name.clone();
        let made = self.broker.create_pool(&self.actor, pool).await;
        made.map(drop).map_err(|error| explain(&format!("pool `{name}`"), &error))
    }
}

/// Makes the tenant that everything belongs to.
async fn tenant(broker: &LocalBroker) -> Result<Actor> {
    let name: TenantId = "test".parse()?;
    let body = TenantBody {
        name: name.clone(),
        description: None,
        quota: Quota::default(),
        policy: Policy::default(),
        admin: None,
    };
    broker.create_tenant(&PlatformActor { name: "test".to_owned() }, body).await?;
    Ok(Actor { tenant: name, name: "test".to_owned(), role: Role::Admin, by: TriggeredBy::Test })
}

/// Why a component cannot be run at all.
fn refused(name: &ModuleName, error: &UploadError) -> Failure {
    match error {
        UploadError::Rejected(_) => Failure::failed(format!("`{name}` is not a module: {error}"))
            .hint("the component has to be built with the SDK that belongs to this flow-host"),
        UploadError::Refused(reason) => Failure::failed(format!("import error in `{name}`: {reason}")),
        UploadError::Service(error) => explain(&format!("module `{name}`"), error),
    }
}

/// A service's refusal of what the user has given.
pub(super) fn explain(what: &str, error: &ServiceError) -> Failure {
    let message = format!("{what}: {error}");
    match error {
        ServiceError::NotFound { .. }
        | ServiceError::Conflict { .. }
        | ServiceError::Invalid { .. }
        | ServiceError::Refused { .. }
        | ServiceError::TooLarge { .. }
        | ServiceError::Quota(_)
        | ServiceError::Denied(_) => Failure::usage(message),
        ServiceError::Unavailable(_) | ServiceError::Internal => Failure::failed(message),
    }
}
