//! Keys of encryption: the current one, and older ones that can still be read with.

use std::{
    fmt,
    io::{Error, ErrorKind},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
};

use base64::Engine;
use zeroize::Zeroizing;

use crate::StoreError;

/// One key: 32 bytes, wiped from memory at its end.
#[derive(Clone)]
pub(super) struct Key {
    id: [u8; 8],
    secret: Zeroizing<[u8; 32]>,
}

impl Key {
    fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        let hash = blake3::derive_key("quicksave 2026 sealed values: id of a key", &*secret);
        Self { id: std::array::from_fn(|i| hash[i]), secret }
    }

    /// Tells keys apart, and says nothing about the secret.
    pub(super) fn id(&self) -> [u8; 8] {
        self.id
    }

    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// An id as text.
    pub(super) fn show(id: [u8; 8]) -> String {
        format!("{:016x}", u64::from_be_bytes(id))
    }
}

/// The keys of a store. The first encrypts; all of them decrypt. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<[Key]>,
}

impl KeyRing {
    /// Reads keys from text: each 32 random bytes in hexadecimal (64 digits) or base64 (44 characters), separated by
    /// white space or commas, the current one first. In a line, what follows a `#` is a comment. `source` names the
    /// text in errors.
    pub fn parse(text: &str, source: &str) -> Result<Self, StoreError> {
        let failed = |cause: String| refuse(source, ErrorKind::InvalidInput, cause);
        let words = text.lines().flat_map(|line| {
            let line = line.split_once('#').map_or(line, |(keys, _)| keys);
            line.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty())
        });
        let mut keys: Vec<Key> = Vec::new();
        for (i, word) in words.enumerate() {
            let secret = decode(word).ok_or_else(|| {
                failed(format!("key {} is none: 64 hexadecimal digits or base64 of 32 bytes are expected", i + 1))
            })?;
            let key = Key::new(secret);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(failed(format!("key {} is there twice", i + 1)));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(failed("it holds no key: 32 random bytes in hexadecimal are expected".into()));
        }
        Ok(Self { keys: keys.into() })
    }

    /// Reads keys from a file that nobody but its owner may read (mode 0600).
    pub fn from_file(path: &Path) -> Result<Self, StoreError> {
        let source = format!("key file {}", path.display());
        let failed = |error: Error| refuse(&source, error.kind(), error.to_string());
        let meta = std::fs::metadata(path).map_err(failed)?;
        if !meta.is_file() {
            return Err(refuse(&source, ErrorKind::InvalidInput, "it is not a file".into()));
        }
        let mode = meta.mode() & 0o777;
        if mode & 0o077 != 0 {
            let cause = format!("others may read it (mode {mode:04o}); use chmod 600, and new keys if they may have");
            return Err(refuse(&source, ErrorKind::PermissionDenied, cause));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
        Self::parse(&text, &source)
    }

    /// Reads keys from the environment variable `name`. Processes that this one starts may see it too: a file is safer.
    pub fn from_env(name: &str) -> Result<Self, StoreError> {
        let source = format!("environment variable {name}");
        match std::env::var(name) {
            Ok(text) => Self::parse(&Zeroizing::new(text), &source),
            Err(std::env::VarError::NotPresent) => Err(refuse(&source, ErrorKind::NotFound, "it is not set".into())),
            Err(_) => Err(refuse(&source, ErrorKind::InvalidInput, "it is not text".into())),
        }
    }

    /// The id of the key that encrypts.
    pub fn current_id(&self) -> String {
        Key::show(self.current().id)
    }

    pub(super) fn current(&self) -> &Key {
        // `parse` makes no ring without a key.
        &self.keys[0]
    }

    pub(super) fn find(&self, id: [u8; 8]) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| Key::show(key.id))).finish()
    }
}

fn refuse(source: &str, kind: ErrorKind, cause: String) -> StoreError {
    StoreError::Io { what: format!("cannot use the keys in {source}"), source: Error::new(kind, cause) }
}

fn decode(word: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut secret = Zeroizing::new([0; 32]);
    if word.len() == 64 {
        for (byte, digits) in secret.iter_mut().zip(word.as_bytes().chunks(2)) {
            let digit = |c: u8| (c as char).to_digit(16);
            *byte = (digit(digits[0])? * 16 + digit(digits[1])?) as u8;
        }
        return Some(secret);
    }
    let bytes = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(word).ok()?);
    if bytes.len() != secret.len() {
        return None;
    }
    secret.copy_from_slice(&bytes);
    Some(secret)
}
