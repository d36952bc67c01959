//! A broker on a throw-away store, and a worker without a sandbox that plays its part.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flow_broker::{Actor, BrokerConfig, LocalBroker, PlatformActor};
use flow_model::dag::DagSpec;
use flow_model::ids::{DagId, DagVersionId, Digest, JobId, RunId, TenantId};
use flow_model::inspect::Rejection;
use flow_model::port::{Broker, ClaimRequest, Report, TenantScope};
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::rest::tokens::WorkerTokenBody;
use flow_model::roles::Role;
use flow_model::run::TriggeredBy;
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::time::{Entropy, Millis};
use flow_model::timetable::{Restriction, Schedule};
use flow_model::token::IssuedToken;
use flow_model::work::{AttemptEnd, AttemptLimits, AttemptRole, ErrorClass, Failure, Usage, Work};
use flow_store::dag::DagRow;
use flow_store::dag_version::VersionRow;
use flow_store::{Store, dag, dag_version, run, task_instance};
use serde_json::Value;

use crate::clock::SettableClock;
use crate::stores::TestStore;

/// A control plane and one worker at the end of its port `B`.
pub struct Stage<B: Broker> {
    /// The control plane.
    pub local: LocalBroker,
    /// What the worker talks to.
    pub port: B,
    /// What time it is.
    pub clock: SettableClock,
    /// The store behind it.
    pub db: TestStore,
    /// The tenant that everything belongs to unless a test says otherwise.
    pub tenant: TenantId,
    /// The worker.
    pub worker: JobId,
}

/// How long a lease lasts on a stage.
pub const LEASE: Duration = Duration::from_secs(30);

impl Stage<LocalBroker> {
    /// A stage whose worker is in process.
    pub async fn open(db: TestStore) -> Self {
        let clock = SettableClock::default();
        let tenant = db.tenant("acme", clock.now()).await;
        let local = open_broker(&db.store, &clock).await;
        let worker = local.begin_worker("stage").await.expect("a job");
        Self { port: local.clone(), local, clock, db, tenant, worker }
    }

    /// A token for a worker at the other door, for all tenants.
    pub async fn issue_worker_token(&self) -> IssuedToken {
        let body = WorkerTokenBody { subject: "stage".to_owned(), tenants: None, note: None, expires_in: None };
        let platform = PlatformActor { name: "root".to_owned() };
        self.local.issue_worker_token(&platform, body).await.expect("a token can be issued")
    }

    /// The same store after the process died and was started again.
    pub async fn restart(self) -> Self {
        let Self { local, port, clock, mut db, tenant, .. } = self;
        drop((local, port));
        db.store = Store::open(db.config.clone()).await.expect("the store can be opened again");
        let local = open_broker(&db.store, &clock).await;
        let worker = local.begin_worker("stage").await.expect("a job");
        Self { port: local.clone(), local, clock, db, tenant, worker }
    }
}

/// Opens a broker that refuses every upload.
pub async fn open_broker(store: &Store, clock: &SettableClock) -> LocalBroker {
    let config = BrokerConfig {
        store: store.clone(),
        clock: clock.as_clock(),
        entropy: counting_entropy(),
        master_key: [7; 32],
        former_master_keys: Vec::new(),
        admit: Arc::new(|_| Box::pin(async { Err(Rejection::Unavailable("a stage admits nothing".to_owned())) })),
        instance: Some(JobId(uuid::Uuid::from_u128(1))),
        limits: AttemptLimits::default(),
        hostname: "stage".to_owned(),
        lease: LEASE,
    };
    LocalBroker::open(config).await.expect("the broker can be opened")
}

/// Bytes that never repeat, within a process or across restarts on one stage.
fn counting_entropy() -> Entropy {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    Arc::new(|bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            let drawn = DRAWN.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&drawn.to_be_bytes()[..chunk.len()]);
        }
    })
}

/// A DAG from its JSON.
pub fn spec(json: Value) -> DagSpec {
    serde_json::from_value(json).expect("a DAG's description")
}

/// Makes a DAG known whose tasks are functions of the module with this digest, as if that had been parsed at this instant.
pub async fn know(store: &Store, tenant: &TenantId, spec: DagSpec, (digest, now): (Digest, Millis)) -> DagId {
    let limits = Restriction { earliest: spec.start_date, latest: spec.end_date, catchup: spec.catchup };
    let schedule = spec.schedule.as_ref().map(|schedule| Schedule::parse(schedule).expect("a schedule"));
    let id = DagVersionId::mint(now, entropy_bytes());
    let mut tx = store.begin("know").await.expect("a transaction");
    let before = dag_version::latest(&mut tx, tenant, &spec.dag_id).await.expect("a look");
    let version = VersionRow {
        id,
        tenant: tenant.clone(),
        dag_id: spec.dag_id.clone(),
        number: before.map_or(1, |before| before.number + 1),
        module: "stage".parse().expect("a module's name"),
        module_version: 1,
        digest,
        spec: serde_json::to_string(&spec).expect("a description is JSON"),
        part: None,
        created_at: now,
    };
    let row = DagRow {
        tenant: tenant.clone(),
        dag_id: spec.dag_id.clone(),
        version: id,
        module: version.module.clone(),
        display_name: spec.display_name.clone(),
        description: spec.description.clone(),
        tags: serde_json::json!(spec.tags).to_string(),
        owners: serde_json::json!(spec.owners()).to_string(),
        limits: (&spec).into(),
        schedule: spec.schedule.as_ref().map(ToString::to_string),
        is_paused: false,
        is_stale: false,
        parsed_at: now,
        next: schedule.and_then(|schedule| schedule.next(None, limits, now)),
    };
    dag_version::insert(&mut tx, &version).await.expect("a version");
    dag::put(&mut tx, &row).await.expect("a DAG");
    tx.commit().await.expect("a commit");
    spec.dag_id
}

impl<B: Broker> Stage<B> {
    /// Makes a DAG known, as parsing a module would: a further version of it, if it is known already.
    pub async fn know(&self, spec: DagSpec) -> DagId {
        self.know_for(&self.tenant, spec).await
    }

    /// Makes a DAG of this tenant known.
    pub async fn know_for(&self, tenant: &TenantId, spec: DagSpec) -> DagId {
        know(&self.db.store, tenant, spec, (Digest([9; 32]), self.clock.now())).await
    }

    /// Somebody of the tenant who may do anything in it.
    pub fn admin(&self) -> Actor {
        Actor { tenant: self.tenant.clone(), name: "ada".to_owned(), role: Role::Admin, by: TriggeredBy::RestApi }
    }

    /// Starts a run and answers its id.
    pub async fn trigger(&self, dag: &DagId) -> RunId {
        self.trigger_with(dag, TriggerDagRun::default()).await
    }

    /// Starts a run as the body says and answers its id.
    pub async fn trigger_with(&self, dag: &DagId, body: TriggerDagRun) -> RunId {
        self.local.start_run(&self.admin(), dag, body).await.expect("the run can be triggered")
    }

    /// Leases what there is, without waiting.
    pub async fn claim(&self, slots: u32) -> Vec<Work> {
        let (worker, hostname) = (self.worker, "stage".to_owned());
        let request = ClaimRequest { worker, hostname, tenants: TenantScope::All, slots, wait_ms: 0, begins: false };
        self.port.claim(request).await.expect("work can be claimed")
    }

    /// Leases the one piece of work that there is.
    pub async fn claim_one(&self) -> Work {
        let mut work = self.claim(16).await;
        assert_eq!(work.len(), 1, "there is one piece of work");
        work.remove(0)
    }

    /// Reports how a piece of work ended.
    pub async fn finish(&self, work: &Work, end: AttemptEnd) {
        let report = Report { end, usage: Usage::default(), retry: None, map_label: None };
        self.port.finish(&work.grant, report).await.expect("the attempt counts");
    }

    /// Says that a piece of work begins.
    pub async fn port_start(&self, work: &Work) {
        self.port.start(&work.grant).await.expect("the attempt counts");
    }

    /// Starts a piece of work and reports how it ended.
    pub async fn play(&self, work: &Work, end: AttemptEnd) {
        self.port_start(work).await;
        self.finish(work, end).await;
    }

    /// Plays whatever can be claimed, in rounds, until there is nothing. Answers the tasks in the order of their claims.
    pub async fn play_all(&self, end: impl Fn(&str) -> AttemptEnd) -> Vec<String> {
        let mut played = Vec::new();
        loop {
            let round = self.claim(256).await;
            if round.is_empty() {
                return played;
            }
            for work in &round {
                let task = task_of(work);
                self.play(work, end(&task)).await;
                played.push(task);
            }
        }
    }

    /// The state of a run.
    pub async fn run_state(&self, dag: &DagId, run: &RunId) -> RunState {
        let mut session = self.db.store.read().await.expect("a session");
        run::find(&mut session, &self.tenant, dag, run).await.expect("a look").expect("a run").state
    }

    /// The states of a run's task instances, in the order of its DAG.
    pub async fn task_states(&self, dag: &DagId, run: &RunId) -> Vec<TaskInstanceState> {
        let mut session = self.db.store.read().await.expect("a session");
        let key = run::find(&mut session, &self.tenant, dag, run).await.expect("a look").expect("a run").key;
        let tasks = task_instance::of_run(&mut session, &self.tenant, key).await.expect("a look");
        tasks.iter().map(|task| task.node.status.state()).collect()
    }

    /// Lets time pass and everything happen that is due then.
    pub async fn pass(&self, by: Duration) -> Option<Millis> {
        self.clock.advance(by);
        self.local.tick().await.expect("a round of the timekeeper")
    }
}

fn entropy_bytes() -> [u8; 10] {
    let mut bytes = [0; 10];
    counting_entropy()(&mut bytes);
    bytes
}

/// The task that a piece of work is a try of, or what else it is about.
pub fn task_of(work: &Work) -> String {
    match &work.grant.claims.role {
        AttemptRole::Task { task, map_index: None, .. } => task.to_string(),
        AttemptRole::Task { task, map_index: Some(index), .. } => format!("{task}[{index}]"),
        AttemptRole::Parse { module, .. } => format!("parse {module}"),
        AttemptRole::Trigger { task, .. } => format!("look for {task}"),
        AttemptRole::Timetable { dag } => format!("ask {dag}"),
        AttemptRole::Callback { dag, .. } => format!("callback of {dag}"),
    }
}

/// An end that returns this JSON text.
pub fn returns(value: &str) -> AttemptEnd {
    AttemptEnd::Success { value: Some(value.to_owned()) }
}

/// An end that failed like this.
pub fn fails(class: ErrorClass) -> AttemptEnd {
    AttemptEnd::Failed(Failure { class, message: format!("it failed with {}", class.code()), location: None })
}
