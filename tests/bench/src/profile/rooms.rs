//! Which room a sample belongs to: that of its innermost frame that belongs to any.

use std::collections::BTreeMap;

use super::stacks::{KERNEL, Stack};

/// A part of the work that a task causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    Store,
    Broker,
    Sandbox,
    Worker,
    Transport,
    Rest,
}

/// What functions of a room are called, the first that fits.
const NAMES: &[(&str, Room)] = &[
    ("flow_store", Room::Store),
    ("sqlx", Room::Store),
    ("sqlite3", Room::Store),
    ("libsqlite", Room::Store),
    ("flow_sandbox", Room::Sandbox),
    ("wasmtime", Room::Sandbox),
    ("cranelift", Room::Sandbox),
    ("flow_broker", Room::Broker),
    ("flow_worker", Room::Worker),
    ("flow_api", Room::Transport),
    ("axum", Room::Transport),
    ("hyper", Room::Transport),
    ("tower", Room::Transport),
    ("reqwest", Room::Transport),
    ("rustls", Room::Transport),
];

impl Room {
    fn of(stack: &Stack) -> Self {
        // These do nothing else, and their stacks often end before a name is found.
        if stack.thread.starts_with("flow-guests") {
            return Self::Sandbox;
        }
        if stack.thread.starts_with("sqlx-sqlite") {
            return Self::Store;
        }
        stack.frames.iter().rev().find_map(|frame| Self::of_function(frame)).unwrap_or(Self::Rest)
    }

    fn of_function(function: &str) -> Option<Self> {
        NAMES.iter().find(|(name, _)| function.contains(name)).map(|&(_, room)| room)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Broker => "broker",
            Self::Sandbox => "sandbox",
            Self::Worker => "worker",
            Self::Transport => "HTTP",
            Self::Rest => "runtime and kernel, on nobody's behalf",
        }
    }
}

/// How many samples belong to each room, most first.
pub(super) fn by_room(stacks: &[Stack]) -> Vec<(&'static str, usize)> {
    let mut samples: BTreeMap<Room, usize> = BTreeMap::new();
    for stack in stacks {
        *samples.entry(Room::of(stack)).or_default() += stack.samples;
    }
    let mut rooms: Vec<(&'static str, usize)> = samples.into_iter().map(|(room, count)| (room.name(), count)).collect();
    rooms.sort_by_key(|room| std::cmp::Reverse(room.1));
    rooms
}

/// The functions in which most samples were taken, with the room on whose behalf they ran.
pub(super) fn top(stacks: &[Stack], count: usize) -> Vec<(String, &'static str, usize)> {
    let mut samples: BTreeMap<(String, Room), usize> = BTreeMap::new();
    for stack in stacks {
        *samples.entry((innermost(stack), Room::of(stack))).or_default() += stack.samples;
    }
    let named = samples.into_iter().map(|((function, room), count)| (function.replace('|', "/"), room.name(), count));
    let mut top: Vec<(String, &'static str, usize)> = named.collect();
    top.sort_by_key(|function| std::cmp::Reverse(function.2));
    top.truncate(count);
    top
}

/// The innermost function outside of the kernel, and whether the kernel was at work for it.
fn innermost(stack: &Stack) -> String {
    let is_kernel = |frame: &&String| frame.starts_with(KERNEL);
    let function = stack.frames.iter().rev().find(|frame| !is_kernel(frame)).map_or("[unknown]", String::as_str);
    let suffix = if stack.frames.last().as_ref().is_some_and(is_kernel) { ", in the kernel" } else { "" };
    format!("{function}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(thread: &str, frames: &[&str], samples: usize) -> Stack {
        let frames = frames.iter().map(|frame| (*frame).to_owned()).collect();
        Stack { thread: thread.to_owned(), frames, samples }
    }

    #[test]
    fn a_sample_belongs_to_the_innermost_room() {
        let stacks = [
            stack("tokio-rt-worker", &["flow_broker::committer", "flow_store::work::insert", "memcpy"], 3),
            stack("tokio-rt-worker", &["hyper::proto", "flow_broker::claim", "serde_json::to_string"], 2),
            stack("flow-guests", &["[unknown]"], 5),
            stack("tokio-rt-worker", &["tokio::park", "epoll_wait"], 1),
        ];
        let rest = "runtime and kernel, on nobody's behalf";
        assert_eq!(by_room(&stacks), [("sandbox", 5), ("store", 3), ("broker", 2), (rest, 1)]);
        let top = top(&stacks, 2);
        assert_eq!(top, [("[unknown]".to_owned(), "sandbox", 5), ("memcpy".to_owned(), "store", 3)]);
    }
}
