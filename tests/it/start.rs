//! Starts that cannot succeed end at once, with the exit code and the words that help.

use std::path::Path;
use std::process::{Command, Stdio};

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

#[track_caller]
fn refused(args: &[&str], variables: &[(&str, &str)], code: i32, words: &str) {
    let ended = run(args, variables);
    assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.said);
    assert!(ended.said.contains(words), "{args:?}: {}", ended.said);
    assert!(!ended.said.contains("panicked"), "{args:?}: {}", ended.said);
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
    refused(&serve, &[], 1, &format!("cannot listen on {address}"));
    let same = first.path().join("data");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&same)];
    refused(&serve, &[], 1, "is in use by another flow-host");
}

#[test]
fn settings_that_cannot_be_are_named() {
    let folder = folder();
    let config = folder.path().join("flow.toml");
    std::fs::write(&config, "listen = '127.0.0.1:0'\ncolour = 'red'\n").expect("it can be written");
    let serve = ["serve", "--config", text(&config)];
    refused(&serve, &[], 2, "there is no setting `colour`");
    refused(&["serve"], &[("FLOW_HOST_CONFIG", text(&config))], 2, "the settings are listen, data_dir");
    let variable = [("FLOW_HOST_WORKERS", "many")];
    refused(&["serve"], &variable, 2, r#"`workers` cannot be "many" (from FLOW_HOST_WORKERS): use a whole number"#);
    refused(&["serve", "--listen", "here"], &[], 2, r#"`listen` cannot be "here" (from --listen)"#);
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
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("attempt to write a readonly database"), "{said}");
    assert!(said.contains("see that the database can be written to"), "{said}");
    assert_eq!(std::fs::read(&file).expect("the database"), before, "nothing is half-written");
}

#[test]
fn a_database_that_does_not_answer_is_unreachable() {
    let folder = folder();
    let data = folder.path().join("data");
    let url = "postgres://flow:very-secret@127.0.0.1:1/flow";
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data), "--database-url", url];
    let ended = run(&serve, &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(!ended.said.contains("very-secret"), "{}", ended.said);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("it can be written");
    let data = file.join("data");
    refused(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data)], &[], 1, "cannot be used");
}

#[test]
fn another_master_key_opens_nothing() {
    let folder = folder();
    let data = folder.path().join("data");
    assert!(Host::start(Options { data: data.clone(), ..Options::default() }).stop().success());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data)];
    let key = "0f".repeat(32);
    refused(&serve, &[("FLOW_HOST_MASTER_KEY", &key)], 2, "master key");
    std::fs::write(data.join("master-key"), "gone").expect("it can be written");
    refused(&serve, &[], 2, "does not hold 64 hexadecimal digits");
}

#[test]
fn a_worker_says_what_it_lacks() {
    let folder = folder();
    let data = folder.path().join("data");
    let host = Host::start(Options { data: data.clone(), ..Options::default() });
    refused(&["worker", "--data-dir", text(&data)], &[], 2, "does not know whom to work for");
    let both = ["worker", "--server", host.url(), "--database-url", "postgres://x/y"];
    refused(&both, &[], 2, "either a server or a database");
    // An administrator's token is not a worker's.
    let token = data.join("admin-token");
    let worker = ["worker", "--server", host.url(), "--token-file", text(&token), "--data-dir", text(folder.path())];
    refused(&worker, &[], 4, "does not accept this worker's token");
}

#[test]
fn the_database_is_looked_after() {
    let folder = folder();
    let data = folder.path().join("data");
    let at = ["--data-dir", text(&data)];
    refused(&[&["db", "check"][..], &at].concat(), &[], 1, "there is no database");
    assert_eq!(run(&[&["db", "migrate"][..], &at].concat(), &[]).code, Some(0));
    assert_eq!(run(&[&["db", "check"][..], &at].concat(), &[]).code, Some(0));
    assert_eq!(run(&[&["db", "clean", "--older-than", "30"][..], &at].concat(), &[]).code, Some(0));
}
