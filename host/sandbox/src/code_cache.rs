//! Compiled code on disk, one file per component, trusted only under its seal.
//!
//! Whatever is wrong with an entry, the worst that follows is one more compilation: it is moved to `quarantine/`.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _};
use flow_model::ids::Digest;
use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

use crate::native_code::{NativeCode, Sealer};

/// Where entries that cannot be trusted go, for whoever wants to look at them.
const QUARANTINE: &str = "quarantine";
/// The permission bits of everyone but the owner.
const OTHERS: u32 = 0o077;
/// The kernel's present, for an entry that is used.
const USED_NOW: Timestamps = Timestamps {
    last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
};
/// The ending of files that are being written.
const UNFINISHED: &str = ".part";

/// How much is kept.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of one entry.
    pub(crate) entry: u64,
    /// Bytes of all of them.
    pub(crate) all: u64,
}

/// A directory of compiled code that only this host may write.
pub(crate) struct CodeCache {
    dir: Dir,
    sealer: Sealer,
    bounds: Bounds,
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
    pub(crate) fn open(dir: Dir, sealer: Sealer, bounds: Bounds) -> io::Result<Self> {
        dir.set_permissions(".", Permissions::from_mode(0o700))?;
        dir.create_dir_all(QUARANTINE)?;
        for entry in dir.entries()? {
            let name = entry?.file_name();
            if name.to_string_lossy().ends_with(UNFINISHED) {
                dir.remove_file(name)?;
            }
        }
        Ok(Self { dir, sealer, bounds, quarantined: AtomicU64::new(0), writes: AtomicU64::new(0) })
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

    /// Keeps code, in place of what was not used for longest. A full disk costs the next start a compilation, no more.
    pub(crate) fn put(&self, digest: &Digest, code: &NativeCode) {
        if let Err(error) = self.write(digest, code.sealed()).and_then(|()| self.make_room()) {
            tracing::warn!(%digest, %error, "compiled code could not be cached");
        }
    }

    /// Removes what was not used for longest until the rest is within its bounds.
    fn make_room(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for folder in [".", QUARANTINE] {
            for entry in self.dir.read_dir(folder)? {
                let entry = entry?;
                // Somebody else who makes room may have been faster.
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_file() {
                    let last_used = (metadata.mtime(), metadata.mtime_nsec());
                    kept.push((last_used, metadata.len(), Path::new(folder).join(entry.file_name())));
                }
            }
        }
        let mut bytes: u64 = kept.iter().map(|(_, size, _)| size).sum();
        kept.sort_unstable();
        for (_, size, name) in kept {
            if bytes <= self.bounds.all {
                break;
            }
            bytes -= size;
            match self.dir.remove_file(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
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
        let size = file.metadata()?.len();
        if size > self.bounds.entry {
            return Err(Distrust::TooBig(self.bounds.entry));
        }
        // Its age is that of its last use. Whether that could be noted changes nothing now.
        let _ = futimens(&file, &USED_NOW);
        let mut sealed = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.take(self.bounds.entry).read_to_end(&mut sealed)?;
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
