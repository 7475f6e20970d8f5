//! Content hashes (BLAKE3, 32 bytes), written as lower-case hexadecimal.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The BLAKE3 hash of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not a content hash: 64 hexadecimal digits are expected")]
pub struct NotAHash;

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = NotAHash;
    fn from_str(s: &str) -> Result<Self, NotAHash> {
        // `from_hex` alone would accept upper case, and one content must have one name.
        if s.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(NotAHash);
        }
        blake3::Hash::from_hex(s).map(|h| Self(*h.as_bytes())).map_err(|_| NotAHash)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_is_unique() {
        let hash = Hash::of(b"x");
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        assert!(hash.to_string().to_uppercase().parse::<Hash>().is_err());
        assert!("../x".parse::<Hash>().is_err());
    }
}
