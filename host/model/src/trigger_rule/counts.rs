//! What a task instance has seen of its upstream, as counts.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use crate::state::Terminal;

/// How many direct upstream task instances have ended, by how they ended, with what else its upstream tells a task instance.
/// One small row answers what would otherwise be a look at every upstream, so that a join of thousands costs one update per
/// finish. In JSON what is zero is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamCounts {
    /// Succeeded.
    #[serde(skip_serializing_if = "is_zero")]
    pub success: u32,
    /// Failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// Skipped, or succeeded and decided not to be followed here.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: u32,
    /// Whose own upstream failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub upstream_failed: u32,
    /// No longer part of the run.
    #[serde(skip_serializing_if = "is_zero")]
    pub removed: u32,
    /// Those of the successes that are setups.
    #[serde(skip_serializing_if = "is_zero")]
    pub setup_success: u32,
    /// Those of the skipped that are setups.
    #[serde(skip_serializing_if = "is_zero")]
    pub setup_skipped: u32,
    /// Of those that may decide what is followed, or stand behind one that may: how many have come to rest, which is when
    /// nothing upstream of them can still decide.
    #[serde(skip_serializing_if = "is_zero")]
    pub gates: u32,
    /// Of what a teardown waits for besides its upstream: how many have ended.
    #[serde(skip_serializing_if = "is_zero")]
    pub scope: u32,
    /// How many decided that this one is not followed.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut: u32,
    /// Through how many a short circuit reaches this one.
    #[serde(skip_serializing_if = "Swept::is_none")]
    pub swept: Swept,
    /// As `swept`, of short circuits that were taken in the same place of the same mapped group, and reach no further.
    #[serde(skip_serializing_if = "Swept::is_none")]
    pub swept_here: Swept,
    /// How much more there is to wait for than the DAG alone says, since mapped tasks were expanded.
    #[serde(skip_serializing_if = "Growth::is_none")]
    pub growth: Growth,
}

/// Through how many upstream task instances a short circuit reaches a task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Swept {
    /// Those that could not end before it was taken.
    #[serde(skip_serializing_if = "is_zero")]
    pub surely: u32,
    /// Those that might have.
    #[serde(skip_serializing_if = "is_zero")]
    pub loosely: u32,
}

/// How expected counts change when upstream tasks are expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Growth {
    /// Of upstream task instances.
    #[serde(skip_serializing_if = "is_even")]
    pub instances: i32,
    /// Of those that are setups.
    #[serde(skip_serializing_if = "is_even")]
    pub setups: i32,
    /// Of those that [`UpstreamCounts::gates`] counts.
    #[serde(skip_serializing_if = "is_even")]
    pub gates: i32,
    /// Of those that [`UpstreamCounts::scope`] counts.
    #[serde(skip_serializing_if = "is_even")]
    pub scope: i32,
}

/// How much a task instance waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    /// Direct upstream task instances.
    pub instances: u32,
    /// Those that are setups.
    pub setups: u32,
    /// Those that [`UpstreamCounts::gates`] counts.
    pub gates: u32,
    /// Those that [`UpstreamCounts::scope`] counts.
    pub scope: u32,
}

impl UpstreamCounts {
    /// One more upstream ended like this.
    pub fn count(&mut self, how: Terminal) {
        *match how {
            Terminal::Success => &mut self.success,
            Terminal::Failed => &mut self.failed,
            Terminal::Skipped => &mut self.skipped,
            Terminal::UpstreamFailed => &mut self.upstream_failed,
            Terminal::Removed => &mut self.removed,
        } += 1;
    }

    /// How many have ended.
    pub fn done(&self) -> u32 {
        self.success + self.failed + self.skipped + self.upstream_failed + self.removed
    }

    /// Which kinds of upstream it has seen at all. As long as this and what is awaited stay, no rule changes its mind.
    pub(crate) fn kinds(&self) -> [bool; 10] {
        [
            self.success > 0,
            self.failed > 0,
            self.skipped > 0,
            self.upstream_failed > 0,
            self.removed > 0,
            self.cut > 0,
            self.swept.surely > 0,
            self.swept.loosely > 0,
            self.swept_here.surely > 0,
            self.swept_here.loosely > 0,
        ]
    }
}

impl Add for UpstreamCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            success: self.success + other.success,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            upstream_failed: self.upstream_failed + other.upstream_failed,
            removed: self.removed + other.removed,
            setup_success: self.setup_success + other.setup_success,
            setup_skipped: self.setup_skipped + other.setup_skipped,
            gates: self.gates + other.gates,
            scope: self.scope + other.scope,
            cut: self.cut + other.cut,
            swept: self.swept + other.swept,
            swept_here: self.swept_here + other.swept_here,
            growth: self.growth + other.growth,
        }
    }
}

impl AddAssign for UpstreamCounts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Swept {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Add for Swept {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { surely: self.surely + other.surely, loosely: self.loosely + other.loosely }
    }
}

impl Growth {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Add for Growth {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            instances: self.instances + other.instances,
            setups: self.setups + other.setups,
            gates: self.gates + other.gates,
            scope: self.scope + other.scope,
        }
    }
}

impl Expected {
    /// As many more or fewer as `growth` says.
    #[must_use]
    pub fn grown(self, growth: Growth) -> Self {
        Self {
            instances: self.instances.saturating_add_signed(growth.instances),
            setups: self.setups.saturating_add_signed(growth.setups),
            gates: self.gates.saturating_add_signed(growth.gates),
            scope: self.scope.saturating_add_signed(growth.scope),
        }
    }
}

impl Add for Expected {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            instances: self.instances.saturating_add(other.instances),
            setups: self.setups.saturating_add(other.setups),
            gates: self.gates.saturating_add(other.gates),
            scope: self.scope.saturating_add(other.scope),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_even(growth: &i32) -> bool {
    *growth == 0
}
