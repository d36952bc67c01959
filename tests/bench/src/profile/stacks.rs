//! Reads what `perf` has recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A stack and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stack {
    /// The thread's name.
    pub(super) thread: String,
    /// Functions, the outermost first.
    pub(super) frames: Vec<String>,
    /// How often.
    pub(super) samples: usize,
}

/// All stacks of a recording, each once.
pub(super) fn read(folder: &Path) -> Vec<Stack> {
    let mut script = Command::new("perf");
    script.args(["script", "--no-inline", "-F", "comm,ip,sym", "-i"]).arg(folder.join("perf.data"));
    let output = script.output().expect("perf can be started");
    assert!(output.status.success(), "perf script: {}", String::from_utf8_lossy(&output.stderr));
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// A sample is a line with its thread, a line for each frame, the innermost first, and an empty line.
fn parse(text: &str) -> Vec<Stack> {
    let mut seen: BTreeMap<(String, Vec<String>), usize> = BTreeMap::new();
    for sample in text.split("\n\n") {
        let mut lines = sample.lines().filter(|line| !line.trim().is_empty());
        let Some(thread) = lines.next() else { continue };
        let mut frames: Vec<String> = lines.filter_map(function).collect();
        frames.reverse();
        *seen.entry((thread.trim().trim_end_matches(':').to_owned(), frames)).or_default() += 1;
    }
    seen.into_iter().map(|((thread, frames), samples)| Stack { thread, frames, samples }).collect()
}

/// What the name of a function of the kernel begins with.
pub(super) const KERNEL: &str = "[kernel] ";

/// The function of a frame, without what tells its instances apart.
fn function(line: &str) -> Option<String> {
    let (address, name) = line.trim().split_once(' ')?;
    if address.starts_with("ffffffff") {
        return Some(format!("{KERNEL}{name}"));
    }
    // A legacy name of Rust ends in a hash.
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        Some(_) | None => name,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_read_from_the_outermost_frame_and_counted() {
        let sample = "tokio-rt:\n        55 flow_store::work::insert::h0123456789abcdef\n        66 main\n\n";
        let kernel = "tokio-rt:\n ffffffff81000000 do_syscall_64\n 77 fdatasync\n\n";
        let stacks = parse(&format!("{sample}{kernel}{sample}"));
        let frames = vec!["main".to_owned(), "flow_store::work::insert".to_owned()];
        let stack = |frames, samples| Stack { thread: "tokio-rt".to_owned(), frames, samples };
        let waits = vec!["fdatasync".to_owned(), "[kernel] do_syscall_64".to_owned()];
        assert_eq!(stacks, [stack(waits, 1), stack(frames, 2)]);
    }
}
