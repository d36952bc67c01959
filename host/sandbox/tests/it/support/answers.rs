//! What hand-written guests return, laid out in their memory as the component model's canonical ABI has it.

use std::fmt::Write as _;

use super::guests::Wat;

/// Where answers are, and what `tasks.run` of a [`Wat`] returns unless it says otherwise.
const AT: usize = 64;
/// Where the texts are that they point to, beyond what the host hands over.
const TEXTS: usize = 16_384;

/// A part of an answer.
pub(crate) enum Part<'a> {
    /// The number of a variant's case, a flag, or whether an option is there.
    Case(u8),
    /// 64 bits.
    Number(i64),
    /// A text.
    Text(&'a str),
    /// A list of texts.
    Texts(&'a [&'a str]),
}

use Part::{Case, Number, Text, Texts};

/// The functions of optional interfaces: their names and the parameters of their core functions.
const POLL: (&str, &str) = ("triggers", "#poll\") (param i32 i32 i32 i32)");
const NEXT: (&str, &str) = ("timetables", "#next\") (param i32 i32 i32 i32 i32 i64 i64 i32 i64 i32 i64 i32)");
const RUN: (&str, &str) = ("callbacks", "#run\") (param i32 i32 i32 i32 i32 i32)");
const DECIDE: (&str, &str) = ("retry-policies", "#decide\") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)");

/// A guest whose function is `body`, which leaves the address of its answer.
fn exporting((interface, function): (&str, &str), body: &str, data: &str) -> Wat {
    let rest = format!("(func (export \"flow:host/{interface}@0.1.0{function} (result i32) {body}) {data}");
    Wat { rest: rest.leak(), wit: ("", format!("export {interface};").leak()), ..Wat::default() }
}

/// A guest whose trigger is `body`.
pub(crate) fn trigger(body: &str) -> Wat {
    exporting(POLL, body, "")
}

/// A guest whose timetable is `body`.
pub(crate) fn timetable(body: &str) -> Wat {
    exporting(NEXT, body, "")
}

/// A guest whose callback is `body`.
pub(crate) fn callback(body: &str) -> Wat {
    exporting(RUN, body, "")
}

/// A guest whose trigger answers so.
pub(crate) fn polled(answer: &[(usize, Part<'_>)]) -> Wat {
    exporting(POLL, "(i32.const 64)", &data(answer))
}

/// A guest whose timetable answers so.
pub(crate) fn scheduled(answer: &[(usize, Part<'_>)]) -> Wat {
    exporting(NEXT, "(i32.const 64)", &data(answer))
}

/// A guest whose callback answers so.
pub(crate) fn called_back(answer: &[(usize, Part<'_>)]) -> Wat {
    exporting(RUN, "(i32.const 64)", &data(answer))
}

/// A guest whose task answers so.
pub(crate) fn returned(answer: &[(usize, Part<'_>)]) -> Wat {
    Wat { rest: data(answer).leak(), ..Wat::default() }
}

/// A guest whose task ends as `run` says and whose retry policy is `decide`, which may answer what is laid out from
/// address 128 on.
pub(crate) fn with_policy(failure: &[(usize, Part<'_>)], decide: &str, answer: &[(usize, Part<'_>)]) -> Wat {
    let moved = answer.iter().map(|(offset, part)| (offset + 64, part));
    let all = failure.iter().map(|(offset, part)| (*offset, part)).chain(moved);
    exporting(DECIDE, decide, &lay_out(all))
}

fn data(answer: &[(usize, Part<'_>)]) -> String {
    lay_out(answer.iter().map(|(offset, part)| (*offset, part)))
}

/// The answer as data segments.
fn lay_out<'a>(answer: impl Iterator<Item = (usize, &'a Part<'a>)>) -> String {
    let mut layout = Layout { segments: String::new(), texts: TEXTS };
    for (offset, part) in answer {
        let at = AT + offset;
        match part {
            Case(case) => layout.put(at, &[*case]),
            Number(number) => layout.put(at, &number.to_le_bytes()),
            Text(text) => layout.put_text(at, text),
            Texts(list) => {
                // The texts of every test here fit before it.
                let elements = TEXTS + 2048;
                layout.put(at, &slice(elements, list.len()));
                list.iter().enumerate().for_each(|(index, text)| layout.put_text(elements + 8 * index, text));
            }
        }
    }
    layout.segments
}

struct Layout {
    segments: String,
    /// Where the next text goes.
    texts: usize,
}

impl Layout {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        let segments = &mut self.segments;
        write!(segments, "(data (i32.const {at}) \"").expect("memory");
        bytes.iter().try_for_each(|byte| write!(segments, "\\{byte:02x}")).expect("memory");
        segments.push_str("\")\n");
    }

    fn put_text(&mut self, at: usize, text: &str) {
        self.put(self.texts, text.as_bytes());
        self.put(at, &slice(self.texts, text.len()));
        self.texts += text.len().next_multiple_of(8);
    }
}

/// An address and a length.
fn slice(address: usize, length: usize) -> [u8; 8] {
    let word = |number: usize| u32::try_from(number).expect("it is small").to_le_bytes();
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&word(address));
    bytes[4..].copy_from_slice(&word(length));
    bytes
}
