//! Where a test keeps its files: a directory that goes with it, and one that keeps compiled code for the next time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use crate::data_dir::DataDir;

/// How many compiled components are kept.
const KEPT: usize = 32;

/// The files of one test.
pub(super) struct Scratch {
    /// The database's own, gone with the test.
    passing: TempDir,
    /// Where compiled code is.
    pub(super) compiled: DataDir,
}

impl Scratch {
    /// Makes room for a test. Compiled code outlives it below `cache`, if that can be used: then the same component starts
    /// at once the next time. Tests that run at the same time have directories of their own there.
    pub(super) fn new(cache: Option<&Path>) -> Result<Self> {
        let passing = tempfile::Builder::new().prefix("flow-host-test-").tempdir()?;
        let lasting = cache.and_then(|base| DataDir::open_one_of(base, "test").ok());
        let compiled = match lasting {
            Some(dir) => {
                thin_out(dir.path());
                dir
            }
            None => DataDir::open(&passing.path().join("compiled"))?,
        };
        Ok(Self { passing, compiled })
    }

    /// The database's file.
    pub(super) fn database(&self) -> PathBuf {
        self.passing.path().join("flow.db")
    }
}

/// Where programs keep what they can make again, by the user's own word or by custom.
#[expect(clippy::disallowed_methods, reason = "this is the edge where the environment is read")]
pub(super) fn cache_home() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    Some(named.or_else(home)?.join("flow-host"))
}

/// Removes the oldest compiled components; what cannot be removed stays.
fn thin_out(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir.join("compiled")) else { return };
    let dated = entries.flatten().filter_map(|entry| {
        let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((about.modified().ok()?, entry.path()))
    });
    let mut files: Vec<_> = dated.collect();
    files.sort();
    let surplus = files.len().saturating_sub(KEPT);
    for (_, path) in files.into_iter().take(surplus) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_code_outlives_the_test_and_nothing_else_does() {
        let cache = tempfile::tempdir().expect("a folder can be made");
        let first = Scratch::new(Some(cache.path())).expect("there is room");
        let second = Scratch::new(Some(cache.path())).expect("there is room");
        assert_eq!(first.compiled.path(), cache.path().join("test-1"));
        assert_eq!(second.compiled.path(), cache.path().join("test-2"));
        let database = first.database();
        fs::write(&database, "rows").expect("it can be written");
        drop(first);
        assert!(!database.exists() && cache.path().join("test-1").exists());
    }

    #[test]
    fn a_cache_that_cannot_be_used_is_done_without() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("it can be written");
        for cache in [None, Some(file.as_path())] {
            let scratch = Scratch::new(cache).expect("there is room");
            assert!(scratch.compiled.path().starts_with(scratch.passing.path()));
        }
    }

    #[test]
    fn only_so_many_compiled_components_are_kept() {
        let cache = tempfile::tempdir().expect("a folder can be made");
        let compiled = cache.path().join("test-1/compiled");
        drop(Scratch::new(Some(cache.path())).expect("there is room"));
        fs::create_dir_all(compiled.join("quarantine")).expect("it can be made");
        for number in 0..KEPT + 3 {
            fs::write(compiled.join(format!("{number}.cwasm")), "code").expect("it can be written");
        }
        drop(Scratch::new(Some(cache.path())).expect("there is room"));
        assert_eq!(fs::read_dir(&compiled).expect("it can be read").count(), KEPT + 1);
    }
}
