//! How answers are shown: as a table for people, as JSON, YAML or tab-separated lines for programs.

mod progress;
mod table;
mod visible;

use std::io::{self, Write as _};

use clap::ValueEnum;
use serde_json::Value;

pub(crate) use progress::Progress;
pub(crate) use table::text;
pub(crate) use visible::{json_line, visible, visible_lines};

/// The fields of a list's entries that a table shows, as `field` or `field.inner`.
pub(crate) type Columns = &'static [&'static str];

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people.
    #[default]
    Table,
    /// JSON with every field that the server sent.
    Json,
    /// The same as YAML.
    Yaml,
    /// One line per entry, its columns separated by tabs.
    Plain,
}

/// What a command has to say when it is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The entries of a list.
    Rows(Vec<Value>, Columns),
    /// One thing with these of its fields; with all that it has, if none is named.
    Object(Value, Columns),
    /// A text that matters as it is, and for JSON and YAML what it is a part of.
    Text(String, Value),
    /// A line for people, and for JSON and YAML what the server said.
    Done(String, Value),
    /// Everything has been shown already.
    Shown,
}

/// What the two output streams are connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Standard output is a terminal that shows colours, and the user did not set `NO_COLOR`.
    pub(crate) colour: bool,
    /// Standard output is a terminal: tables fit its width, and text is made harmless.
    pub(crate) terminal: bool,
    /// Standard error is a terminal: progress may move.
    pub(crate) lively: bool,
    /// The terminal's width in columns, where there is one.
    pub(crate) width: Option<u16>,
}

impl Look {
    /// What this process is connected to.
    pub(crate) fn of_process() -> Self {
        let out = console::Term::stdout();
        let terminal = out.is_term();
        Self {
            colour: terminal && console::colors_enabled(),
            terminal,
            lively: console::Term::stderr().is_term(),
            width: out.size_checked().map(|(_rows, columns)| columns).filter(|_| terminal),
        }
    }
}

/// Shows answers in one form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    /// The form asked for.
    pub(crate) format: Format,
    /// Where it goes.
    pub(crate) look: Look,
}

impl Printer {
    /// Writes the answer to standard output.
    pub(crate) fn show(self, answer: &Answer) -> io::Result<()> {
        if let (Answer::Rows(rows, _), Format::Table) = (answer, self.format)
            && rows.is_empty()
        {
            eprintln!("nothing found");
            return Ok(());
        }
        print(&self.render(answer))
    }

    fn render(self, answer: &Answer) -> String {
        let whole = match answer {
            Answer::Rows(rows, columns) => match self.format {
                Format::Table => return table::rows(rows, columns, self.look),
                Format::Plain => return table::lines(rows, columns),
                Format::Json | Format::Yaml => &Value::Array(rows.clone()),
            },
            Answer::Object(object, columns) => match self.format {
                Format::Table => return table::fields(object, columns, self.look),
                Format::Plain => return table::field_lines(object, columns),
                Format::Json | Format::Yaml => object,
            },
            Answer::Text(text, whole) => match self.format {
                Format::Table | Format::Plain if self.look.terminal => return visible_lines(text) + "\n",
                Format::Table | Format::Plain => return format!("{text}\n"),
                Format::Json | Format::Yaml => whole,
            },
            Answer::Done(line, whole) => match self.format {
                Format::Table | Format::Plain => return visible(line).into_owned() + "\n",
                Format::Json | Format::Yaml => whole,
            },
            Answer::Shown => return String::new(),
        };
        if self.format == Format::Yaml { visible::yaml(whole) } else { visible::json(whole) + "\n" }
    }
}

/// Writes text to standard output at once. A reader who has gone away, such as `head`, is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
