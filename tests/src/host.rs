//! One `flow-host serve` process with a data folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use crate::client::Client;

/// A running host. Dropped, it is killed.
#[derive(Debug)]
pub struct Host {
    process: Child,
    url: String,
    options: Options,
}

/// How to start a host.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The data folder; it outlives the host, so that another one can go on with it.
    pub data: PathBuf,
    /// A PostgreSQL database; SQLite in the data folder without one.
    pub database_url: Option<String>,
    /// Further flags of `serve`.
    pub flags: Vec<String>,
    /// The size of the largest file that the host can write at first, in KiB: then its disk is as good as full.
    pub largest_file: Option<u32>,
}

/// Runs its arguments after the first with a limit on the size of files, and without the signal that would end them.
const WITH_LARGEST_FILE: &str = "trap '' XFSZ; ulimit -S -f \"$0\"; exec \"$@\"";

impl Options {
    fn command(&self) -> Command {
        let Some(kib) = self.largest_file else { return Command::new(binary()) };
        // The shell counts in blocks of 512 bytes.
        let mut command = Command::new("sh");
        command.args(["-c", WITH_LARGEST_FILE]).arg((kib * 2).to_string()).arg(binary());
        command
    }
}

/// The `flow-host` binary of the profile that the caller was built with.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // Benchmarks measure what `make bench` has built. A test must not pass on what was built before the last change.
        if cfg!(debug_assertions) {
            let mut build = Command::new(env!("CARGO"));
            // As part of the workspace, so that its dependencies are those that the tests were built with.
            build
                .args(["build", "--quiet", "--workspace", "--bin", "flow-host"])
                .current_dir(env!("CARGO_MANIFEST_DIR"));
            assert!(build.status().expect("cargo runs").success(), "flow-host does not build");
        }
        // Tests run in `TARGET/PROFILE/deps`, programs in `TARGET/PROFILE`.
        let here = std::env::current_exe().expect("a program has a path");
        let found = here.ancestors().skip(1).map(|folder| folder.join("flow-host")).find(|file| file.is_file());
        found.expect("flow-host was built beside this program")
    })
}

impl Host {
    /// Starts a host on a free port and waits until it is ready.
    pub fn start(options: Options) -> Self {
        let mut command = options.command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&options.data);
        if let Some(url) = &options.database_url {
            command.args(["--database-url", url]);
        }
        let mut process = command.args(&options.flags).stdout(Stdio::piped()).spawn().expect("flow-host starts");
        let output = BufReader::new(process.stdout.take().expect("standard output is piped"));
        let ready =
            output.lines().map_while(Result::ok).find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        let url = ready.unwrap_or_else(|| panic!("flow-host ended before it listened: {:?}", process.wait()));
        Self { process, url, options }
    }

    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.options.data
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The platform administrator.
    pub fn administrator(&self) -> Client {
        let file = self.options.data.join("admin-token");
        let token = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Client::new(&self.url, token.trim())
    }

    /// A new tenant, seen by its first member.
    pub async fn tenant(&self, name: &str) -> Client {
        let password = "correct horse battery staple";
        let admin = serde_json::json!({"username": "admin", "password": password});
        let body = serde_json::json!({"name": name, "admin": admin});
        self.administrator().post("/api/v2/tenants", &body).await.expect(201);
        self.log_in(&format!("admin@{name}"), password).await
    }

    /// A member of a tenant.
    pub async fn log_in(&self, username: &str, password: &str) -> Client {
        let body = serde_json::json!({"username": username, "password": password});
        let answer = Client::new(&self.url, "").post("/auth/token", &body).await.expect(201);
        Client::new(&self.url, answer["access_token"].as_str().expect("an access token"))
    }

    /// Asks it to stop in good order, and waits until it has.
    #[must_use]
    pub fn stop(mut self) -> ExitStatus {
        let asked = Command::new("kill").arg(self.id().to_string()).status().expect("kill runs");
        assert!(asked.success(), "the process is there");
        self.process.wait().expect("the process can be waited for")
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.end();
    }

    /// Ends it as a power cut would, and starts another one on the same data.
    #[must_use]
    pub fn kill_and_restart(mut self) -> Self {
        self.end();
        Self::start(self.options.clone())
    }

    fn end(&mut self) {
        self.process.kill().expect("the process can be killed");
        self.process.wait().expect("the process can be waited for");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
