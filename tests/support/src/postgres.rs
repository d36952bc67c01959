//! A throw-away PostgreSQL server: one per test binary, gone when the binary ends.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    directory: PathBuf,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    databases: AtomicU32,
    /// The server's keeper ends it when this process's end of its standard input is closed, however that happens.
    _keeper: Child,
}

/// Starts a server in `$1` with the binaries in `$2` and the settings in `$3`, and ends it when standard input does.
const KEEPER: &str = r#"
set -e
"$2/initdb" -D "$1/data" -A trust -U flow --no-sync -E UTF8 --locale=C >"$1/initdb.log" 2>&1
"$2/pg_ctl" -D "$1/data" -w -s -l "$1/server.log" start \
    -o "-k $1 -c listen_addresses= -c max_connections=300 $3"
echo ready
cat >/dev/null || true
"$2/pg_ctl" -D "$1/data" -s -m immediate stop || true
rm -rf "$1"
"#;

/// Nothing has to outlive a test.
const FORGETFUL: &str = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off";

const WHAT_TO_INSTALL: &str = "no PostgreSQL server programs (initdb, pg_ctl, createdb) were found on the PATH, by `pg_config --bindir` or \
    in /usr/lib/postgresql; install the `postgresql` package of your system: every store function is tested on both \
    databases";

impl Postgres {
    /// The server of this test binary, started on first use.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// Starts a server that is fast and keeps nothing.
    pub fn start() -> Self {
        Self::start_with(FORGETFUL)
    }

    /// Starts a server with its defaults: what it has acknowledged survives a power cut.
    pub fn durable() -> Self {
        Self::start_with("")
    }

    fn start_with(settings: &str) -> Self {
        let binaries = find_binaries().expect(WHAT_TO_INSTALL);
        // A short path: the name of a Unix socket is at most 107 bytes long.
        let directory = TempDir::with_prefix("flow-pg-").expect("a temporary directory").keep();
        let user = unprivileged_user();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&directory, Some(uid), Some(gid)).expect("the directory can be handed over");
        }
        let mut command = as_user(Command::new("sh"), user);
        command
            .arg("-c")
            .arg(KEEPER)
            .arg("keeper")
            .arg(&directory)
            .arg(&binaries)
            .arg(settings)
            .current_dir(&directory);
        // In a process group of its own it outlives whoever ends this one, and cleans up.
        command.process_group(0);
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell can be started");
        let mut line = String::new();
        let output = keeper.stdout.take().expect("standard output is piped");
        BufReader::new(output).read_line(&mut line).expect("the keeper can be read");
        assert_eq!(line, "ready\n", "PostgreSQL did not start: {}", logs(&directory));
        Self { directory, binaries, user, databases: AtomicU32::new(0), _keeper: keeper }
    }

    /// Creates a database, as a copy of `template` if there is one, and answers its URL.
    pub fn create(&self, template: Option<&str>) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::SeqCst));
        self.create_named(&name, template)
    }

    /// Creates a database of this name.
    pub fn create_named(&self, name: &str, template: Option<&str>) -> String {
        let mut command = as_user(Command::new(self.binaries.join("createdb")), self.user);
        command.arg("-h").arg(&self.directory).args(["-U", "flow", "-T", template.unwrap_or("template0"), name]);
        let output = command.current_dir("/").output().expect("createdb can be started");
        assert!(output.status.success(), "createdb: {}", String::from_utf8_lossy(&output.stderr));
        format!("postgres://flow@localhost/{name}?host={}", self.directory.display())
    }
}

fn as_user(mut command: Command, user: Option<(u32, u32)>) -> Command {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// PostgreSQL refuses to run as root, so root runs it as the user that its package made.
fn unprivileged_user() -> Option<(u32, u32)> {
    let me = std::fs::metadata("/proc/self").ok()?.uid();
    if me != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user postgres or nobody"))
}

#[expect(clippy::disallowed_methods, reason = "tests find the database server where the machine has it")]
fn find_binaries() -> Option<PathBuf> {
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let configured = Command::new("pg_config")
        .arg("--bindir")
        .output()
        .ok()
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let mut packaged: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    packaged.sort();
    let mut all = on_path.chain(configured).chain(packaged.into_iter().rev());
    all.find(|folder| ["initdb", "pg_ctl", "createdb"].iter().all(|program| folder.join(program).exists()))
}

fn logs(directory: &Path) -> String {
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap_or_default();
    format!("{}{}", read("initdb.log"), read("server.log"))
}
