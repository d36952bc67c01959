//! Where the keys of an installation come from: what the operator hands in, or files in the data directory.

use std::path::{Path, PathBuf};

use flow_model::ids::JobId;
use flow_model::time::{Clock, Entropy};

use crate::clock::random;
use crate::data_dir::DataDir;
use crate::errors::Failure;
use crate::settings::{FORMER_MASTER_KEYS, MASTER_KEY, MASTER_KEY_FILE, MasterKey, MasterKeys, Settings};

/// The file of the master key in a data directory.
pub(crate) const MASTER_KEY_NAME: &str = "master-key";
const CACHE_KEY_NAME: &str = "cache-key";
const INSTANCE_NAME: &str = "instance";

/// The master keys that the operator hands in.
#[derive(Default)]
pub(crate) struct Given {
    /// The present one; without it, that of the data directory.
    pub(crate) present: Option<MasterKey>,
    /// Those before it.
    pub(crate) former: Vec<[u8; 32]>,
}

impl Given {
    /// What the settings say: the present key by value or by file.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failure> {
        let file = settings.find::<PathBuf>(&MASTER_KEY_FILE)?;
        let present = match (settings.find(&MASTER_KEY)?, file) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage("both `master_key` and `master_key_file` are set").hint("keep one"));
            }
            (Some(key), None) => Some(key),
            (None, Some(file)) => Some(read(&file)?),
            (None, None) => None,
        };
        let former: MasterKeys = settings.find(&FORMER_MASTER_KEYS)?.unwrap_or_default();
        Ok(Self { present, former: former.0.into_iter().map(|key| key.0).collect() })
    }
}

/// The master key in a file.
pub(crate) fn read(file: &Path) -> Result<MasterKey, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("the master key {} cannot be read: {error}", file.display())))?;
    parse(&text, file)
}

/// The data directory's own master key, made at its first use.
pub(crate) fn own(dir: &DataDir, entropy: &Entropy) -> Result<MasterKey, Failure> {
    parse(&dir.text(MASTER_KEY_NAME, || fresh(entropy))?, &dir.path().join(MASTER_KEY_NAME))
}

/// The key under which compiled code in the data directory is sealed.
pub(crate) fn cache(dir: &DataDir, entropy: &Entropy) -> Result<[u8; 32], Failure> {
    Ok(parse(&dir.text(CACHE_KEY_NAME, || fresh(entropy))?, &dir.path().join(CACHE_KEY_NAME))?.0)
}

/// The id of the installation in the data directory.
pub(crate) fn instance(dir: &DataDir, clock: &Clock, entropy: &Entropy) -> Result<JobId, Failure> {
    let text = dir.text(INSTANCE_NAME, || format!("{}\n", JobId::mint(clock(), random(entropy))))?;
    text.trim().parse().map_err(|_| damaged(&dir.path().join(INSTANCE_NAME), "an id"))
}

fn fresh(entropy: &Entropy) -> String {
    format!("{:x}\n", MasterKey(random(entropy)))
}

fn parse(text: &str, file: &Path) -> Result<MasterKey, Failure> {
    text.parse().map_err(|_| damaged(file, MASTER_KEY.accepts))
}

fn damaged(file: &Path, accepted: &str) -> Failure {
    Failure::usage(format!("{} does not hold {accepted}", file.display())).hint("restore the file from a backup")
}
