//! Which call fails, and how.

use std::{collections::BTreeMap, io::ErrorKind, time::Duration};

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing is done, and the call says so.
    Refuse(ErrorKind),
    /// A part of an append's bytes is written, then the call fails. Other writes are refused.
    Tear,
    /// It is done, but the call says that it failed, as when a connection breaks before the reply.
    LoseReply,
    /// The disk is full from this write on, until [`Faulty::free`](super::Faulty::free).
    Full,
    /// It is done, and takes this long.
    Delay(Duration),
    /// The process ends in the middle of the call, which is done, not done, or (an append) done in part.
    Die(Death),
}

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Death {
    /// What was appended and saved stays.
    Process,
    /// Only what was synced or saved durably stays.
    PowerCut,
}

/// When a store fails. The same seed and calls give the same faults.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(super) seed: u64,
    pub(super) writes: BTreeMap<u64, Fault>,
    pub(super) syncs: BTreeMap<u64, Fault>,
}

impl Plan {
    /// No faults yet. `seed` decides how much of a torn append is written, and whether a write on which the process
    /// dies is done.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The write of this number (from 1) fails.
    pub fn at_write(mut self, number: u64, fault: Fault) -> Self {
        self.writes.insert(number, fault);
        self
    }

    /// The sync of this number (from 1) fails. `Tear` and `Full` refuse it.
    pub fn at_sync(mut self, number: u64, fault: Fault) -> Self {
        self.syncs.insert(number, fault);
        self
    }

    /// About `faults` faults of every kind, but at most one death, spread over the first `span` writes and syncs.
    pub fn random(seed: u64, span: u64, faults: u64) -> Self {
        let mut random = Random(seed);
        let mut plan = Self::new(seed);
        for _ in 0..faults {
            let at = 1 + random.below(span.max(1));
            let fault = match random.below(6) {
                0 => Fault::Refuse(ErrorKind::Other),
                1 => Fault::Refuse(ErrorKind::Interrupted),
                2 => Fault::Tear,
                3 => Fault::LoseReply,
                4 => Fault::Delay(Duration::from_micros(random.below(2000))),
                _ if random.below(2) == 0 => Fault::Die(Death::Process),
                _ => Fault::Die(Death::PowerCut),
            };
            plan = if random.below(4) == 0 { plan.at_sync(at, fault) } else { plan.at_write(at, fault) };
        }
        plan
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, and the same everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end - 1`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}
