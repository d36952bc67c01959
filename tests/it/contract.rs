//! The broker's contract, over HTTP: the same suite that the broker passes in process, with the worker door in between.

use std::sync::Arc;

use flow_api::{ApiConfig, Tokens};
use flow_test_support::{Stage, TestStore, contract};
use flow_worker::{RemoteBroker, RemoteConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

contract!(remote);

/// A control plane, and a worker at the far end of its door.
async fn remote(db: TestStore) -> Stage<RemoteBroker> {
    let stage = Stage::open(db).await;
    let issued = stage.issue_worker_token().await;
    let Stage { local, clock, db, tenant, worker, .. } = stage;
    let entropy = Arc::new(|bytes: &mut [u8]| bytes.fill(1));
    let tokens = Tokens::open(local.clone(), clock.as_clock(), entropy).await.expect("the signing keys can be loaded");
    let token = tokens.sign_issued(&issued).expect("a token can be signed");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let server = format!("http://{}", listener.local_addr().expect("an address"));
    let shutdown = CancellationToken::new();
    let config =
        ApiConfig { broker: local.clone(), tokens, shutdown: shutdown.clone(), version: "test", max_upload: 1 << 20 };
    tokio::spawn(flow_api::serve(listener, flow_api::router(config), shutdown));
    let port = RemoteBroker::new(RemoteConfig { server, token }).expect("the address is one");
    Stage { local, port, clock, db, tenant, worker }
}
