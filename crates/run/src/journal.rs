//! The bytes of a journal: one JSON object a line, each of ours closed by a checksum that runs through the whole file.
//!
//! `,"c":"xxxxxxxx"}` ends a line of ours: CRC-32 (IEEE) of the checksum before (4 bytes, little endian; 0 at the
//! start) followed by the line up to that comma. So a changed, missing, doubled or moved line is found, and a reader
//! can begin at any line whose predecessor it knows. Lines of the photon ecosystem have no checksum; a log has
//! either all or none. See `docs/format.md`.

use crate::entry::{BadEntry, Body, Entry, Line};

/// The running checksum after some line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chain(pub u32);

const OPEN: &[u8] = b",\"c\":\"";
const SUFFIX: usize = OPEN.len() + 8 + 2;

/// Appends the line of `entry` to `out`.
pub fn encode(entry: &Entry, chain: &mut Chain, out: &mut Vec<u8>) {
    let start = out.len();
    serde_json::to_writer(&mut *out, &Line::from(entry)).expect("an entry has a JSON form");
    out.pop(); // the closing brace goes behind the checksum
    *chain = chain.then(&out[start..]);
    out.extend_from_slice(OPEN);
    out.extend_from_slice(format!("{:08x}", chain.0).as_bytes());
    out.extend_from_slice(b"\"}\n");
}

impl Chain {
    fn then(self, line: &[u8]) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.0.to_le_bytes());
        hasher.update(line);
        Self(hasher.finalize())
    }

    /// The checksum that `line` says it has.
    pub fn stated(line: &[u8]) -> Option<Self> {
        let suffix = line.len().checked_sub(SUFFIX).map(|at| &line[at..])?;
        let digits = suffix.strip_prefix(OPEN)?.strip_suffix(b"\"}")?;
        // `from_str_radix` alone would take a sign and upper case.
        if !digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().map(Self)
    }
}

/// A damaged journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct Corrupt {
    /// Counted from 1, from where the reader began.
    pub line: u64,
    /// What is wrong with it.
    pub cause: CorruptCause,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorruptCause {
    /// The line was changed, or one before it was removed.
    #[error("its checksum does not match")]
    Checksum,
    /// A line without a checksum in a log whose other lines have one.
    #[error("it has no checksum, unlike the lines before it")]
    NoChecksum,
    /// Written under an older lease than a line before it.
    #[error("it was written by a driver that had lost the run (fence {0} after {1})")]
    Fence(u64, u64),
    /// The line is not an entry.
    #[error(transparent)]
    Entry(#[from] BadEntry),
}

/// A line that was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Read {
    /// The position of the line's first byte.
    pub at: u64,
    /// The position behind its line break.
    pub end: u64,
    /// The running checksum behind it.
    pub chain: Chain,
    /// The entry; `None` for a kind of another program, to be skipped.
    pub entry: Option<Entry>,
}

/// Reads the lines of a journal in order. Ends at the first damaged line.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: u64,
    line: u64,
    chain: Chain,
    /// Whether lines have checksums, once known.
    checked: Option<bool>,
    fence: u64,
    failed: bool,
}

impl<'a> Reader<'a> {
    /// Reads a whole journal.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, line: 0, chain: Chain::default(), checked: None, fence: 0, failed: false }
    }

    /// Reads a journal of ours from position `at` on, where `bytes` begin and the running checksum is `chain`.
    pub fn after(at: u64, chain: Chain, bytes: &'a [u8]) -> Self {
        Self { bytes, at, line: 0, chain, checked: Some(true), fence: 0, failed: false }
    }

    /// The position behind the last good line: everything from there on is a torn tail, once the reader has ended
    /// without an error.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The running checksum there.
    pub fn checksum(&self) -> Chain {
        self.chain
    }

    /// What is left behind the last good line: the beginning of a line whose append was cut off.
    pub fn torn(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the lines have checksums; `None` before the first line.
    pub fn checked(&self) -> Option<bool> {
        self.checked
    }

    fn read(&mut self, line: &[u8]) -> Result<(Chain, Option<Entry>), CorruptCause> {
        let stated = Chain::stated(line);
        let mut chain = self.chain;
        if stated.is_some() || self.checked == Some(true) {
            let stated = stated.ok_or(CorruptCause::NoChecksum)?;
            if self.checked == Some(false) {
                return Err(CorruptCause::Checksum);
            }
            chain = chain.then(&line[..line.len() - SUFFIX]);
            if chain != stated {
                return Err(CorruptCause::Checksum);
            }
        }
        let parsed: Line = serde_json::from_slice(line).map_err(|e| BadEntry::Json(e.to_string()))?;
        let entry = parsed.into_entry()?;
        if let Some(entry) = &entry {
            let ours = matches!(&entry.body, Body::Start(start) if start.origin.is_some());
            if stated.is_none() && (ours || entry.fence > 0) {
                return Err(CorruptCause::NoChecksum);
            }
            if entry.fence < self.fence {
                return Err(CorruptCause::Fence(entry.fence, self.fence));
            }
            self.fence = entry.fence;
        }
        self.checked = Some(stated.is_some());
        Ok((chain, entry))
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Read, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.failed {
                return None;
            }
            let end = self.bytes.iter().position(|b| *b == b'\n')?;
            let (line, rest) = (&self.bytes[..end], &self.bytes[end + 1..]);
            // A power cut can leave zeros where a write was under way; JSON text never holds one.
            if line.contains(&0) {
                let zeros_to_the_end = !rest.contains(&b'\n') || rest.iter().all(|b| *b == 0);
                if zeros_to_the_end {
                    return None;
                }
            }
            self.line += 1;
            let at = self.at;
            if self.checked != Some(true) && line.trim_ascii().is_empty() {
                self.at += end as u64 + 1;
                self.bytes = rest;
                continue;
            }
            return Some(match self.read(line) {
                Ok((chain, entry)) => {
                    self.at += end as u64 + 1;
                    self.bytes = rest;
                    self.chain = chain;
                    Ok(Read { at, end: self.at, chain, entry })
                }
                Err(cause) => {
                    self.failed = true;
                    Err(Corrupt { line: self.line, cause })
                }
            });
        }
    }
}
