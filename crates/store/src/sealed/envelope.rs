//! The bytes of a sealed value: a header of 96 bytes, then what is left of the value. See `docs/format.md`.

use std::io::{Error, ErrorKind, Read};

use bytes::Bytes;
use chacha20poly1305::{
    KeyInit, Tag, XChaCha20Poly1305, XNonce,
    aead::{AeadInOut, Key as CipherKey},
};

use super::{Sealing, keys::Key};
use crate::StoreError;

const MAGIC: &[u8; 8] = b"QSsealed";
const FORMAT: u8 = 1;
/// Everything but the check of it.
const CHECKED: usize = 64;
const HEADER: usize = 96;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const XCHACHA: u8 = 1;

/// The longest value, in bytes: a header that is not authenticated may claim any length.
const MAX_VALUE: u64 = 4 << 30;

/// Below this length, in bytes, nothing is gained by compressing.
const SHORT: usize = 128;

/// What a header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    compression: u8,
    cipher: u8,
    len: u64,
    /// When the value's time to live ends, in milliseconds since 1970; 0 for never.
    pub(super) expires: u64,
    /// The key's id; zeros without one.
    pub(super) key: [u8; 8],
    nonce: [u8; 24],
}

impl Header {
    fn bytes(&self) -> [u8; CHECKED] {
        let mut bytes = [0; CHECKED];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..11].copy_from_slice(&[FORMAT, self.compression, self.cipher]);
        bytes[16..24].copy_from_slice(&self.len.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.expires.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.key);
        bytes[40..64].copy_from_slice(&self.nonce);
        bytes
    }

    /// The header of `sealed`; nothing if it was never sealed.
    fn read(sealed: &[u8]) -> Result<Option<Self>, String> {
        if !sealed.starts_with(MAGIC) {
            return Ok(None);
        }
        let Some(header) = sealed.first_chunk::<HEADER>() else { return Err("it is cut off".into()) };
        let [format, compression, cipher] = [header[8], header[9], header[10]];
        if format != FORMAT {
            return Err(format!("its format is {format}, and this program knows {FORMAT}; use a newer one"));
        }
        if compression > ZSTD || cipher > XCHACHA || header[11..16] != [0; 5] {
            return Err("its header is damaged".into());
        }
        Ok(Some(Self {
            compression,
            cipher,
            len: u64::from_le_bytes(part(header, 16)),
            expires: u64::from_le_bytes(part(header, 24)),
            key: part(header, 32),
            nonce: part(header, 40),
        }))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.cipher == XCHACHA
    }

    fn is_compressed(&self) -> bool {
        self.compression == ZSTD
    }
}

/// `N` bytes from `at` on, which have to be there.
fn part<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    std::array::from_fn(|i| header[at + i])
}

fn failed(what: &str, key: &str, cause: impl Into<String>) -> StoreError {
    let what = format!("cannot {what} the value of {key}");
    StoreError::Io { what, source: Error::new(ErrorKind::InvalidData, cause.into()) }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(CipherKey::<XChaCha20Poly1305>::cast_from_core(key.secret()))
}

/// The header and the key's name: what is authenticated beside the value.
fn associated(header: &Header, key: &str) -> Vec<u8> {
    [&header.bytes()[..], key.as_bytes()].concat()
}

/// The check of a value that is not encrypted. It shows damage, not forgery.
fn checksum(header: &Header, key: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&associated(header, key));
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

/// Seals `bytes` for `key` of the store.
pub(super) fn seal(how: &Sealing, key: &str, bytes: &[u8], expires: u64) -> Result<Vec<u8>, StoreError> {
    let failed = |cause: String| failed("seal", key, cause);
    if bytes.len() as u64 > MAX_VALUE {
        return Err(failed(format!("it has {} bytes, and {MAX_VALUE} are the most", bytes.len())));
    }
    let shorter = match how.compress {
        Some(level) if bytes.len() >= SHORT => zstd::bulk::compress(bytes, level)
            .map_err(|error| failed(format!("it cannot be compressed: {error}")))
            .map(|shorter| Some(shorter).filter(|shorter| shorter.len() < bytes.len()))?,
        _ => None,
    };
    let mut header = Header {
        compression: if shorter.is_some() { ZSTD } else { PLAIN },
        cipher: PLAIN,
        len: bytes.len() as u64,
        expires,
        key: [0; 8],
        nonce: [0; 24],
    };
    let body = shorter.as_deref().unwrap_or(bytes);
    let mut sealed = Vec::with_capacity(HEADER + body.len());
    sealed.resize(HEADER, 0);
    sealed.extend_from_slice(body);
    if let Some(keys) = &how.keys {
        let current = keys.current();
        header.cipher = XCHACHA;
        header.key = current.id();
        getrandom::fill(&mut header.nonce).map_err(|error| failed(format!("no random numbers: {error}")))?;
        let body = &mut sealed[HEADER..];
        let tag = cipher(current)
            .encrypt_inout_detached(&XNonce::from(header.nonce), &associated(&header, key), body.into())
            .map_err(|_| failed("it is too long to be encrypted".into()))?;
        sealed[CHECKED..CHECKED + tag.len()].copy_from_slice(&tag);
    } else {
        let check = checksum(&header, key, &sealed[HEADER..]);
        sealed[CHECKED..HEADER].copy_from_slice(&check);
    }
    sealed[..CHECKED].copy_from_slice(&header.bytes());
    Ok(sealed)
}

/// Opens what is kept under `key` of the store. Without a header it was never sealed.
pub(super) fn open(how: &Sealing, key: &str, sealed: &Bytes) -> Result<(Bytes, Option<Header>), StoreError> {
    let failed = |cause: &str| failed("open", key, cause);
    let header = Header::read(sealed).map_err(|cause| failed(&cause))?;
    let encrypted = header.as_ref().is_some_and(Header::is_encrypted);
    if how.keys.is_some() && !encrypted && !how.accept_plain {
        let cause = "it is not encrypted, though there are keys: it is forged, or older than the keys. Accept plain values \
                     once, and rotate the keys";
        return Err(failed(cause));
    }
    let Some(header) = header else { return Ok((sealed.clone(), None)) };
    let (Some(body), Some(check)) = (sealed.get(HEADER..), sealed.get(CHECKED..HEADER)) else {
        return Err(failed("it is cut off"));
    };
    let body = if encrypted {
        let Some(keys) = &how.keys else {
            return Err(failed(&format!("it is encrypted with key {}, and no key was given", Key::show(header.key))));
        };
        let Some(known) = keys.find(header.key) else {
            let cause = format!("it is encrypted with key {}, which is not among those given", Key::show(header.key));
            return Err(failed(&cause));
        };
        let (tag, rest) = check.split_at(16);
        let tag = Tag::try_from(tag).map_err(|_| failed("its header is damaged"))?;
        let mut body = body.to_vec();
        let opened = cipher(known).decrypt_inout_detached(
            &XNonce::from(header.nonce),
            &associated(&header, key),
            body.as_mut_slice().into(),
            &tag,
        );
        if opened.is_err() || rest.iter().any(|byte| *byte != 0) {
            return Err(failed("it is damaged, cut off, or another key's: its authentication failed"));
        }
        Bytes::from(body)
    } else {
        if checksum(&header, key, body) != check {
            return Err(failed("it is damaged, cut off, or another key's: its checksum differs"));
        }
        sealed.slice(HEADER..)
    };
    let bytes = if header.is_compressed() { expand(&body, header.len).map_err(|e| failed(&e))? } else { body };
    if bytes.len() as u64 != header.len {
        return Err(failed("its length is not what its header says"));
    }
    Ok((bytes, Some(header)))
}

/// What was compressed, which has to have `len` bytes.
fn expand(body: &[u8], len: u64) -> Result<Bytes, String> {
    if len > MAX_VALUE {
        return Err(format!("it claims {len} bytes, and {MAX_VALUE} are the most"));
    }
    let failed = |error: Error| format!("it cannot be expanded: {error}");
    // Grown as it comes: the claimed length costs nothing until the bytes are there.
    let mut bytes = Vec::with_capacity(len.min(64 << 20) as usize);
    zstd::stream::Decoder::with_buffer(body).map_err(failed)?.take(len + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes.into())
}
