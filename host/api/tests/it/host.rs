//! A host to ask: the real broker on a fresh SQLite file, with a clock that tests set and a worker that reads scripts.
//!
//! A component is the four bytes that WebAssembly begins with and then the JSON of its DAGs: enough for everything that
//! is decided on this side of the sandbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use flow_api::{ApiConfig, Tokens, router};
use flow_broker::{Actor, Admit, BrokerConfig, LocalBroker, PlatformActor};
use flow_model::ids::{Digest, JobId, TenantId};
use flow_model::inspect::{Inspection, Optional, Rejection};
use flow_model::rest::tokens::{TokenBody, WorkerTokenBody};
use flow_model::roles::Role;
use flow_model::run::TriggeredBy;
use flow_model::time::{Clock, Entropy, Millis};
use flow_model::work::AttemptLimits;
use flow_store::{Store, StoreConfig};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// When every test begins.
pub(crate) const BEGIN: Millis = Millis(1_800_000_000_000);

/// The largest upload that the hosts of these tests take.
pub(crate) const MAX_UPLOAD: usize = 8 << 20;

/// A host to ask.
pub(crate) struct Host {
    pub(crate) broker: LocalBroker,
    pub(crate) tokens: Tokens,
    pub(crate) app: Router,
    pub(crate) shutdown: CancellationToken,
    now: Arc<AtomicI64>,
    _folder: TempDir,
}

/// A request to make.
pub(crate) struct Ask {
    method: String,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request without a body.
pub(crate) fn ask(method: &str, path: impl Into<String>) -> Ask {
    Ask { method: method.to_owned(), path: path.into(), headers: Vec::new(), body: Body::empty() }
}

impl Ask {
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

impl Host {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = open(&folder).await;
        let now = Arc::new(AtomicI64::new(BEGIN.0));
        let clock: Clock = Arc::new({
            let now = Arc::clone(&now);
            move || Millis(now.load(Ordering::SeqCst))
        });
        let entropy = entropy();
        let config = config(store, clock.clone(), entropy.clone());
        let broker = LocalBroker::open(config).await.expect("the broker opens");
        let tokens = Tokens::open(broker.clone(), clock, entropy).await.expect("there are keys");
        let shutdown = CancellationToken::new();
        let app = router(ApiConfig {
            broker: broker.clone(),
            tokens: tokens.clone(),
            shutdown: shutdown.clone(),
            version: "0.0.0",
            max_upload: MAX_UPLOAD,
        });
        Self { broker, tokens, app, shutdown, now, _folder: folder }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, span: Duration) {
        self.now.fetch_add(i64::try_from(span.as_millis()).expect("a short span"), Ordering::SeqCst);
    }

    /// Asks, and reads the answer whole; of a stream that goes on only the head.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let mut request = Request::builder().method(ask.method.as_str()).uri(&ask.path);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let request = request.body(ask.body).expect("a request");
        let response = self.app.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let streams = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body =
            if streams { Bytes::new() } else { body.collect().await.expect("the answer comes whole").to_bytes() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A platform-admin token.
    pub(crate) async fn platform(&self) -> String {
        self.tokens.mint_platform_admin("root").await.expect("a platform token")
    }

    /// Makes a tenant and answers with a token of its administrator.
    pub(crate) async fn tenant(&self, name: &str) -> String {
        let platform = self.platform().await;
        let ask = ask("POST", "/api/v2/tenants").token(&platform).json(&json!({ "name": name }));
        self.ask(ask).await.expect(201);
        self.token(name, Role::Admin).await
    }

    /// A token of a tenant with this role.
    pub(crate) async fn token(&self, tenant: &str, role: Role) -> String {
        let actor = actor(tenant);
        let body = TokenBody { subject: role.as_str().to_owned(), role, note: None, expires_in: Some(3_600) };
        let issued = self.broker.issue_token(&actor, body).await.expect("a token is issued");
        self.tokens.sign_issued(&issued).expect("a token is signed")
    }

    /// A worker's token, for all tenants.
    pub(crate) async fn worker(&self) -> String {
        self.worker_for(None).await
    }

    /// A worker's token, for these tenants.
    pub(crate) async fn worker_for(&self, tenants: Option<Vec<TenantId>>) -> String {
        let body = WorkerTokenBody { subject: "worker".to_owned(), tenants, note: None, expires_in: None };
        let platform = PlatformActor { name: "root".to_owned() };
        let issued = self.broker.issue_worker_token(&platform, body).await.expect("a token is issued");
        self.tokens.sign_issued(&issued).expect("a token is signed")
    }

    /// A token of the tenant's administrator that has ended by itself.
    pub(crate) async fn expired(&self, tenant: &str) -> String {
        let body = TokenBody { subject: "late".to_owned(), role: Role::Admin, note: None, expires_in: Some(60) };
        let mut issued = self.broker.issue_token(&actor(tenant), body).await.expect("a token is issued");
        issued.expires_at = Millis(BEGIN.0 - 10_000);
        self.tokens.sign_issued(&issued).expect("a token is signed")
    }

    /// A token of the tenant's administrator that was revoked.
    pub(crate) async fn revoked(&self, tenant: &str) -> String {
        let body = TokenBody { subject: "gone".to_owned(), role: Role::Admin, note: None, expires_in: Some(3_600) };
        let issued = self.broker.issue_token(&actor(tenant), body).await.expect("a token is issued");
        self.broker.revoke_token(&actor(tenant), issued.id).await.expect("it is revoked");
        self.tokens.sign_issued(&issued).expect("a token is signed")
    }
}

pub(crate) fn actor(tenant: &str) -> Actor {
    Actor { tenant: name(tenant), name: "root".to_owned(), role: Role::Admin, by: TriggeredBy::RestApi }
}

pub(crate) fn name(tenant: &str) -> TenantId {
    tenant.parse().expect("a good name")
}

/// A component whose DAGs are these.
pub(crate) fn component(dags: &Value) -> Vec<u8> {
    [b"\0asm".as_slice(), dags.to_string().as_bytes()].concat()
}

async fn open(folder: &TempDir) -> Store {
    let config = StoreConfig::Sqlite(folder.path().join("flow.db"));
    let store = Store::open(config).await.expect("the database opens");
    store.migrate().await.expect("the database is migrated");
    store
}

fn config(store: Store, clock: Clock, entropy: Entropy) -> BrokerConfig {
    BrokerConfig {
        store,
        clock,
        entropy,
        master_key: [7; 32],
        former_master_keys: Vec::new(),
        admit: admit(),
        instance: Some(JobId::mint(BEGIN, [1; 10])),
        hostname: "test".to_owned(),
        limits: AttemptLimits::default(),
        lease: Duration::from_secs(30),
    }
}

/// Never the same bytes twice, and the same in every run of a test.
fn entropy() -> Entropy {
    let count = AtomicU64::new(0);
    Arc::new(move |bytes| {
        let seed = count.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (index, chunk) in bytes.chunks_mut(32).enumerate() {
            let block = digest(&SHA256, &[seed.as_slice(), &index.to_be_bytes()].concat());
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
    })
}

fn admit() -> Admit {
    Arc::new(|bytes| {
        Box::pin(async move {
            if bytes.is_empty() {
                return Err(Rejection::Empty);
            }
            if bytes.starts_with(b"\x7fELF") {
                return Err(Rejection::Precompiled);
            }
            if !bytes.starts_with(b"\0asm") {
                return Err(Rejection::NotWasm);
            }
            if bytes.ends_with(b"sockets") {
                return Err(Rejection::ForbiddenImport("wasi:sockets/tcp@0.2.0".to_owned()));
            }
            let hash = digest(&SHA256, &bytes);
            Ok(Inspection {
                digest: Digest(hash.as_ref().try_into().expect("32 bytes")),
                size: bytes.len() as u64,
                imports: Vec::new(),
                exports: Optional::ALL.map(|interface| format!("flow:host/{}@1.0.0", interface.interface())).into(),
                compile_ms: 0,
            })
        })
    })
}
