//! `docs/TRANSITIONS.md` is what `decide` says, state by state and event by event.

use std::fmt::Write as _;
use std::time::Duration;

use flow_model::ids::AttemptId;
use flow_model::state::{Phase, RetryPolicy, TaskEvent, TaskStatus, Terminal, decide};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, ErrorClass, Failure, Verdict};

const HEAD: &str = "# What may follow what

Generated from `flow_model::state::decide` by `host/model/tests/transitions.rs`; run that test with `FLOW_ACCEPT=1` to
accept a change. A row is the state a task instance is in, a column what happens to it, a cell the state it is in
afterwards. An empty cell is refused: whoever sent the event acts on an old picture.

";

fn attempt(byte: u8) -> AttemptId {
    AttemptId::mint(Millis(0), [byte; 10])
}

fn failure(class: ErrorClass) -> AttemptEnd {
    AttemptEnd::Failed(Failure { class, message: String::new(), location: None })
}

fn phases() -> Vec<Phase> {
    let mut phases = vec![
        Phase::None,
        Phase::Queued(attempt(1)),
        Phase::Running(attempt(1)),
        Phase::UpForRetry(attempt(1), Millis(9)),
    ];
    phases.extend([Terminal::Success, Terminal::Failed, Terminal::Skipped, Terminal::UpstreamFailed].map(Phase::Ended));
    phases
}

fn table() -> String {
    let ends = [
        ("success", AttemptEnd::Success { value: None }, 1),
        ("skip", AttemptEnd::Skipped { reason: String::new() }, 1),
        ("failure, tries left", failure(ErrorClass::Error), 2),
        ("failure, last try", failure(ErrorClass::Error), 1),
        ("failure for good", failure(ErrorClass::Fatal), 2),
        ("worker lost", failure(ErrorClass::Lost), 1),
    ];
    let finished = ends.iter().map(|(name, end, max_tries)| {
        let retry = RetryPolicy { max_tries: *max_tries, delay: Duration::from_secs(1) };
        (*name, TaskEvent::Finished { attempt: attempt(1), end, next: attempt(2), retry })
    });
    let events: Vec<_> = [
        ("rule met", TaskEvent::Released(attempt(1))),
        ("rule says skip", TaskEvent::Ruled(Terminal::Skipped)),
        ("rule says fail", TaskEvent::Ruled(Terminal::UpstreamFailed)),
        ("start", TaskEvent::Started(attempt(1))),
        ("start of an old attempt", TaskEvent::Started(attempt(7))),
    ]
    .into_iter()
    .chain(finished)
    .chain([("run stopped", TaskEvent::Stopped), ("cleared", TaskEvent::Cleared)])
    .collect();

    let mut text = HEAD.to_owned();
    let names: Vec<_> = events.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(text, "| from | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for phase in phases() {
        let tried = u32::from(phase != Phase::None && !matches!(phase, Phase::UpForRetry(..)));
        let status = TaskStatus { phase, try_number: tried, losses: 0 };
        let cells = events.iter().map(|(_, event)| {
            decide(status, event, Millis(0)).map_or(String::new(), |transition| transition.next.state().to_string())
        });
        let _ = writeln!(text, "| **{}** | {} |", status.state(), cells.collect::<Vec<_>>().join(" | "));
    }
    text + &classes()
}

fn classes() -> String {
    let mut text = "\n## What a failed attempt does\n\n| class | what follows |\n|---|---|\n".to_owned();
    for class in ErrorClass::ALL {
        let follows = match class.verdict() {
            Verdict::Retry => "another try, if the task has one left",
            Verdict::Fail => "the task instance fails",
            Verdict::Requeue => "the same try again",
        };
        let _ = writeln!(text, "| {} | {follows} |", class.code());
    }
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "accepting a snapshot is asked for on the command line")]
fn the_document_shows_the_rules() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/TRANSITIONS.md");
    if std::env::var_os("FLOW_ACCEPT").is_some() {
        std::fs::write(file, table()).expect("docs/ can be written");
    }
    let shown = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(shown, table(), "docs/TRANSITIONS.md is not what `decide` says; accept it with FLOW_ACCEPT=1");
}
