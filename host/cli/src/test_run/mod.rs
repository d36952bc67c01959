//! `flow-host test`: runs a whole DAG in memory, with time skipped where nothing runs, and checks what comes of it.

mod answers;
mod args;
mod clock;
mod expect;
mod given;
mod hurry;
mod junit;
mod outcome;
mod play;
mod report;
mod scratch;
mod span;
mod stage;
mod verdict;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use flow_model::ids::{DagId, ModuleName, TaskId};

pub(crate) use self::args::TestArgs;
use self::expect::Expectation;
use self::given::Given;
use self::outcome::Outcome;
use self::play::Bounds;
use self::scratch::{Scratch, cache_home};
use self::stage::Stage;
use crate::errors::Failure;
use crate::output::{Format, Look, Printer, Progress, visible};
use crate::settings::{Flags, ForTest, Settings};
use crate::{logging, runtime, signals};

/// A test as it was asked for, with everything read that it names.
struct Test {
    module: ModuleName,
    component: Bytes,
    dag: DagId,
    given: Given,
    expectations: Vec<Expectation>,
    bounds: Bounds,
    junit: Option<PathBuf>,
    printer: Printer,
}

/// Runs the test. That something is not as expected is a failure of the command.
pub(crate) fn run(args: TestArgs, config: Option<&Path>) -> Result<()> {
    let (test, flags) = Test::of(args)?;
    let settings = Settings::of_process(flags, config)?;
    logging::start_quietly(&settings)?;
    runtime::block_on(async {
        let interrupted = signals::shutdown()?;
        tokio::select! {
            outcome = test.run(&settings) => outcome,
            () = interrupted.cancelled() => Err(Failure::failed("the test was interrupted").into()),
        }
    })
}

impl Test {
    fn of(args: TestArgs) -> Result<(Self, Flags<ForTest>)> {
        let TestArgs { file, dag, given, expect, expect_state, max_time, max_real_time, junit, output, flags } = args;
        let (module, component) = given::component(&file)?;
        let test = Self {
            module,
            component,
            dag,
            given: Given::read(given)?,
            expectations: expect.into_iter().chain(expect_state).collect(),
            bounds: Bounds { own: max_time, real: max_real_time },
            junit,
            printer: Printer { format: output, look: Look::of_process() },
        };
        Ok((test, flags))
    }

    async fn run(self, settings: &Settings) -> Result<()> {
        let stage = Stage::open(Scratch::new(cache_home().as_deref())?, settings).await?;
        let outcome = Box::pin(self.play(&stage)).await;
        stage.close().await?;
        self.show(&outcome?)
    }

    /// Uploads the component and plays the run.
    async fn play(&self, stage: &Stage) -> Result<Outcome> {
        let progress = Progress::spinner(self.printer.look);
        progress.say(&format!("running `{}` of `{}`", self.dag, self.module));
        stage.provide(&self.given).await?;
        let module = stage.upload(&self.module, self.component.clone()).await?;
        for warning in &module.warnings {
            eprintln!("warning: {}", visible(warning));
        }
        self.check_dag(&module.dags)?;
        self.check_tasks(&stage.tasks(&self.dag).await?)?;
        stage.release(&module.dags).await?;
        Box::pin(play::play(stage, &self.dag, &self.given, &self.bounds)).await
    }

    fn show(&self, outcome: &Outcome) -> Result<()> {
        let verdicts = verdict::judge(&self.expectations, outcome);
        report::show(self.printer, outcome, &verdicts)?;
        if let Some(file) = &self.junit {
            let document = junit::document(outcome, &verdicts)?;
            std::fs::write(file, document).with_context(|| format!("cannot write {}", file.display()))?;
        }
        match report::summary(&verdicts) {
            None => Ok(()),
            Some(summary) => Err(self.advise(Failure::failed(summary)).into()),
        }
    }

    /// Where there is more to see than what was shown.
    fn advise(&self, failure: Failure) -> Failure {
        match self.printer.format {
            Format::Table => failure.hint("-o json shows everything that came of the run"),
            Format::Json | Format::Yaml | Format::Plain => failure,
        }
    }

    fn check_dag(&self, dags: &[DagId]) -> Result<(), Failure> {
        if dags.contains(&self.dag) {
            return Ok(());
        }
        let names: Vec<String> = dags.iter().map(|dag| format!("`{dag}`")).collect();
        Err(Failure::usage(format!("`{}` has no DAG `{}`", self.module, self.dag))
            .hint(format!("its DAGs are {}", names.join(", "))))
    }

    /// Nothing is said of tasks that are not there, so that no check passes by mistake.
    fn check_tasks(&self, tasks: &[TaskId]) -> Result<(), Failure> {
        let answered = self.given.answers.iter().map(|given| &given.which.task);
        let mut named = self.expectations.iter().filter_map(Expectation::task).chain(answered);
        let Some(unknown) = named.find(|task| !tasks.contains(task)) else { return Ok(()) };
        let names: Vec<String> = tasks.iter().map(|task| format!("`{task}`")).collect();
        Err(Failure::usage(format!("`{}` has no task `{unknown}`", self.dag))
            .hint(format!("its tasks are {}", names.join(", "))))
    }
}
