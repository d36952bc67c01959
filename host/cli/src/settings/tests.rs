//! Which layer wins, and what is said about values that cannot be.

use std::io::Write as _;

use super::*;

fn nothing(_: &str) -> Option<std::ffi::OsString> {
    None
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file can be made");
    file.write_all(text.as_bytes()).expect("it can be written");
    file
}

fn refusal(flags: &[(&'static str, &str)], text: &str) -> String {
    let file = file(text);
    let flags = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
    let failure = Settings::load(&flags, &nothing, Some(file.path())).expect_err("it is refused");
    failure.to_string().replace(&file.path().display().to_string(), "FILE")
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file_before_the_default() {
    let file = file("listen = 'file:1'\nworkers = 1\ndrain_seconds = 1\n");
    let environment = |name: &str| match name {
        "FLOW_HOST_LISTEN" => Some("variable:2".into()),
        "FLOW_HOST_WORKERS" => Some("2".into()),
        _ => None,
    };
    let flags = BTreeMap::from([("listen", "flag:3".to_owned())]);
    let settings = Settings::load(&flags, &environment, Some(file.path())).expect("they are fine");
    let seen = |setting| (settings.shown(setting), settings.source(setting).map(ToString::to_string));
    assert_eq!(seen(&LISTEN), (Some("flag:3"), Some("--listen".into())));
    assert_eq!(seen(&WORKERS), (Some("2"), Some("FLOW_HOST_WORKERS".into())));
    assert_eq!(seen(&DRAIN_SECONDS), (Some("1"), Some(file.path().display().to_string())));
    assert_eq!(seen(&DATA_DIR), (Some("./flow-data"), Some("default".into())));
    assert_eq!(seen(&SERVER), (None, None));
}

#[test]
fn an_empty_variable_says_nothing() {
    let settings = Settings::load(&BTreeMap::new(), &|_| Some("".into()), None).expect("they are fine");
    assert_eq!(settings.source(&LISTEN), Some(&Source::Default));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    for (flags, text, expected) in [
        (&[][..], "colour = 'red'", "FILE: there is no setting `colour`"),
        (&[], "workers = -1", r#"`workers` cannot be "-1" (from FILE): use a whole number from 0 to 10000"#),
        (&[], "workers = [1]", r#"`workers` cannot be "[1]" (from FILE): use a whole number from 0 to 10000"#),
        (
            &[],
            "database_url = 'mysql://me:secret@x'",
            "`database_url` cannot be (from FILE): use postgres://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        (
            &[("listen", "here")],
            "",
            r#"`listen` cannot be "here" (from --listen): use an address and a port, such as 127.0.0.1:8080"#,
        ),
        (
            &[("concurrency", "0")],
            "",
            r#"`concurrency` cannot be "0" (from --concurrency): use a whole number from 1 to 10000"#,
        ),
    ] {
        assert_eq!(refusal(flags, text), expected);
    }
}

#[test]
fn a_file_that_is_not_toml_or_not_there_is_named() {
    let expected = "the settings file FILE is not valid TOML: string values must be quoted, expected literal string";
    assert_eq!(refusal(&[], "workers = "), expected);
    let failure =
        Settings::load(&BTreeMap::new(), &nothing, Some(Path::new("no/such.toml"))).expect_err("it is not there");
    let expected = "the settings file no/such.toml cannot be read: No such file or directory (os error 2)";
    assert_eq!(failure.to_string(), expected);
}

#[test]
fn secrets_are_not_shown() {
    let key = "0f".repeat(32);
    let environment = |name: &str| match name {
        "FLOW_HOST_MASTER_KEY" => Some(key.clone().into()),
        "FLOW_HOST_DATABASE_URL" => Some("postgres://me:secret@x/y".into()),
        _ => None,
    };
    let settings = Settings::load(&BTreeMap::new(), &environment, None).expect("they are fine");
    assert_eq!(settings.shown(&MASTER_KEY), Some("********"));
    assert_eq!(settings.shown(&DATABASE_URL), Some("********"));
}

#[test]
fn every_default_fits() {
    for setting in ALL {
        assert!(setting.default.here().is_none_or(|text| (setting.fits)(&text)), "{}", setting.key);
    }
}
