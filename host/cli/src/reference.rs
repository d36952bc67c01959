//! `docs/cli.md`, the reference of all commands, made from the definitions that parse them.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use crate::args::Args;

const PREAMBLE: &str = "\
# Command line

Generated from the definitions in `host/cli/src` by `host/cli/src/reference.rs`; run its test with `FLOW_ACCEPT=1` to accept
a change.

Exit codes: 0 done, 1 the run or the request failed, 2 the command line makes no sense, 3 the server cannot be reached,
4 not allowed.

";

/// All commands that are not hidden, each with its arguments and examples.
fn markdown(mut root: Command) -> String {
    root.build();
    let mut out = PREAMBLE.to_owned();
    out.push_str("Commands that talk to a server share these options:\n\n");
    let group = root.find_subcommand("dags").into_iter();
    group.flat_map(Command::get_arguments).filter(|arg| arg.is_global_set()).for_each(|arg| argument(&mut out, arg));
    section(&mut out, &root, 2);
    out
}

fn section(out: &mut String, command: &Command, depth: usize) {
    let path = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    // Writing to a text cannot fail.
    let _ = writeln!(out, "\n{} `{path}`\n\n{about}", "#".repeat(depth.min(3)));
    let own: Vec<&Arg> = command.get_arguments().filter(|arg| is_own(arg)).collect();
    if !own.is_empty() {
        out.push('\n');
        for arg in own {
            argument(out, arg);
        }
    }
    if let Some(after) = command.get_after_help() {
        let _ = writeln!(out, "\n```text\n{after}\n```");
    }
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        section(out, verb, depth + 1);
    }
}

/// Whether it belongs to the command itself: neither shared nor one of those that every command has.
fn is_own(arg: &Arg) -> bool {
    let everywhere =
        matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version);
    !arg.is_global_set() && !everywhere
}

fn argument(out: &mut String, arg: &Arg) {
    if arg.is_hide_set() {
        return;
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let names = if arg.is_positional() { format!("<{}>", value_of(arg)) } else { option(arg) };
    let _ = write!(out, "- `{names}`: {help}");
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        let _ = write!(out, " (default `{}`)", defaults.join(","));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(out, " (or `{}`)", variable.to_string_lossy());
    }
    out.push('\n');
}

fn option(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    if arg.get_action().takes_values() { format!("{names} <{}>", value_of(arg)) } else { names }
}

fn value_of(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "accepting a snapshot is asked for on the command line")]
fn the_document_shows_the_commands() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
    let made = markdown(Args::command());
    if std::env::var_os("FLOW_ACCEPT").is_some() {
        std::fs::write(file, &made).expect("docs/ can be written");
    }
    let written = std::fs::read_to_string(file).unwrap_or_default();
    assert!(written == made, "docs/cli.md is not what the commands say; accept it with FLOW_ACCEPT=1");
}

#[test]
fn the_command_line_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn every_command_says_what_it_does() {
    let mut commands = vec![Args::command()];
    while let Some(command) = commands.pop() {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "`{name}` does not say what it does");
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            assert!(arg.get_help().is_some(), "`{name}` does not say what `{}` is", arg.get_id());
        }
        commands.extend(command.get_subcommands().cloned());
    }
}
