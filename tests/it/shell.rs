//! `flow-host` as a person or a script uses it: arguments, standard input, output, exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use flow_tests::{Host, Options, binary};
use serde_json::Value;
use tempfile::TempDir;

/// A host, and somebody who types commands at it.
pub(crate) struct Shell {
    folder: TempDir,
    host: Host,
}

impl Shell {
    /// A fresh host, and a member of the tenant `acme` who has logged in.
    pub(crate) fn of_member() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let data = folder.path().join("data");
        let host = Host::start(Options { data: data.clone(), ..Options::default() });
        let shell = Self { folder, host };
        let admin_token = std::fs::read_to_string(data.join("admin-token")).expect("the host wrote its first token");
        shell.done_with(&admin_token, &["login", "--token-stdin"]);
        shell.done_with(PASSWORD, &["tenants", "create", "acme", "--admin", "ada", "--password-stdin"]);
        shell.done_with(PASSWORD, &["login", "--username", "ada@acme", "--password-stdin"]);
        shell
    }

    /// Where the host listens.
    pub(crate) fn url(&self) -> &str {
        self.host.url()
    }

    /// A path for files of the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a command that succeeds prints.
    #[track_caller]
    pub(crate) fn done(&self, args: &[&str]) -> String {
        self.done_with("", args)
    }

    /// The same as JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.done(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// What a command prints on standard error, which ends with this exit code.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run("", args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        said
    }

    /// A command that is still at work, its output piped.
    pub(crate) fn begun(&self, args: &[&str]) -> Child {
        command(self.folder.path())
            .args(args)
            .env("FLOW_HOST_URL", self.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flow-host starts")
    }

    #[track_caller]
    fn done_with(&self, input: &str, args: &[&str]) -> String {
        let output = self.run(input, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {:?}: {said}", output.status.code());
        String::from_utf8(output.stdout).expect("standard output is UTF-8")
    }

    fn run(&self, input: &str, args: &[&str]) -> Output {
        let mut child = self.begun(args);
        let mut stdin = child.stdin.take().expect("standard input is piped");
        // A command that takes no input may have ended before it is offered some.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("flow-host can be waited for")
    }
}

const PASSWORD: &str = "correct horse battery staple";

/// `flow-host` in `folder`, with its profile there and nothing of the user's own.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(folder).env("FLOW_HOST_PROFILE", folder.join("profile.toml"));
    for name in ["FLOW_HOST_URL", "FLOW_HOST_TOKEN", "FLOW_HOST_CONFIG"] {
        command.env_remove(name);
    }
    command
}
