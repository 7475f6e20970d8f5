//! Run ids.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{Millis, day_and_millis};

/// The name of a run: 1 to 128 of `[A-Za-z0-9_-]`, so that it is safe as a file name and in a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

/// A text that cannot name a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a run id: 1 to 128 letters, digits, '_' or '-' are expected")]
pub struct BadRunId(pub String);

/// The longest run id, in bytes.
pub const MAX_RUN_ID: usize = 128;

impl RunId {
    /// A new id that sorts by time: the day, the time of day and six random places, e.g. `20260306_0ha4u8k3x9q2`.
    /// `random` is any fresh number; ids of one millisecond collide with a chance of 1 in 2·10⁹.
    pub fn generate(now: Millis, random: u64) -> Self {
        let (day, ms) = day_and_millis(now);
        let random = random % 36u64.pow(6);
        Self(format!("{day}_{}{}", base36(ms, 6), base36(random, 6)).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn base36(mut n: u64, places: usize) -> String {
    let mut digits = vec![b'0'; places];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(n % 36) as usize];
        n /= 36;
    }
    digits.into_iter().map(char::from).collect()
}

impl FromStr for RunId {
    type Err = BadRunId;
    fn from_str(s: &str) -> Result<Self, BadRunId> {
        let good = (1..=MAX_RUN_ID).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if good { Ok(Self(s.into())) } else { Err(BadRunId(s.chars().take(200).collect())) }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_ids_are_refused() {
        for bad in ["", "..", "../x", "a/b", "a\\b", "a\0b", "a b", "ä", ".hidden", "x.jsonl", &"a".repeat(129)] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
        }
        for good in ["20260306_abc123xyz", "run_lr1x2_ab12cd", "-", "A", &"a".repeat(128)] {
            assert!(good.parse::<RunId>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn generated_ids_sort_by_time_and_are_valid() {
        let times = [0, 999, 1000, 86_399_999, 86_400_000, 1_772_793_000_000, 1_772_793_000_001];
        let ids: Vec<_> = times.iter().map(|t| RunId::generate(*t, u64::MAX)).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.as_str().parse::<RunId>().is_ok()));
    }
}
