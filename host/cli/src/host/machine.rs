//! What the machine allows one process, held against what this one is to do.

use flow_sandbox::Sandbox;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::errors::Failure;

/// How many memory mappings Linux allows a process.
const MAPPINGS_FILE: &str = "/proc/sys/vm/max_map_count";
/// Mappings beside those of guests: libraries, threads, the heap, compiled code.
const OWN_MAPPINGS: u64 = 4_000;

/// Lets the process open as many files as it ever may: every connection is one.
pub(crate) fn allow_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Refuses more guests at a time than the machine has memory mappings for: they would fail one by one, later.
pub(crate) fn check_room(slots: u32) -> Result<(), Failure> {
    let allowed = std::fs::read_to_string(MAPPINGS_FILE).ok().and_then(|text| text.trim().parse().ok());
    // Where there is no such limit there is nothing to check.
    allowed.map_or(Ok(()), |allowed| room_in(allowed, slots))
}

fn room_in(allowed: u64, slots: u32) -> Result<(), Failure> {
    let needed = OWN_MAPPINGS + Sandbox::mappings(slots);
    if needed <= allowed {
        return Ok(());
    }
    let why = format!("{slots} attempts at a time take up to {needed} memory mappings, this machine allows {allowed}");
    Err(Failure::failed(why).hint(format!(
        "run `sysctl -w vm.max_map_count={needed}` as root, or let fewer run at a time with --workers, or --concurrency \
         of a worker"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_attempts_fit_what_linux_allows_unless_told_otherwise() {
        room_in(65_530, 10_000).expect("there is room");
    }

    #[test]
    fn what_the_machine_lacks_is_named() {
        let failure = room_in(10_000, 10_000).expect_err("there is no room").to_string();
        assert!(failure.starts_with("10000 attempts at a time take up to "), "{failure}");
        assert!(failure.ends_with(" memory mappings, this machine allows 10000"), "{failure}");
    }
}
