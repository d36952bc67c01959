//! A broker with two tenants, and a worker that plays parses: the bytes of its "components" are what they describe.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flow_broker::{Actor, Admit, BrokerConfig, LocalBroker, PlatformActor, ServiceError, Upload, UploadError};
use flow_model::ids::{Digest, JobId, ModuleName, TenantId};
use flow_model::inspect::{Inspection, Rejection};
use flow_model::port::{Broker, ClaimRequest, Report, TenantScope};
use flow_model::rest::PageRequest;
use flow_model::rest::event_logs::EventLogFilter;
use flow_model::rest::modules::UploadedModule;
use flow_model::rest::tenants::TenantBody;
use flow_model::roles::Role;
use flow_model::run::TriggeredBy;
use flow_model::time::Entropy;
use flow_model::work::{AttemptEnd, AttemptLimits, AttemptRole, Usage, Work};
use flow_test_support::{SettableClock, TestStore};
use serde_json::Value;
use uuid::Uuid;

pub(crate) struct House {
    pub(crate) broker: LocalBroker,
    pub(crate) clock: SettableClock,
    pub(crate) db: TestStore,
    pub(crate) platform: PlatformActor,
    /// An administrator of the tenant `acme`.
    pub(crate) ada: Actor,
    /// An administrator of the tenant `rival`.
    pub(crate) eve: Actor,
}

impl House {
    pub(crate) async fn open(db: TestStore) -> Self {
        let clock = SettableClock::default();
        let broker = LocalBroker::open(config(&db, &clock, [7; 32], &[])).await.expect("the broker can be opened");
        let platform = PlatformActor { name: "root".to_owned() };
        for name in ["acme", "rival"] {
            broker.create_tenant(&platform, tenant_body(name)).await.expect("a new tenant");
        }
        Self { broker, clock, db, platform, ada: admin("acme", "ada"), eve: admin("rival", "eve") }
    }

    /// The actions that the tenant's audit log names, in order.
    pub(crate) async fn audited(&self, actor: &Actor) -> Vec<String> {
        let filter = EventLogFilter { owner: Some(actor.name.clone()), ..EventLogFilter::default() };
        let page = self.broker.event_logs(&actor.tenant, &filter, &PageRequest::default()).await;
        page.expect("the audit log").entries.into_iter().map(|event| event.event).collect()
    }

    /// Uploads a module that describes these DAGs, a worker at hand.
    pub(crate) async fn upload(&self, actor: &Actor, name: &str, dags: &Value) -> Result<Upload, UploadError> {
        self.upload_bytes(actor, name, dags.to_string()).await
    }

    pub(crate) async fn upload_bytes(
        &self,
        actor: &Actor,
        name: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<Upload, UploadError> {
        let name: ModuleName = name.parse().expect("a module's name");
        tokio::select! {
            uploaded = Box::pin(self.broker.upload_module(actor, &name, bytes.into())) => uploaded,
            () = self.parse_for_ever() => unreachable!("the worker does not stop"),
        }
    }

    /// A new version that is accepted.
    pub(crate) async fn accept(&self, actor: &Actor, name: &str, dags: &Value) -> UploadedModule {
        match self.upload(actor, name, dags).await.expect("the upload is accepted") {
            Upload::Created(uploaded) => uploaded,
            Upload::Unchanged(uploaded) => unreachable!("version {} has the same bytes", uploaded.version),
        }
    }

    /// Why an upload that describes these DAGs is refused.
    pub(crate) async fn refusal(&self, actor: &Actor, name: &str, dags: &Value) -> String {
        match self.upload(actor, name, dags).await.expect_err("the upload is refused") {
            UploadError::Refused(reason) => reason,
            other => unreachable!("{other}"),
        }
    }

    /// Leases what there is.
    pub(crate) async fn claim(&self, wait_ms: u64) -> Vec<Work> {
        let worker = JobId(Uuid::from_u128(2));
        let request = ClaimRequest {
            worker,
            hostname: String::new(),
            tenants: TenantScope::All,
            slots: 16,
            wait_ms,
            begins: false,
        };
        self.broker.claim(request).await.expect("work can be claimed")
    }

    /// Says how an attempt ended.
    pub(crate) async fn finish(&self, work: &Work, end: AttemptEnd) {
        let report = Report { end, usage: Usage::default(), retry: None, map_label: None };
        self.broker.finish(&work.grant, report).await.expect("the attempt counts");
    }

    async fn parse_for_ever(&self) {
        loop {
            for work in self.claim(1_000).await {
                assert!(matches!(work.grant.claims.role, AttemptRole::Parse { .. }), "only parses are played");
                self.broker.start(&work.grant).await.expect("the attempt counts");
                let bytes = self.broker.module(&work.grant).await.expect("the component is there");
                let dags = String::from_utf8(bytes.to_vec()).expect("the component is its description");
                self.finish(&work, AttemptEnd::Parsed { dags }).await;
            }
        }
    }
}

pub(crate) fn tenant_body(name: &str) -> TenantBody {
    let name: TenantId = name.parse().expect("a tenant's name");
    TenantBody { name, description: None, quota: <_>::default(), policy: <_>::default(), admin: None }
}

fn admin(tenant: &str, name: &str) -> Actor {
    Actor {
        tenant: tenant.parse().expect("a tenant's name"),
        name: name.to_owned(),
        role: Role::Admin,
        by: TriggeredBy::RestApi,
    }
}

pub(crate) fn config(
    db: &TestStore,
    clock: &SettableClock,
    master_key: [u8; 32],
    former_master_keys: &[[u8; 32]],
) -> BrokerConfig {
    BrokerConfig {
        store: db.store.clone(),
        clock: clock.as_clock(),
        entropy: counting_entropy(),
        master_key,
        former_master_keys: former_master_keys.to_vec(),
        admit: admit(),
        instance: Some(JobId(Uuid::from_u128(1))),
        limits: AttemptLimits::default(),
        hostname: "house".to_owned(),
        lease: Duration::from_secs(30),
    }
}

/// Takes everything but what begins with `no:`.
fn admit() -> Admit {
    Arc::new(|bytes: Bytes| {
        Box::pin(async move {
            if let Some(import) = bytes.strip_prefix(b"no:") {
                return Err(Rejection::ForbiddenImport(String::from_utf8_lossy(import).into_owned()));
            }
            Ok(Inspection {
                digest: Digest([0; 32]),
                size: u64::try_from(bytes.len()).expect("a size"),
                imports: vec!["flow:host/log@0.1.0".to_owned()],
                exports: vec!["flow:host/dags@0.1.0".to_owned()],
                compile_ms: 3,
            })
        })
    })
}

fn counting_entropy() -> Entropy {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    Arc::new(|bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            let drawn = DRAWN.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&drawn.to_be_bytes()[..chunk.len()]);
        }
    })
}

pub(crate) fn page(limit: u32, offset: u32, order_by: &[&str]) -> PageRequest {
    PageRequest { limit, offset, order_by: order_by.iter().map(ToString::to_string).collect() }
}

#[expect(clippy::needless_pass_by_value, reason = "it is asked of results at hand")]
pub(crate) fn not_found<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> bool {
    matches!(result, Err(ServiceError::NotFound { .. }))
}
