//! A disk that fills up: what was acknowledged is there, what was refused is not, and reading goes on.

use flow_tests::{Client, Host, Options};
use serde_json::json;

/// More than a new database takes, and soon used up.
const LARGEST_FILE: u32 = 4 << 10;

#[tokio::test]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder for the data");
    let options = Options { data: folder.path().join("data"), largest_file: Some(LARGEST_FILE), ..Options::default() };
    let host = Host::start(options.clone());
    let tenant = host.tenant("acme").await;
    let token = tenant.token().to_owned();
    let mut stored = 0;
    let refusal = loop {
        let body = json!({ "key": format!("key_{stored}"), "value": "x".repeat(60 << 10) });
        let answer = tenant.post("/api/v2/variables", &body).await;
        if answer.status != 201 {
            break answer;
        }
        stored += 1;
    };
    assert_eq!(refusal.status, 503, "{}", refusal.body);
    let count = async |tenant: &Client| tenant.get("/api/v2/variables").await.expect(200)["total_entries"].clone();
    assert_eq!(count(&tenant).await, stored, "reading goes on");
    host.kill();
    let host = Host::start(Options { largest_file: None, ..options });
    let tenant = Client::new(host.url(), &token);
    assert_eq!(count(&tenant).await, stored, "nothing is lost and nothing half-written");
    let body = json!({ "key": "afterwards", "value": "there is room again" });
    tenant.post("/api/v2/variables", &body).await.expect(201);
}
