//! One `flow-host worker` process with a data folder of its own.

use std::path::Path;
use std::process::{Child, Command};

use crate::host::{Host, binary};

/// A running worker whose environment holds nothing at all. Dropped, it is killed.
#[derive(Debug)]
pub struct RemoteWorker(Child);

impl RemoteWorker {
    /// Starts a worker that reaches the host over HTTP. Its files lie beside those of the host.
    pub async fn start(host: &Host, name: &str, flags: &[&str]) -> Self {
        let body = serde_json::json!({ "subject": name });
        let token = host.administrator().post("/api/v2/tokens/workers", &body).await.expect(201);
        let data = host.data().with_file_name(name);
        let file = data.with_extension("token");
        std::fs::write(&file, token["access_token"].as_str().expect("a token")).expect("the token can be written");
        let door = ["--server", host.url(), "--token-file", text(&file), "--data-dir", text(&data)];
        Self::spawn(&[&door, flags].concat())
    }

    /// Starts a worker with these flags.
    pub fn spawn(flags: &[&str]) -> Self {
        let worker = Command::new(binary()).env_clear().arg("worker").args(flags).spawn();
        Self(worker.expect("the worker starts"))
    }

    /// Asks it to stop in good order and waits until it has.
    pub fn stop(mut self) {
        let asked = Command::new("kill").arg(self.0.id().to_string()).status().expect("kill runs");
        assert!(asked.success(), "the process is there");
        assert!(self.0.wait().expect("it can be waited for").success(), "an orderly end");
    }
}

impl Drop for RemoteWorker {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}
