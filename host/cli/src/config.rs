//! `flow-host config show`: what the process would be told, and by whom.

use crate::output::{Answer, Format, Look, Printer};
use crate::settings::{ALL, Settings};

/// Shows every setting with its value and where it came from. Secrets are masked.
pub(crate) fn show(settings: &Settings, format: Format) -> anyhow::Result<()> {
    let rows = ALL.iter().map(|setting| {
        serde_json::json!({
            "setting": setting.key,
            "value": settings.shown(setting),
            "from": settings.source(setting).map(ToString::to_string),
        })
    });
    let printer = Printer { format, look: Look::of_process() };
    Ok(printer.show(&Answer::Rows(rows.collect(), &["setting", "value", "from"]))?)
}
