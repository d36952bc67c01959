//! Runs that go on in ways that the golden vectors do not show: natives, clearing, ends from outside, other versions, groups
//! that are tried again, and what it costs.

#[path = "advancing/cost.rs"]
mod cost;
#[path = "advancing/ends.rs"]
mod ends;
#[path = "advancing/groups.rs"]
mod groups;
#[path = "replay/mod.rs"]
#[expect(dead_code, unused_imports, reason = "other tests play vectors; these tell their stories step by step")]
mod replay;
#[path = "advancing/reruns.rs"]
mod reruns;
#[path = "advancing/story.rs"]
mod story;
