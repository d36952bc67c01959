//! Compiled code survives a restart, and whatever is done to it on disk costs one more compilation, no more.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use flow_model::ids::Digest;
use flow_model::work::AttemptEnd;

use crate::support::guests::Wat;
use crate::support::stage::{Stage, attempt, task, unavailable};

fn entry(cache: &Path, digest: &Digest) -> PathBuf {
    cache.join(format!("{}.cwasm", digest.to_string().replace(':', "-")))
}

#[tokio::test]
async fn code_is_kept_over_a_restart_and_closed_to_others() {
    let stage = Stage::new();
    let module = stage.module(Wat::default().component()).await;
    let file = entry(stage.cache.path(), &module);
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(stage.cache.path())), (0o600, 0o700));
    let restarted = Stage::over(Arc::clone(&stage.cache), |_| {});
    // No module can be fetched, so its code comes from the cache.
    let report = restarted.run(attempt(module, task("main", "[]"), &Arc::default())).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
    assert_eq!(restarted.sandbox.quarantined(), 0);
}

/// Something that is done to an entry, given another entry that is genuine.
type Tampering = fn(&Path, &Path);

#[tokio::test]
async fn a_tampered_entry_is_set_aside_and_compiled_again() {
    let tamperings: [(&str, Tampering); 8] = [
        ("a flipped bit", |entry, _| {
            let mut bytes = fs::read(entry).expect("it reads");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(entry, bytes).expect("it writes");
        }),
        ("a truncated file", |entry, _| {
            let bytes = fs::read(entry).expect("it reads");
            fs::write(entry, &bytes[..bytes.len() / 2]).expect("it writes");
        }),
        ("an empty file", |entry, _| fs::write(entry, b"").expect("it writes")),
        ("another component's code", |entry, other| {
            fs::copy(other, entry).expect("it copies");
        }),
        ("a link to elsewhere", |entry, other| {
            fs::remove_file(entry).expect("it goes");
            symlink(other, entry).expect("it links");
        }),
        ("a second name for another file", |entry, _| {
            fs::hard_link(entry, entry.with_extension("twin")).expect("it links");
        }),
        ("a file that others can write", |entry, _| {
            fs::set_permissions(entry, fs::Permissions::from_mode(0o666)).expect("it changes");
        }),
        ("a directory", |entry, _| {
            fs::remove_file(entry).expect("it goes");
            fs::create_dir(entry).expect("it comes");
        }),
    ];
    for (what, tamper) in tamperings {
        let stage = Stage::new();
        let component = Wat::default().component();
        let module = stage.module(component.clone()).await;
        let other = stage.module(Wat { pages: 2, ..Wat::default() }.component()).await;
        let file = entry(stage.cache.path(), &module);
        tamper(&file, &entry(stage.cache.path(), &other));

        let restarted = Stage::over(Arc::clone(&stage.cache), |_| {});
        let fetch = async { Ok(component) };
        let report = restarted.sandbox.run(attempt(module, task("main", "[]"), &Arc::default()), fetch).await;
        assert_eq!(report.end, AttemptEnd::Success { value: None }, "{what}");
        assert_eq!(restarted.sandbox.quarantined(), 1, "{what}");
        let aside = stage.cache.path().join("quarantine").join(file.file_name().expect("it has a name"));
        assert!(fs::symlink_metadata(aside).is_ok(), "{what} is kept for inspection");

        let again = Stage::over(Arc::clone(&stage.cache), |_| {});
        let report = again.run(attempt(module, task("main", "[]"), &Arc::default())).await;
        assert_eq!(report.end, AttemptEnd::Success { value: None }, "{what}: the new entry is good");
    }
}

#[tokio::test]
async fn code_that_another_host_sealed_is_not_trusted() {
    let stage = Stage::new();
    let component = Wat::default().component();
    let module = stage.module(component.clone()).await;
    let stranger = Stage::over(Arc::clone(&stage.cache), |config| config.cache_secret = [8; 32]);
    let report = stranger.sandbox.run(attempt(module, task("main", "[]"), &Arc::default()), async { Ok(component) });
    assert_eq!(report.await.end, AttemptEnd::Success { value: None });
    assert_eq!(stranger.sandbox.quarantined(), 1);
}

#[tokio::test]
async fn the_entries_not_used_for_longest_make_room_for_others() {
    let of_pages = |pages| Wat { pages, ..Wat::default() }.component();
    let stage = Stage::new();
    let (first, second) = (stage.module(of_pages(1)).await, stage.module(of_pages(2)).await);
    let file = |digest: &Digest| entry(stage.cache.path(), digest);
    let size = fs::metadata(file(&first)).expect("it is there").len();
    for (digest, last_used) in [(first, 1), (second, 2)] {
        let file = fs::File::options().write(true).open(file(&digest)).expect("it opens");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(last_used)).expect("its age can be set");
    }
    // Used anew, the first is younger than the second.
    let restarted = Stage::over(Arc::clone(&stage.cache), |config| config.code_on_disk = size * 5 / 2);
    restarted.run(attempt(first, task("main", "[]"), &Arc::default())).await;
    let third = restarted.module(of_pages(3)).await;
    let kept = [first, second, third].map(|digest| file(&digest).exists());
    assert_eq!(kept, [true, false, true]);
}

#[tokio::test]
async fn a_module_is_fetched_once_for_many_attempts_and_must_be_the_right_one() {
    let stage = Stage::new();
    let component = Wat::default().component();
    let module = Digest(sha256(&component));
    let fetched = std::sync::atomic::AtomicU32::new(0);
    let run = || {
        stage.sandbox.run(attempt(module, task("main", "[]"), &Arc::default()), async {
            fetched.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(component.clone())
        })
    };
    let (first, second, third) = tokio::join!(run(), run(), run());
    for report in [first, second, third] {
        assert_eq!(report.end, AttemptEnd::Success { value: None });
    }
    assert_eq!(fetched.into_inner(), 1);

    let other = attempt(Digest([1; 32]), task("main", "[]"), &Arc::default());
    let report = stage.sandbox.run(other, async { Ok(component) }).await;
    assert!(matches!(report.end, AttemptEnd::Failed(_)), "bytes of another module ran");
    let report = stage.sandbox.run(attempt(module, task("main", "[]"), &Arc::default()), unavailable()).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().try_into().expect("32 bytes")
}
