//! The random source of a run: a seed that the journal holds, and bytes derived from it by position.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Hash;

/// 32 bytes that only the run's own journal knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// Fills `out` with the bytes that draw number `draw` gives: keyed BLAKE3 in its extendable-output mode, so they
    /// cannot be told apart from random by anyone without the seed, and are the same on every replay.
    pub fn fill(&self, draw: u64, out: &mut [u8]) {
        blake3::Hasher::new_keyed(&self.0).update(&draw.to_le_bytes()).finalize_xof().fill(out);
    }

    /// The seed of a fork: differs for each fork's name, so that two forks do not draw the same numbers.
    pub fn fork(&self, name: &str) -> Self {
        Self(*blake3::keyed_hash(&self.0, name.as_bytes()).as_bytes())
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Hash(self.0).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Hash::deserialize(d).map(|h| Self(h.0))
    }
}
