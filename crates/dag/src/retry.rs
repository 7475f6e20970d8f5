//! Delays of retries. Chance comes from a number that is part of the machine's state.

use crate::document::{Backoff, Retry};

/// The next number of a sequence (SplitMix64), from 0 up to but not 1.
pub(crate) fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

impl Retry {
    /// How long to wait after attempt number `attempt` (from 1) has failed, in milliseconds. `before` is the delay
    /// before it, 0 if there was none; `random` is the state of the random sequence.
    pub fn delay(&self, attempt: u32, before: u64, random: &mut u64) -> u64 {
        let (base, max) = (self.base_ms as f64, self.max_ms as f64);
        let delay = match self.backoff {
            Backoff::Constant => base,
            Backoff::Linear => base * f64::from(attempt.max(1)),
            Backoff::Exponential => base * 2f64.powi(attempt.saturating_sub(1).min(62) as i32),
            Backoff::DecorrelatedJitter => {
                let high = (before as f64).max(base) * 3.0;
                base + (high - base) * draw(random)
            }
        };
        let delay = delay.min(max);
        if self.jitter > 0.0 && self.backoff != Backoff::DecorrelatedJitter {
            return (delay * (1.0 - self.jitter * draw(random))).round() as u64;
        }
        delay.round() as u64
    }
}
