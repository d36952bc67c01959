//! A disk that fills up: what was acknowledged is there, what was refused is not, reading goes on, and so does all else as
//! soon as there is room again.

use std::process::Command;

use flow_tests::{Client, Host, Options};
use serde_json::{Value, json};

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
        let answer = tenant.post("/api/v2/variables", &variable(stored)).await;
        if answer.status != 201 {
            break answer;
        }
        stored += 1;
    };
    assert_eq!(refusal.expect(503)["detail"], "unavailable: disk I/O error; try again");
    tenant.post("/api/v2/variables", &variable(stored)).await.expect(503);
    assert_eq!(count(&tenant).await, stored, "reading goes on");

    let pid = host.id().to_string();
    let room = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &pid]).status().expect("prlimit runs");
    assert!(room.success(), "there is room again");
    tenant.post("/api/v2/variables", &variable(stored)).await.expect(201);
    host.kill();
    let host = Host::start(Options { largest_file: None, ..options });
    let tenant = Client::new(host.url(), &token);
    assert_eq!(count(&tenant).await, stored + 1, "nothing is lost and nothing half-written");
}

fn variable(number: u32) -> Value {
    json!({ "key": format!("key_{number}"), "value": "x".repeat(60 << 10) })
}

async fn count(tenant: &Client) -> Value {
    tenant.get("/api/v2/variables").await.expect(200)["total_entries"].clone()
}
