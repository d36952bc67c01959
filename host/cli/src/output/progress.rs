//! What happens while one waits: a moving line on a terminal, plain lines elsewhere. Always on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Look, visible};

/// Shows how something goes on.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For something of unknown length.
    pub(crate) fn spinner(look: Look) -> Self {
        let bar = look.lively.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar }
    }

    /// For a transfer of so many bytes.
    pub(crate) fn transfer(look: Look, bytes: u64) -> Self {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}");
        let bar = look.lively.then(|| match style {
            Ok(style) => ProgressBar::new(bytes).with_style(style),
            Err(_) => ProgressBar::new(bytes),
        });
        Self { bar }
    }

    /// Says what is happening now.
    pub(crate) fn say(&self, line: &str) {
        let line = visible(line).into_owned();
        match &self.bar {
            Some(bar) => bar.set_message(line),
            None => eprintln!("{line}"),
        }
    }

    /// Says how many bytes more have passed.
    pub(crate) fn passed(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
