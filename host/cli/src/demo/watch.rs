//! Watches runs until they have ended: moving bars on a terminal, a line for every step elsewhere.

use std::time::Duration;

use anyhow::Result;
use flow_model::state::{RunState, TaskInstanceState};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::interval;

use super::member::{Member, Triggered};
use crate::output::Look;

/// How often to look.
const PACE: Duration = Duration::from_millis(100);
const BAR: &str = "{prefix:16} {bar:24} {pos}/{len} {msg}";

/// Shows how several runs go on at the same time.
pub(super) struct Board {
    bars: Option<MultiProgress>,
}

impl Board {
    /// A board for what this process is connected to.
    pub(super) fn new(look: Look) -> Self {
        Self { bars: look.lively.then(MultiProgress::new) }
    }

    /// Follows one run to its end and says how it ended.
    pub(super) async fn follow(&self, member: &Member, triggered: &Triggered) -> Result<RunState> {
        let line = self.line(format!("{}/{}", member.tenant.name, triggered.run.dag));
        let mut pace = interval(PACE);
        loop {
            pace.tick().await;
            // The run before its tasks: when it has ended, so have they.
            let run = member.run(triggered).await?;
            let state = run["state"].as_str().and_then(RunState::from_name).unwrap_or(RunState::Queued);
            line.show(&Counted::of(&member.tasks(triggered).await?), state);
            if state.is_terminal() {
                return Ok(state);
            }
        }
    }

    fn line(&self, name: String) -> Line {
        let Some(bars) = &self.bars else { return Line::Plain(name, std::cell::Cell::default()) };
        let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
        Line::Bar(bars.add(ProgressBar::new(0).with_style(style).with_prefix(name)))
    }
}

/// One run on the board.
enum Line {
    Bar(ProgressBar),
    /// The run's name and what was last said of it.
    Plain(String, std::cell::Cell<Counted>),
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    all: usize,
    ended: usize,
    running: usize,
    retrying: usize,
}

impl Counted {
    fn of(tasks: &[Value]) -> Self {
        let mut counted = Self { all: tasks.len(), ..Self::default() };
        for task in tasks {
            match task["state"].as_str().and_then(TaskInstanceState::from_name) {
                Some(TaskInstanceState::Running) => counted.running += 1,
                Some(TaskInstanceState::UpForRetry) => counted.retrying += 1,
                Some(state) if state.terminal().is_some() => counted.ended += 1,
                Some(_) | None => {}
            }
        }
        counted
    }
}

impl Line {
    fn show(&self, counted: &Counted, state: RunState) {
        let Counted { all, ended, running, retrying } = *counted;
        let now = match (state.is_terminal(), running, retrying) {
            (true, _, _) | (false, 0, 0) => state.to_string(),
            (false, _, 0) => format!("{running} running"),
            (false, _, _) => format!("{running} running, {retrying} to be tried again"),
        };
        match self {
            Self::Bar(bar) => {
                bar.set_length(all as u64);
                bar.set_position(ended as u64);
                bar.set_message(now);
                if state.is_terminal() {
                    bar.abandon();
                }
            }
            Self::Plain(name, said) => {
                if said.replace(*counted) != *counted || state.is_terminal() {
                    eprintln!("{name}: {ended} of {all} tasks ended, {now}");
                }
            }
        }
    }
}
