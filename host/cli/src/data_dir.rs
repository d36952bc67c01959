//! The data directory: everything of a host that lies on disk, for its owner's eyes only, and used by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::errors::Failure;
use crate::private_file;

/// What a directory of ours can be told by, and what is locked.
const LOCK: &str = "lock";
const DATABASE: &str = "flow.db";
const ADMIN_TOKEN: &str = "admin-token";
/// How many of a mode's lowest bits say what others than the owner may do.
const GROUP_AND_OTHERS: u32 = 6;
const COMPILED: &str = "compiled";

/// A data directory that this process alone uses.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Held for as long as the directory is used; the kernel lets go of it however the process ends.
    _lock: File,
}

impl DataDir {
    /// Takes the directory, which is made if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        Self::try_open(path)?.ok_or_else(|| {
            Failure::failed(format!("the data directory {} is in use by another flow-host", path.display()))
                .hint("stop the other one, or give each its own with --data-dir")
        })
    }

    /// The first of `base/NAME-1`, `base/NAME-2`, … that no other process uses.
    pub(crate) fn open_one_of(base: &Path, name: &str) -> Result<Self, Failure> {
        make(base)?;
        for number in 1_u32.. {
            if let Some(dir) = Self::try_open(&base.join(format!("{name}-{number}")))? {
                return Ok(dir);
            }
        }
        unreachable!("no machine runs so many processes")
    }

    fn try_open(path: &Path) -> Result<Option<Self>, Failure> {
        make_private(path)?;
        let file = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file);
        let lock = lock.map_err(|error| unusable(path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(unusable(path, &error)),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The embedded database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Where compiled code is kept.
    pub(crate) fn compiled(&self) -> Result<Dir, Failure> {
        let path = self.path.join(COMPILED);
        make_private(&path)?;
        Dir::open_ambient_dir(&path, ambient_authority()).map_err(|error| unusable(&path, &error))
    }

    /// The text of a private file; written from `make` if there is none yet, so that it is the same from then on.
    pub(crate) fn text(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, Failure> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = make();
                private_file::write(&path, &text).map_err(|error| unusable(&path, &error))?;
                Ok(text)
            }
            Err(error) => Err(unusable(&path, &error)),
        }
    }

    /// Writes the platform administrator's token and says where.
    pub(crate) fn write_admin_token(&self, token: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(ADMIN_TOKEN);
        private_file::write(&path, &format!("{token}\n")).map_err(|error| unusable(&path, &error))?;
        Ok(path)
    }

    /// Whether the platform administrator's token was written before.
    pub(crate) fn has_admin_token(&self) -> bool {
        self.path.join(ADMIN_TOKEN).exists()
    }
}

/// Makes a directory if there is none.
fn make(path: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| unusable(path, &error))
}

/// Makes a directory that others cannot look into, or sees that an existing one is.
fn make_private(path: &Path) -> Result<(), Failure> {
    make(path)?;
    let mode = fs::metadata(path).map_err(|error| unusable(path, &error))?.permissions().mode();
    if mode.trailing_zeros() >= GROUP_AND_OTHERS {
        return Ok(());
    }
    // An empty directory was made for us; one with a lock file is ours already. Nobody else's is changed.
    let ours = path.join(LOCK).exists() || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if !ours {
        return Err(Failure::usage(format!("{} holds other files, and other users can read it", path.display()))
            .hint("give a directory of its own with --data-dir"));
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{} cannot be used: {error}", path.display()))
        .hint("give a directory that you can write to with --data-dir")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn it_is_private_and_has_one_user() {
        let parent = tempfile::tempdir().expect("a folder can be made");
        let path = parent.path().join("deep/data");
        let first = DataDir::open(&path).expect("it can be made");
        assert_eq!(mode(&path), 0o700);
        let refusal = DataDir::open(&path).expect_err("it is in use").to_string();
        assert!(refusal.ends_with("is in use by another flow-host"), "{refusal}");
        drop(first);
        DataDir::open(&path).expect("it is free again");
    }

    #[test]
    fn workers_take_the_next_free_one() {
        let parent = tempfile::tempdir().expect("a folder can be made");
        let first = DataDir::open_one_of(parent.path(), "worker").expect("it can be made");
        let second = DataDir::open_one_of(parent.path(), "worker").expect("it can be made");
        assert_eq!(first.path(), parent.path().join("worker-1"));
        assert_eq!(second.path(), parent.path().join("worker-2"));
        drop(first);
        let third = DataDir::open_one_of(parent.path(), "worker").expect("it can be taken");
        assert_eq!(third.path(), parent.path().join("worker-1"));
    }

    #[test]
    fn nobody_elses_directory_is_closed() {
        let parent = tempfile::tempdir().expect("a folder can be made");
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        fs::write(parent.path().join("letter"), "dear").expect("it can be written");
        DataDir::open(parent.path()).expect_err("it holds other files");
        assert_eq!(mode(parent.path()), 0o755);
    }

    #[test]
    fn a_private_text_is_made_once() {
        let parent = tempfile::tempdir().expect("a folder can be made");
        let dir = DataDir::open(parent.path()).expect("it can be taken");
        assert_eq!(dir.text("key", || "one".into()).expect("it can be made"), "one");
        assert_eq!(dir.text("key", || "two".into()).expect("it can be read"), "one");
        assert_eq!(mode(&parent.path().join("key")), 0o600);
    }
}
