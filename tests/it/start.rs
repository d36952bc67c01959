//! Starts that cannot succeed end at once, with the exit code and the words that help.

use std::path::Path;
use std::process::{Command, Stdio};

use flow_test_support::Postgres;
use flow_tests::{Host, Options, binary};
use tempfile::TempDir;

/// How a command that should end at once ended, and what it said.
struct Ended {
    code: Option<i32>,
    said: String,
}

fn run(args: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(binary());
    command.args(args).envs(variables.iter().copied()).env("FLOW_HOST_LOG", "off").stdin(Stdio::null());
    let output = command.output().expect("flow-host starts");
    Ended { code: output.status.code(), said: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// Runs a command that must end with this exit code and say exactly this, and what to do.
#[track_caller]
fn refused(args: &[&str], variables: &[(&str, &str)], code: i32, (error, hint): (&str, &str)) {
    let ended = run(args, variables);
    assert_eq!(ended.said, told(error, hint), "{args:?}");
    assert_eq!(ended.code, Some(code), "{args:?}");
}

/// A failure as it is written to standard error; not every one comes with a hint.
fn told(error: &str, hint: &str) -> String {
    let hint = if hint.is_empty() { String::new() } else { format!("  hint: {hint}\n") };
    format!("error: {error}\n{hint}")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

#[test]
fn one_address_and_one_directory_serve_one_host() {
    let (first, second) = (folder(), folder());
    let host = Host::start(Options { data: first.path().join("data"), ..Options::default() });
    let address = host.url().trim_start_matches("http://").to_owned();
    let other = second.path().join("data");
    let serve = ["serve", "--listen", &address, "--data-dir", text(&other)];
    let taken = format!("cannot listen on {address}: Address already in use (os error 98)");
    refused(&serve, &[], 1, (&taken, "choose another address with --listen; port 0 picks a free one"));
    assert!(!other.exists(), "nothing is on disk yet");
    let same = first.path().join("data");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&same)];
    let taken = format!("the data directory {} is in use by another flow-host", same.display());
    refused(&serve, &[], 1, (&taken, "stop the other one, or give each its own with --data-dir"));
}

#[test]
fn settings_that_cannot_be_are_named() {
    let folder = folder();
    let config = folder.path().join("flow.toml");
    std::fs::write(&config, "listen = '127.0.0.1:0'\ncolour = 'red'\n").expect("it can be written");
    let serve = ["serve", "--config", text(&config)];
    let unknown = format!("{}: there is no setting `colour`", config.display());
    let settings = "the settings are listen, data_dir, database_url, database_connections, workers, concurrency, \
        drain_seconds, allowed_networks, server, token_file, attempt_cpu_seconds, attempt_seconds, attempt_memory_mib, \
        attempt_log_kib, master_key, master_key_file, former_master_keys, log, log_format";
    refused(&serve, &[], 2, (&unknown, settings));
    refused(&["serve"], &[("FLOW_HOST_CONFIG", text(&config))], 2, (&unknown, settings));
    let many = r#"`workers` cannot be "many" (from FLOW_HOST_WORKERS): use a whole number from 0 to 10000"#;
    refused(&["serve"], &[("FLOW_HOST_WORKERS", "many")], 2, (many, ""));
    let here = r#"`listen` cannot be "here" (from --listen): use an address and a port, such as 127.0.0.1:8080"#;
    refused(&["serve", "--listen", "here"], &[], 2, (here, ""));
}

#[test]
fn a_read_only_database_is_named() {
    let folder = folder();
    let data = folder.path().join("data");
    assert!(Host::start(Options { data: data.clone(), ..Options::default() }).stop().success());
    let file = data.join("flow.db");
    let before = std::fs::read(&file).expect("the database");
    // Permissions do not bind root, but a read-only mount does: here one over the file, in a namespace of its own.
    let script = r#"
        bind='mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        [ "$(id -u)" -ne 0 ] || exec unshare -m sh -c "$bind" sh "$@"
        chmod 0444 "$1" && shift && exec "$@""#;
    let serve = [text(binary()), "serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data)];
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", text(&file)]).args(serve).env("FLOW_HOST_LOG", "off").stdin(Stdio::null());
    let output = command.output().expect("a shell starts");
    let error = "the host cannot start: the database cannot answer: attempt to write a readonly database";
    let hint = "see that it can be reached and written to, and that its disk has room";
    assert_eq!(String::from_utf8_lossy(&output.stderr), told(error, hint));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(std::fs::read(&file).expect("the database"), before, "nothing is half-written");
}

#[test]
fn a_database_that_does_not_answer_is_unreachable() {
    let folder = folder();
    let data = folder.path().join("data");
    let url = "postgres://flow:very-secret@127.0.0.1:1/flow";
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data), "--database-url", url];
    let error = "the database of `database_url`: the database cannot answer: Connection refused (os error 111)";
    refused(&serve, &[], 3, (error, "see that the server is up and that address, user and password are right"));
}

#[test]
fn a_database_that_does_not_exist_is_named() {
    let folder = folder();
    let url = Postgres::shared().create(None);
    let (_, host) = url.split_once('?').expect("the URL says on which host");
    let url = format!("postgres://flow@localhost/nothing?{host}");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(folder.path()), "--database-url", &url];
    let error = r#"the database of `database_url`: the database cannot answer: database "nothing" does not exist"#;
    refused(&serve, &[], 3, (error, "see that the server is up and that address, user and password are right"));
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("it can be written");
    let data = file.join("data");
    let error = format!("{} cannot be used: Not a directory (os error 20)", data.display());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data)];
    refused(&serve, &[], 1, (&error, "give a directory that you can write to with --data-dir"));
}

#[test]
fn another_master_key_opens_nothing() {
    let folder = folder();
    let (data, file) = (folder.path().join("data"), folder.path().join("key"));
    std::fs::write(&file, "01".repeat(32)).expect("it can be written");
    let flags = vec!["--master-key-file".to_owned(), text(&file).to_owned()];
    assert!(Host::start(Options { data: data.clone(), flags, ..Options::default() }).stop().success());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data)];
    let error = "the host cannot start: master key: it is sealed under master key 12e8664382c370da, which was not \
        given; start with that key, or give it as a former one";
    let hint = "the present key is that of --master-key-file, FLOW_HOST_MASTER_KEY or the data directory; former ones \
        go into FLOW_HOST_FORMER_MASTER_KEYS";
    refused(&serve, &[("FLOW_HOST_MASTER_KEY", &"0f".repeat(32))], 2, (error, hint));
    let own = data.join("master-key");
    std::fs::write(&own, "gone").expect("it can be written");
    let error = format!("{} does not hold 64 hexadecimal digits", own.display());
    refused(&serve, &[], 2, (&error, "restore the file from a backup"));
}

#[test]
fn a_worker_says_what_it_lacks() {
    let folder = folder();
    let data = folder.path().join("data");
    let host = Host::start(Options { data: data.clone(), ..Options::default() });
    let hint = "give --server URL and --token-file FILE, or --database-url URL";
    refused(&["worker", "--data-dir", text(&data)], &[], 2, ("the worker does not know whom to work for", hint));
    let both = ["worker", "--server", host.url(), "--database-url", "postgres://x/y"];
    let error = "a worker has either a server or a database: `server` is from --server, `database_url` from \
        --database-url";
    refused(&both, &[], 2, (error, ""));
    // An administrator's token is not a worker's.
    let token = data.join("admin-token");
    let worker = ["worker", "--server", host.url(), "--token-file", text(&token), "--data-dir", text(folder.path())];
    let error = "the control plane does not accept this worker's token: the token is for another audience";
    let hint = "the platform administrator makes a token with `flow-host tokens create NAME --worker`";
    refused(&worker, &[], 4, (error, hint));
}

#[test]
fn the_database_is_looked_after() {
    let folder = folder();
    let data = folder.path().join("data");
    let at = ["--data-dir", text(&data)];
    let error = format!("there is no database {}", data.join("flow.db").display());
    let hint = "`flow-host serve` or `flow-host db migrate` makes one; --data-dir says where";
    refused(&[&["db", "check"][..], &at].concat(), &[], 1, (&error, hint));
    assert_eq!(run(&[&["db", "migrate"][..], &at].concat(), &[]).code, Some(0));
    assert_eq!(run(&[&["db", "check"][..], &at].concat(), &[]).code, Some(0));
    assert_eq!(run(&[&["db", "clean", "--older-than", "30"][..], &at].concat(), &[]).code, Some(0));
}
