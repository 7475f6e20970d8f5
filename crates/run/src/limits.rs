//! Every limit of a run and its default, in one place. Beyond a limit a run ends with an error that names it.

use std::time::Duration;

/// What one run may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time of one turn (from a result to the next wait).
    pub turn_cpu: Duration,
    /// Time from start to end, waits included; none by default, since runs may wait for years.
    pub wall: Option<Duration>,
    /// Memory of the program, in bytes.
    pub memory: usize,
    /// What a run may print in all, in bytes.
    pub output: u64,
    /// The longest single value that the journal accepts, in bytes.
    pub value: usize,
    /// Effects that wait at one time.
    pub pending: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            turn_cpu: Duration::from_secs(60),
            wall: None,
            memory: 512 << 20,
            output: 64 << 20,
            value: 256 << 20,
            pending: 100_000,
        }
    }
}

/// Values longer than this (bytes) lie beside the journal, by content hash.
pub const INLINE_VALUE: usize = 64 << 10;

/// A snapshot is taken when replaying the tail would deliver more results than this.
pub const SNAPSHOT_EVERY_WAKES: u64 = 1_000;

/// A snapshot is taken when replaying the tail would cost more CPU time than this.
pub const SNAPSHOT_EVERY_CPU: Duration = Duration::from_millis(50);

/// The longest chain of snapshots, each of which holds only what differs from the one before.
pub const SNAPSHOT_CHAIN: u32 = 10;

/// A run that waits for longer than this leaves memory.
pub const EVICT_AFTER: Duration = Duration::from_secs(10);

/// Programs that wait and stay in memory as they are; what more of them hold is swapped out.
pub const IDLE_PROGRAMS: usize = 32;

/// How long a program waits, for each MiB of its memory, before it is swapped out: some times what that costs.
pub const SWAP_AFTER_PER_MIB: Duration = Duration::from_millis(10);
