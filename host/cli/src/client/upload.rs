//! `flow-host upload`: hands a component to the server and says what became of it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use flow_model::ids::{DagId, ModuleName};
use flow_model::rest::modules::UploadedModule;
use futures::StreamExt as _;
use reqwest::{Body, Method};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::call::{Call, at};
use super::session::{Session, Verb};
use crate::errors::Failure;
use crate::output::{Answer, Progress, visible};

/// How much of the file is read at once.
const CHUNK: usize = 64 << 10;

/// What to upload.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flow-host upload target/wasm32-wasip2/release/my_flow.wasm\n  flow-host upload my_flow.wasm --name sales"
)]
pub(crate) struct UploadArgs {
    /// The component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The module's name; the file's name without its ending if left out
    #[arg(long, value_name = "NAME")]
    name: Option<ModuleName>,
}

impl Verb for UploadArgs {
    async fn run(self, session: &Session) -> Result<Answer> {
        let name = match self.name {
            Some(name) => name,
            None => name_of(&self.file)?,
        };
        let (file, length) = open(&self.file).await?;
        let progress = Progress::transfer(session.printer.look, length);
        progress.say(&format!("uploading {} as `{name}`", self.file.display()));
        let whole = {
            let chunks = ReaderStream::with_capacity(file, CHUNK);
            let counted =
                chunks.inspect(move |chunk| progress.passed(chunk.as_ref().map_or(0, |bytes| bytes.len() as u64)));
            let call = Call { method: Method::POST, path: at!["modules", name], query: Vec::new(), body: None };
            session.client.upload(call, "application/wasm", length, Body::wrap_stream(counted)).await?
        };
        let module: UploadedModule = serde_json::from_value(whole.clone())
            .map_err(|_| Failure::failed("the server's answer does not say what became of the upload"))?;
        for warning in &module.warnings {
            eprintln!("warning: {}", visible(warning));
        }
        let dags: Vec<&str> = module.dags.iter().map(DagId::as_str).collect();
        Ok(Answer::Done(format!("module `{}` version {}: {}", module.name, module.version, dags.join(", ")), whole))
    }
}

async fn open(path: &Path) -> Result<(File, u64)> {
    let cannot = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).await.map_err(cannot)?;
    let about = file.metadata().await.map_err(cannot)?;
    if about.is_dir() {
        let hint = "upload the .wasm file that the build left in target/wasm32-wasip2/release";
        return Err(Failure::usage(format!("{} is a folder", path.display())).hint(hint).into());
    }
    Ok((file, about.len()))
}

fn name_of(file: &Path) -> Result<ModuleName> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.parse().map_err(|error| Failure::usage(format!("{error}")).hint("name the module with --name").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_after_its_file() {
        let name = name_of(Path::new("target/release/my_flow.wasm")).expect("it is a name");
        assert_eq!(name.as_str(), "my_flow");
        assert!(name_of(Path::new("my flow.wasm")).is_err());
        assert!(name_of(Path::new("..")).is_err());
    }
}
