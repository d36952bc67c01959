//! Finds, in the end of a guest's stderr, what it said before it died.

use flow_model::work::SourceLocation;

/// A Rust panic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panic {
    /// What went wrong.
    pub(crate) message: String,
    /// Where.
    pub(crate) location: Option<SourceLocation>,
}

/// The last line that says anything.
pub(crate) fn last_line(stderr: &str) -> Option<&str> {
    stderr.lines().rev().find(|line| !line.trim().is_empty())
}

/// `thread 'main' panicked at src/lib.rs:1:2:` on one line, the message on the next ones, then a hint.
pub(crate) fn panic(stderr: &str) -> Option<Panic> {
    let (before, rest) = stderr.rsplit_once(" panicked at ")?;
    if !before.lines().next_back()?.starts_with("thread ") {
        return None;
    }
    let (place, message) = rest.split_once(":\n")?;
    let message = message.split("\nnote: run with").next()?.trim_end();
    Some(Panic { message: format!("panicked at {place}: {message}"), location: location(place) })
}

fn location(place: &str) -> Option<SourceLocation> {
    let mut parts = place.rsplitn(3, ':');
    let _column = parts.next()?;
    let line = parts.next()?.parse().ok();
    Some(SourceLocation { file: parts.next()?.to_owned(), line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_panic_is_found_among_other_output() {
        let stderr = "warming up\n\nthread 'main' (1) panicked at src/lib.rs:12:9:\nindex out of bounds:\nlen is 3\n\
                      note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let expected = Panic {
            message: "panicked at src/lib.rs:12:9: index out of bounds:\nlen is 3".into(),
            location: Some(SourceLocation { file: "src/lib.rs".into(), line: Some(12) }),
        };
        assert_eq!(panic(stderr), Some(expected));
    }

    #[test]
    fn where_nothing_panicked_there_is_still_a_last_line() {
        assert_eq!(panic("Traceback:\nMemoryError\n\n"), None);
        assert_eq!(last_line("Traceback:\nMemoryError\n\n"), Some("MemoryError"));
        assert_eq!(last_line("\n"), None);
    }
}
