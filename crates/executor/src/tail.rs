//! Reading journals: whole, or just the tail behind the newest usable snapshot.

use bytes::Bytes;
use run::{
    Body, Entry, Hash, RunId,
    journal::{Chain, Corrupt, Read, Reader},
};
use store::JournalStore;

use crate::{ExecError, log::Place};

/// An entry and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// The place before it.
    pub before: Place,
    /// The place behind it.
    pub after: Place,
    pub entry: Entry,
}

/// What was read of a journal, from some place on.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pub entries: Vec<Placed>,
    /// The place behind the last good line.
    pub end: Place,
    /// Bytes behind it: an append that was cut off.
    pub torn: u64,
}

/// How much is read at one time when a tail is looked for.
const CHUNK: u64 = 256 << 10;

/// Reads everything from `from` on.
pub(crate) async fn read(journals: &dyn JournalStore, run: &RunId, from: Place) -> Result<Tail, ExecError> {
    let bytes = journals.read(run, from.at, u64::MAX).await?;
    parse(run, from, &bytes)
}

/// Parses lines that begin at `from`; entries that a later `resume` took back are left out.
pub(crate) fn parse(run: &RunId, from: Place, bytes: &Bytes) -> Result<Tail, ExecError> {
    let corrupt = |cause: Corrupt| ExecError::Corrupt { run: run.clone(), cause };
    let mut reader = if from.at == 0 { Reader::new(bytes) } else { Reader::after(from.at, from.chain, bytes) };
    let mut entries: Vec<Placed> = Vec::new();
    let mut before = from;
    for line in reader.by_ref() {
        let Read { end, chain, entry, .. } = line.map_err(corrupt)?;
        let after = Place { at: end, chain };
        if let Some(entry) = entry {
            if let Body::Resume { back_to: Some(back_to), .. } = entry.body {
                while entries.last().is_some_and(|last| last.before.at >= back_to) {
                    entries.pop();
                }
            }
            entries.push(Placed { before, after, entry });
        }
        before = after;
    }
    Ok(Tail {
        entries,
        end: Place { at: reader.position(), chain: reader.checksum() },
        torn: reader.torn().len() as u64,
    })
}

/// The first entry of a journal.
pub(crate) async fn first(journals: &dyn JournalStore, run: &RunId) -> Result<Option<Placed>, ExecError> {
    let mut max = 64 << 10;
    loop {
        let bytes = journals.read(run, 0, max).await?;
        let whole = (bytes.len() as u64) < max;
        if bytes.contains(&b'\n') || whole {
            let end = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
            return Ok(parse(run, Place::default(), &bytes.slice(..end))?.entries.into_iter().next());
        }
        max *= 4;
    }
}

/// The snapshots that a journal names, newest first, read from its end backwards.
pub(crate) struct Snapshots<'a> {
    journals: &'a dyn JournalStore,
    run: &'a RunId,
    /// Everything from here on was looked through.
    from: u64,
    /// The beginning of a line whose start lies before `from`.
    rest: Bytes,
    /// Entries from here on were taken back by a later `resume`.
    cut: u64,
    found: Vec<Hash>,
}

impl<'a> Snapshots<'a> {
    pub async fn new(journals: &'a dyn JournalStore, run: &'a RunId) -> Result<Self, ExecError> {
        let from = journals.len(run).await?;
        Ok(Self { journals, run, from, rest: Bytes::new(), cut: u64::MAX, found: Vec::new() })
    }

    pub async fn next(&mut self) -> Result<Option<Hash>, ExecError> {
        while self.found.is_empty() {
            if self.from == 0 {
                return Ok(None);
            }
            self.look_back().await?;
        }
        Ok(Some(self.found.remove(0)))
    }

    async fn look_back(&mut self) -> Result<(), ExecError> {
        let start = self.from.saturating_sub(CHUNK);
        let mut bytes = self.journals.read(self.run, start, self.from - start).await?.to_vec();
        bytes.extend_from_slice(&self.rest);
        self.from = start;
        // Only whole lines: what precedes the first line break belongs to the chunk before.
        let first =
            if start == 0 { 0 } else { bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1) };
        let mut end = bytes.len();
        while end > first {
            let line_start = bytes[first..end - 1].iter().rposition(|b| *b == b'\n').map_or(first, |at| first + at + 1);
            let line = &bytes[line_start..end];
            self.look_at(start + line_start as u64, line);
            end = line_start;
        }
        self.rest = Bytes::copy_from_slice(&bytes[..first]);
        Ok(())
    }

    fn look_at(&mut self, at: u64, line: &[u8]) {
        // Parsing every line would cost more than the look back saves; these two kinds begin in a known way.
        let interesting = line.starts_with(b"{\"t\":\"snapshot\"") || line.starts_with(b"{\"t\":\"resume\"");
        if !interesting || Chain::stated(line.trim_ascii_end()).is_none() {
            return;
        }
        match Reader::new(&mend(line)).next() {
            Some(Ok(Read { entry: Some(Entry { body: Body::Snapshot { hash, .. }, .. }), .. })) if at < self.cut => {
                self.found.push(hash);
            }
            Some(Ok(Read { entry: Some(Entry { body: Body::Resume { back_to: Some(back_to), .. }, .. }), .. }))
                if at < self.cut =>
            {
                self.cut = back_to;
            }
            _ => {}
        }
    }
}

/// The line without its checksum, which only a reader that knows the line before could verify: a hint is enough here,
/// since the snapshot itself is checked, and so is every line behind its position.
fn mend(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line.trim_ascii_end());
    let mut value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    value.remove("c");
    value.remove("f");
    let mut out = serde_json::to_vec(&value).unwrap_or_default();
    out.push(b'\n');
    out
}
