//! What an attempt may spend, and what it spent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one attempt may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttemptLimits {
    /// CPU time in milliseconds.
    pub cpu_ms: u64,
    /// Wall-clock time in milliseconds, waits included.
    pub wall_ms: u64,
    /// Linear memory of all the component's memories together, in bytes.
    pub memory_bytes: u64,
    /// Captured log, in bytes.
    pub log_bytes: u64,
}

impl Default for AttemptLimits {
    /// One minute of CPU, one hour of wall-clock time, 256 MiB, 1 MiB of log.
    fn default() -> Self {
        Self { cpu_ms: 60_000, wall_ms: 3_600_000, memory_bytes: 256 << 20, log_bytes: 1 << 20 }
    }
}

impl AttemptLimits {
    /// The most that one look of a trigger may spend: it looks once and ends.
    pub const TRIGGER: Self = Self { cpu_ms: 1_000, wall_ms: 30_000, memory_bytes: 256 << 20, log_bytes: 16 << 10 };
    /// The most that one try of a callback may spend.
    pub const CALLBACK: Self = Self { cpu_ms: 60_000, wall_ms: 600_000, memory_bytes: 256 << 20, log_bytes: 256 << 10 };
    /// The most that one question to a timetable may spend.
    pub const TIMETABLE: Self = Self { cpu_ms: 1_000, wall_ms: 5_000, memory_bytes: 256 << 20, log_bytes: 16 << 10 };
    /// The most that one question to a retry policy may spend.
    pub const RETRY_POLICY: Self = Self { cpu_ms: 500, wall_ms: 2_500, memory_bytes: 256 << 20, log_bytes: 16 << 10 };

    /// What both allow.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self {
            cpu_ms: self.cpu_ms.min(other.cpu_ms),
            wall_ms: self.wall_ms.min(other.wall_ms),
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            log_bytes: self.log_bytes.min(other.log_bytes),
        }
    }

    /// The wall-clock limit as a span.
    pub fn wall(&self) -> Duration {
        Duration::from_millis(self.wall_ms)
    }

    /// The CPU limit as a span.
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.cpu_ms)
    }
}

/// What an attempt spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall-clock time in microseconds.
    pub wall_us: u64,
    /// The most linear memory held at once, in bytes.
    pub peak_memory_bytes: u64,
}
