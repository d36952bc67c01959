//! Cuts a stream of bytes into lines of bounded length.

use flow_model::call::limit::LOG_MESSAGE;

/// The beginning of a line that has not ended yet: at most [`LOG_MESSAGE`] bytes.
#[derive(Default)]
pub(crate) struct LineBuffer(Vec<u8>);

impl LineBuffer {
    /// Takes `bytes` and hands out each line that ends in them. A line that is too long is cut, between characters.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(String)) {
        while !bytes.is_empty() {
            let room = LOG_MESSAGE - self.0.len();
            let window = &bytes[..bytes.len().min(room + 1)];
            if let Some(end) = window.iter().position(|&byte| byte == b'\n') {
                self.0.extend_from_slice(&bytes[..end]);
                line(text(&self.0));
                self.0.clear();
                bytes = &bytes[end + 1..];
            } else if bytes.len() > room {
                self.0.extend_from_slice(&bytes[..room]);
                bytes = &bytes[room..];
                let whole = whole_characters(&self.0);
                line(text(&self.0[..whole]));
                self.0.drain(..whole);
            } else {
                self.0.extend_from_slice(bytes);
                return;
            }
        }
    }

    /// What was written after the last line end.
    pub(crate) fn take_partial(&mut self) -> Option<String> {
        let partial = std::mem::take(&mut self.0);
        (!partial.is_empty()).then(|| text(&partial))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The length of `bytes` without a character that was cut at its end.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(writes: &[&[u8]]) -> Vec<String> {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for bytes in writes {
            buffer.feed(bytes, |line| lines.push(line));
        }
        lines.extend(buffer.take_partial());
        lines
    }

    #[test]
    fn lines_end_where_the_guest_ends_them_however_it_writes() {
        assert_eq!(cut(&[b"a\nb", b"c\n\nd"]), ["a", "bc", "", "d"]);
        assert_eq!(cut(&[b"a", b"\n"]), ["a"]);
    }

    #[test]
    fn a_line_of_exactly_the_limit_stays_one_line() {
        let mut full = vec![b'x'; LOG_MESSAGE];
        full.push(b'\n');
        assert_eq!(cut(&[&full]).len(), 1);
        assert_eq!(cut(&[&full[..LOG_MESSAGE], b"\n"]).len(), 1);
        assert_eq!(cut(&[&full[..LOG_MESSAGE], b"y\n"]), [&"x".repeat(LOG_MESSAGE), "y"]);
    }

    #[test]
    fn a_cut_falls_between_characters() {
        let mut bytes = vec![b'x'; LOG_MESSAGE - 1];
        bytes.extend("é!\n".as_bytes());
        assert_eq!(cut(&[&bytes]), ["x".repeat(LOG_MESSAGE - 1), "é!".to_owned()]);
    }

    #[test]
    fn what_is_not_utf_8_is_replaced_not_dropped() {
        assert_eq!(cut(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }
}
