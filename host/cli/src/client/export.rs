//! Writes what `export` collects to a file in the form that `import` reads.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Map, Value, json};

use super::input;
use crate::output::Answer;

/// Where to write.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The file: YAML if it ends in .yaml or .yml, JSON otherwise; `-` for standard output
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// Writes the entries, readable by their owner alone.
pub(crate) fn write(args: ExportArgs, what: &str, entries: Map<String, Value>) -> Result<Answer> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let ExportArgs { file } = args;
    let count = entries.len();
    let whole = Value::Object(entries);
    if file == Path::new("-") {
        return Ok(Answer::Text(format!("{whole:#}"), whole));
    }
    let text = if input::is_yaml(&file) { serde_yaml_ng::to_string(&whole)? } else { format!("{whole:#}\n") };
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Answer::Done(format!("exported {count} {what} to {}", file.display()), json!({ "exported": count })))
}
