//! `docs/TRANSITIONS.md` shows what the model says, state by state and event by event.

use std::fmt::Write as _;
use std::time::Duration;

use flow_model::dag::HumanInputSpec;
use flow_model::ids::AttemptId;
use flow_model::state::{Admission, Phase, RetryPolicy, TaskEvent, TaskStatus, Terminal, decide};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, DeferTrigger, Deferral, ErrorClass, Failure, Verdict};

const HEAD: &str = "# What may follow what

Generated from `flow_model::state::decide` by `host/model/tests/transitions.rs`; run that test with `FLOW_ACCEPT=1` to
accept a change. A row is the state a task instance is in, a column what happens to it, a cell the state it is in
afterwards. An empty cell is refused: whoever sent the event acts on an old picture. A dot changes nothing. Airflow's
`restarting` is a name only: what is cleared while it runs is fenced at once.
";

fn attempt(byte: u8) -> AttemptId {
    AttemptId::mint(Millis(0), [byte; 10])
}

fn failure(class: ErrorClass) -> AttemptEnd {
    AttemptEnd::Failed(Failure { class, message: String::new(), location: None })
}

fn phases() -> Vec<Phase> {
    let own = attempt(1);
    let mut phases = vec![
        Phase::None,
        Phase::Scheduled,
        Phase::Queued(own),
        Phase::Running(own),
        Phase::UpForRetry(own, Millis(9)),
        Phase::UpForReschedule(own, Millis(9)),
        Phase::Deferred(own),
        Phase::AwaitingInput(own),
    ];
    phases.extend(Terminal::ALL.map(Phase::Ended));
    phases
}

type Column<'a> = (&'a str, TaskEvent<'a>);

fn upstream_and_slots() -> Vec<Column<'static>> {
    let new = attempt(2);
    vec![
        ("rule met, slot free", TaskEvent::Released(Admission::Offered(new))),
        ("rule met, no slot", TaskEvent::Released(Admission::Held)),
        ("rule met, host waits", TaskEvent::Released(Admission::Waits(new))),
        ("rule met, person asked", TaskEvent::Released(Admission::Asks(new))),
        ("rule met, nothing to run", TaskEvent::Released(Admission::Done(Terminal::Success))),
        ("rule says skip", TaskEvent::Ruled(Terminal::Skipped)),
        ("rule says fail", TaskEvent::Ruled(Terminal::UpstreamFailed)),
        ("slot free", TaskEvent::Admitted(new)),
        ("pause over, slot free", TaskEvent::Due(Admission::Offered(new))),
        ("pause over, no slot", TaskEvent::Due(Admission::Held)),
        ("resumed", TaskEvent::Resumed { attempt: attempt(1), admission: Admission::Offered(new) }),
        ("resumed, no slot", TaskEvent::Resumed { attempt: attempt(1), admission: Admission::Held }),
    ]
}

fn ends() -> Vec<(&'static str, AttemptEnd, u32)> {
    let trigger = DeferTrigger::Guest { trigger: String::new(), kwargs: String::new() };
    let deferral = Deferral { trigger, resume_key: String::new(), timeout_ms: None };
    let form = Box::new(HumanInputSpec::default());
    vec![
        ("success", AttemptEnd::Success { value: None }, 1),
        ("skip", AttemptEnd::Skipped { reason: String::new() }, 1),
        ("deferral", AttemptEnd::Deferred(deferral), 1),
        ("reschedule", AttemptEnd::Reschedule { at: Millis(9) }, 1),
        ("question", AttemptEnd::AwaitingInput { form, resume_key: None }, 1),
        ("failure, tries left", failure(ErrorClass::Error), 2),
        ("failure, last try", failure(ErrorClass::Error), 1),
        ("failure for good", failure(ErrorClass::Fatal), 2),
        ("worker lost", failure(ErrorClass::Lost), 1),
    ]
}

fn from_outside() -> Vec<Column<'static>> {
    vec![
        ("run stopped", TaskEvent::Stopped),
        ("run timed out", TaskEvent::TimedOut),
        ("fail_fast", TaskEvent::FailedFast),
        ("cleared", TaskEvent::Cleared),
        ("marked", TaskEvent::Marked(Terminal::Success)),
        ("removed", TaskEvent::Removed),
        ("restored", TaskEvent::Restored),
    ]
}

fn section(title: &str, columns: &[Column<'_>]) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("\n## {title}\n\n| from | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for phase in phases() {
        let is_new = matches!(phase, Phase::None | Phase::UpForRetry(..));
        let status = TaskStatus { phase, try_number: u32::from(!is_new), losses: 0 };
        let cells = columns.iter().map(|(_, event)| match decide(status, event, Millis(0)) {
            Ok(transition) if transition.next == status => "·".to_owned(),
            Ok(transition) => transition.next.state().to_string(),
            Err(_) => String::new(),
        });
        let _ = writeln!(text, "| **{}** | {} |", status.state(), cells.collect::<Vec<_>>().join(" | "));
    }
    text
}

fn table() -> String {
    let ends = ends();
    let finished = ends.iter().map(|(name, end, max_tries)| {
        let retry = RetryPolicy { max_tries: *max_tries, delay: Duration::from_secs(1), again: true };
        (*name, TaskEvent::Finished { attempt: attempt(1), end, next: attempt(2), retry })
    });
    let attempts: Vec<_> =
        [("start", TaskEvent::Started(attempt(1))), ("start of an old attempt", TaskEvent::Started(attempt(7)))]
            .into_iter()
            .chain(finished)
            .collect();
    [
        HEAD.to_owned(),
        section("What its upstream, its slots and its waits bring", &upstream_and_slots()),
        section("What its attempts report", &attempts),
        section("What happens to it from outside", &from_outside()),
        classes(),
    ]
    .concat()
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
