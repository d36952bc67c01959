//! Compiled code on disk, one file per component, trusted only under its seal.
//!
//! Whatever is wrong with an entry, the worst that follows is one more compilation: it is moved to `quarantine/`.

use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _};
use flow_model::ids::Digest;
use rustix::fs::OFlags;

use crate::native_code::{NativeCode, Sealer};

/// Where entries that cannot be trusted go, for whoever wants to look at them.
const QUARANTINE: &str = "quarantine";
/// The permission bits of everyone but the owner.
const OTHERS: u32 = 0o077;
/// The ending of files that are being written.
const UNFINISHED: &str = ".part";

/// A directory of compiled code that only this host may write.
pub(crate) struct CodeCache {
    dir: Dir,
    sealer: Sealer,
    max_bytes: u64,
    quarantined: AtomicU64,
    writes: AtomicU64,
}

/// Why an entry is not used.
#[derive(Debug, thiserror::Error)]
enum Distrust {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is not a plain file of this user alone")]
    NotOurs,
    #[error("it has more than the {0} bytes that compiled code can have")]
    TooBig(u64),
    #[error("its seal does not fit: it was changed, or another host or version wrote it")]
    BrokenSeal,
}

impl CodeCache {
    /// Takes over `dir`, closes it to other users and removes what a crash left half-written.
    pub(crate) fn open(dir: Dir, sealer: Sealer, max_bytes: u64) -> io::Result<Self> {
        dir.set_permissions(".", Permissions::from_mode(0o700))?;
        dir.create_dir_all(QUARANTINE)?;
        for entry in dir.entries()? {
            let name = entry?.file_name();
            if name.to_string_lossy().ends_with(UNFINISHED) {
                dir.remove_file(name)?;
            }
        }
        Ok(Self { dir, sealer, max_bytes, quarantined: AtomicU64::new(0), writes: AtomicU64::new(0) })
    }

    /// The code of the component `digest`, if it is here and can be trusted.
    pub(crate) fn get(&self, digest: &Digest) -> Option<NativeCode> {
        match self.read(digest) {
            Ok(code) => Some(code),
            Err(Distrust::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(why) => {
                self.quarantine(digest, &why.to_string());
                None
            }
        }
    }

    /// Vouches for code that the compiler made just now.
    pub(crate) fn vouch(&self, digest: &Digest, code: &[u8]) -> NativeCode {
        self.sealer.seal(digest, code)
    }

    /// Keeps code. A full disk costs the next start a compilation, no more.
    pub(crate) fn put(&self, digest: &Digest, code: &NativeCode) {
        if let Err(error) = self.write(digest, code.sealed()) {
            tracing::warn!(%digest, %error, "compiled code could not be cached");
        }
    }

    /// Moves an entry out of the way.
    pub(crate) fn quarantine(&self, digest: &Digest, why: &str) {
        self.quarantined.fetch_add(1, Relaxed);
        tracing::warn!(%digest, why, "cached code is not trusted; the component is compiled again");
        let name = entry_name(digest);
        let moved = self.dir.rename(&name, &self.dir, format!("{QUARANTINE}/{name}"));
        if let Err(error) = moved.or_else(|_| self.dir.remove_file(&name)) {
            tracing::warn!(%digest, %error, "cached code could not be quarantined");
        }
    }

    /// How many entries were not trusted since the start.
    pub(crate) fn quarantined(&self) -> u64 {
        self.quarantined.load(Relaxed)
    }

    fn read(&self, digest: &Digest) -> Result<NativeCode, Distrust> {
        let mut options = OpenOptions::new();
        // Neither a link to elsewhere nor a pipe that never answers.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let file = self.dir.open_with(entry_name(digest), &options)?;
        check_owner(&file)?;
        let mut sealed = Vec::new();
        file.take(self.max_bytes + 1).read_to_end(&mut sealed)?;
        if u64::try_from(sealed.len()).is_ok_and(|size| size > self.max_bytes) {
            return Err(Distrust::TooBig(self.max_bytes));
        }
        self.sealer.unseal(digest, sealed).ok_or(Distrust::BrokenSeal)
    }

    fn write(&self, digest: &Digest, sealed: &[u8]) -> io::Result<()> {
        let name = entry_name(digest);
        let unfinished = format!("{name}.{}.{}{UNFINISHED}", std::process::id(), self.writes.fetch_add(1, Relaxed));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let written = self
            .dir
            .open_with(&unfinished, &options)
            .and_then(|mut file| file.write_all(sealed))
            .and_then(|()| self.dir.rename(&unfinished, &self.dir, &name));
        if written.is_err() {
            // The first error is the one worth telling.
            let _ = self.dir.remove_file(&unfinished);
        }
        written
    }
}

fn check_owner(file: &File) -> Result<(), Distrust> {
    let metadata = file.metadata()?;
    let open_to_others = metadata.mode() & OTHERS != 0;
    let ours = metadata.is_file()
        && metadata.nlink() == 1
        && metadata.uid() == rustix::process::geteuid().as_raw()
        && !open_to_others;
    if ours { Ok(()) } else { Err(Distrust::NotOurs) }
}

fn entry_name(digest: &Digest) -> String {
    format!("{}.cwasm", digest.to_string().replace(':', "-"))
}
