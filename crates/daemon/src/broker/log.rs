//! The log of events: numbered, bounded, on disk, and its newest part in memory.
//!
//! Two files, `events.jsonl` and the older `events.1.jsonl`, hold the lines as they are sent. When the newer one has
//! half of what the log may hold it becomes the older one. A number is never given twice, even if a power cut takes
//! events away: numbers are reserved in blocks, on disk, and after a restart of the machine the next block is begun.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use executor::EmittedAt;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::sources::{SOURCES, Sources};
use super::{Filter, MAX_LINE, held, protocol};

/// How much the log keeps.
#[derive(Clone, Copy, Debug)]
pub struct LogLimits {
    /// On disk, in bytes; reached from below, between half of it and all.
    pub disk: u64,
    /// Events on disk, in the same way.
    pub events: u64,
    /// In memory, in bytes.
    pub memory: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { disk: 64 << 20, events: 1_000_000, memory: 8 << 20 }
    }
}

/// An event to be published.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// Its type.
    pub kind: &'a str,
    /// Its payload: JSON on one line.
    pub data: &'a str,
    /// The run or program that it comes from.
    pub from: Option<&'a str>,
    /// How many listeners it took to cause it: bounds events that cause each other.
    pub hops: u32,
    /// Which of the events of `from` it is, if that is known: published again, it is not added again.
    pub at: Option<EmittedAt>,
}

/// An event of the log.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number.
    pub seq: u64,
    /// Its type.
    pub kind: Arc<str>,
    /// The line as it is sent, with its newline.
    pub line: Bytes,
}

/// What lies behind a place in the log.
#[derive(Debug, Default)]
pub struct Read {
    /// The events that were wanted, in order.
    pub events: Vec<Event>,
    /// The place behind what was looked at.
    pub cursor: u64,
    /// The oldest number that is still there, if what the reader wanted next is not.
    pub lost: Option<u64>,
}

/// The log. Shared by all who publish and read.
pub struct EventLog {
    inner: Mutex<Inner>,
    syncing: Mutex<()>,
    last: watch::Sender<u64>,
}

struct Inner {
    folder: PathBuf,
    limits: LogLimits,
    older: Option<Segment>,
    newer: Segment,
    sources: Sources,
    ring: VecDeque<Event>,
    ring_bytes: usize,
    next: u64,
    reserved: u64,
    dirty: bool,
}

/// One file of the log.
struct Segment {
    file: Arc<File>,
    len: u64,
    count: u64,
    first: u64,
    newest: u64,
    /// Where some events begin: number and offset.
    index: Vec<(u64, u64)>,
}

const NEWER: &str = "events.jsonl";
const OLDER: &str = "events.1.jsonl";
const NUMBERS: &str = "events.next";
/// Bytes between two places of the index; also what is read at one time.
const STRIDE: u64 = 256 << 10;
const RESERVE: u64 = 1 << 20;
/// The most events that one read gives.
const READ_EVENTS: usize = 1_024;

/// What is said of the numbers, on disk.
#[derive(Serialize, Deserialize)]
struct Numbers {
    /// None at or beyond this was given.
    reserved: u64,
    /// Until the machine is started again, what was written is there.
    boot: String,
}

#[derive(Deserialize)]
struct Head {
    seq: u64,
    #[serde(rename = "type")]
    kind: String,
}

/// Where an event of the log comes from.
#[derive(Deserialize)]
struct Source {
    seq: u64,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    begun: u64,
    #[serde(default)]
    at: Option<u64>,
}

impl EventLog {
    /// Opens the log in `folder`, or begins it. A line that was being written when its writer was killed is cut off.
    pub fn open(folder: &Path, limits: LogLimits) -> io::Result<Self> {
        let removed = !folder.join(NEWER).exists();
        let mut sources = Sources::new(SOURCES);
        let older = Segment::open(&folder.join(OLDER), false, &mut sources)?.filter(|older| older.count > 0);
        let newer = Segment::open(&folder.join(NEWER), true, &mut sources)?.ok_or(io::ErrorKind::NotFound)?;
        let behind = [older.as_ref(), Some(&newer)].into_iter().flatten().filter_map(Segment::last).max().unwrap_or(0);
        let numbers = std::fs::read(folder.join(NUMBERS)).ok().and_then(|b| serde_json::from_slice::<Numbers>(&b).ok());
        let next = match &numbers {
            Some(numbers) if numbers.boot != boot() || removed => numbers.reserved.max(behind + 1),
            _ => behind + 1,
        };
        let mut inner = Inner {
            folder: folder.to_owned(),
            limits,
            older,
            newer,
            sources,
            ring: VecDeque::new(),
            ring_bytes: 0,
            next,
            reserved: 0,
            dirty: false,
        };
        inner.reserve()?;
        Ok(Self { last: watch::Sender::new(next - 1), inner: Mutex::new(inner), syncing: Mutex::default() })
    }

    /// Adds those of the events that are not there yet, and gives the last number there is. Either all are added or
    /// none; they are with the operating system then, so that they survive this process.
    pub fn append(&self, events: &[NewEvent<'_>]) -> io::Result<u64> {
        let mut inner = held(&self.inner);
        let added = match inner.new_among(events) {
            Some(new) if new.is_empty() => return Ok(inner.next - 1),
            Some(new) => inner.append(&new),
            None => inner.append(events),
        };
        added?;
        // Under the lock, so that the number never goes back.
        self.last.send_replace(inner.next - 1);
        Ok(inner.next - 1)
    }

    /// Tells when there is more: the number of the last event.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// The number of the last event; 0 if there was none.
    pub fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// Reads what `filter` wants behind `cursor`, up to about `bytes`; again from the cursor that is given.
    pub fn read(&self, cursor: u64, filter: &Filter, bytes: usize) -> io::Result<Read> {
        let (file, from, len, lost, end) = {
            let inner = held(&self.inner);
            if cursor + 1 >= inner.next {
                return Ok(Read { cursor, ..Read::default() });
            }
            let first = inner.first();
            let lost = (cursor + 1 < first).then_some(first);
            if inner.ring.front().is_some_and(|front| front.seq <= cursor.max(first - 1) + 1) {
                return Ok(inner.read_ring(cursor, filter, bytes, lost));
            }
            let segments = [inner.older.as_ref(), Some(&inner.newer)];
            let found = segments.into_iter().flatten().find(|s| s.last().is_some_and(|last| last > cursor));
            let Some(segment) = found else { return Ok(Read { cursor: inner.next - 1, lost, ..Read::default() }) };
            // The index names some events: the last one that is not behind what is wanted.
            let at = segment.index.partition_point(|(seq, _)| *seq <= cursor + 1);
            let from = at.checked_sub(1).map_or(0, |at| segment.index[at].1);
            (segment.file.clone(), from, segment.len, lost, inner.next - 1)
        };
        let mut read = read_file(&file, from, len, cursor, filter)?;
        read.lost = lost;
        if read.cursor == cursor {
            // Nothing whole is there: go on with what comes.
            read.cursor = end;
        }
        Ok(read)
    }

    /// Puts on disk what is with the operating system.
    pub fn sync(&self) -> io::Result<()> {
        // One after the other: who finds nothing to do may rely on it.
        let _alone = held(&self.syncing);
        let file = {
            let mut inner = held(&self.inner);
            if !std::mem::take(&mut inner.dirty) {
                return Ok(());
            }
            inner.newer.file.clone()
        };
        file.sync_data().inspect_err(|_| held(&self.inner).dirty = true)
    }

    /// Events that are kept, their bytes, and the number of the oldest.
    pub fn size(&self) -> (u64, u64, u64) {
        let inner = held(&self.inner);
        let older = inner.older.as_ref().map_or((0, 0), |older| (older.count, older.len));
        (older.0 + inner.newer.count, older.1 + inner.newer.len, inner.first())
    }
}

impl Inner {
    fn first(&self) -> u64 {
        let segments = [self.older.as_ref(), Some(&self.newer)].into_iter().flatten();
        segments.filter(|segment| segment.count > 0).map(|segment| segment.first).next().unwrap_or(self.next)
    }

    fn reserve(&mut self) -> io::Result<()> {
        let reserved = self.next + RESERVE;
        let numbers = Numbers { reserved, boot: boot() };
        let mut aside = tempfile::NamedTempFile::new_in(&self.folder)?;
        aside.write_all(&serde_json::to_vec(&numbers)?)?;
        aside.as_file().sync_all()?;
        aside.persist(self.folder.join(NUMBERS)).map_err(|e| e.error)?;
        File::open(&self.folder)?.sync_all()?;
        self.reserved = reserved;
        Ok(())
    }

    /// The events that are not there yet; `None` if that is all of them.
    fn new_among<'a>(&self, events: &[NewEvent<'a>]) -> Option<Vec<NewEvent<'a>>> {
        let mut among: HashMap<&str, EmittedAt> = HashMap::new();
        let new = |event: &&NewEvent<'a>| {
            let (Some(from), Some(at)) = (event.from, event.at) else { return true };
            let before = among.insert(from, at);
            let again = before.is_some_and(|last| last.begun == at.begun && at.position <= last.position);
            !again && !self.sources.has(from, at)
        };
        let new: Vec<NewEvent<'a>> = events.iter().filter(new).copied().collect();
        (new.len() < events.len() || events.is_empty()).then_some(new)
    }

    fn append(&mut self, events: &[NewEvent<'_>]) -> io::Result<()> {
        if self.next + events.len() as u64 >= self.reserved {
            self.reserve()?;
        }
        if self.newer.len >= self.limits.disk / 2 || self.newer.count >= self.limits.events / 2 {
            self.rotate()?;
        }
        let ts = super::now();
        let mut text = String::with_capacity(events.iter().map(|event| event.data.len() + 120).sum());
        let mut ends = Vec::with_capacity(events.len());
        for (n, event) in events.iter().enumerate() {
            protocol::event(&mut text, self.next + n as u64, ts, event);
            ends.push(text.len());
        }
        if let Err(error) = (&*self.newer.file).write_all(text.as_bytes()) {
            // Half a batch must not stand there.
            let _ = self.newer.file.set_len(self.newer.len);
            return Err(error);
        }
        self.dirty = true;
        let mut rest = Bytes::from(text);
        let mut begin = 0;
        for (event, end) in events.iter().zip(ends) {
            let line = rest.split_to(end - begin);
            begin = end;
            self.newer.add(self.next, line.len() as u64);
            if let (Some(from), Some(at)) = (event.from, event.at) {
                self.sources.add(from, at, self.next);
            }
            self.ring_bytes += line.len();
            let kind = match self.ring.back() {
                Some(last) if *last.kind == *event.kind => last.kind.clone(),
                _ => event.kind.into(),
            };
            self.ring.push_back(Event { seq: self.next, kind, line });
            self.next += 1;
        }
        while self.ring_bytes > self.limits.memory
            && let Some(dropped) = self.ring.pop_front()
        {
            self.ring_bytes -= dropped.line.len();
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.newer.file.sync_data()?;
        std::fs::rename(self.folder.join(NEWER), self.folder.join(OLDER))?;
        let fresh = Segment::open(&self.folder.join(NEWER), true, &mut self.sources)?.ok_or(io::ErrorKind::NotFound)?;
        File::open(&self.folder)?.sync_all()?;
        self.older = Some(std::mem::replace(&mut self.newer, fresh));
        // What is not on disk any more is not in memory either, so that there is one oldest event.
        let first = self.first();
        while let Some(front) = self.ring.front().filter(|front| front.seq < first) {
            self.ring_bytes -= front.line.len();
            self.ring.pop_front();
        }
        Ok(())
    }

    fn read_ring(&self, cursor: u64, filter: &Filter, bytes: usize, lost: Option<u64>) -> Read {
        let begin = self.ring.partition_point(|event| event.seq <= cursor);
        let mut read = Read { cursor, lost, ..Read::default() };
        let mut taken = 0;
        for event in self.ring.range(begin..) {
            if taken >= bytes || read.events.len() >= READ_EVENTS {
                return read;
            }
            read.cursor = event.seq;
            if filter.wants(&event.kind) {
                taken += event.line.len();
                read.events.push(event.clone());
            }
        }
        read
    }
}

impl Segment {
    /// Reads a file, and notes in `sources` where its events come from.
    fn open(path: &Path, make: bool, sources: &mut Sources) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).append(true).create(make).mode(0o600).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !make => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut segment = Self { file: Arc::new(file), len: 0, count: 0, first: 0, newest: 0, index: Vec::new() };
        let mut lines = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut line = Vec::new();
        let (mut skipped, mut last) = (0u64, 0);
        loop {
            line.clear();
            let most = MAX_LINE as u64 + 4_096;
            if lines.by_ref().take(most).read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
                break;
            }
            match serde_json::from_slice::<Head>(&line) {
                Ok(head) if head.seq > last => {
                    last = head.seq;
                    segment.len += skipped;
                    segment.add(head.seq, line.len() as u64);
                    skipped = 0;
                    if let Ok(Source { seq, from: Some(from), begun, at: Some(position) }) =
                        serde_json::from_slice(&line)
                    {
                        sources.add(&from, EmittedAt { begun, position }, seq);
                    }
                }
                _ => skipped += line.len() as u64,
            }
        }
        if segment.file.metadata()?.len() > segment.len {
            tracing::warn!(file = %path.display(), bytes = segment.file.metadata()?.len() - segment.len,
                "the end of the log of events is no event; it is cut off");
            segment.file.set_len(segment.len)?;
        }
        Ok(Some(segment))
    }

    fn add(&mut self, seq: u64, len: u64) {
        if self.count == 0 {
            self.first = seq;
        }
        if self.index.last().is_none_or(|(_, offset)| self.len - offset >= STRIDE) {
            self.index.push((seq, self.len));
        }
        self.len += len;
        self.count += 1;
        self.newest = seq;
    }

    fn last(&self) -> Option<u64> {
        (self.count > 0).then_some(self.newest)
    }
}

/// Reads a piece of a file of the log.
fn read_file(file: &File, mut from: u64, len: u64, cursor: u64, filter: &Filter) -> io::Result<Read> {
    let mut read = Read { cursor, ..Read::default() };
    let mut most = STRIDE * 2;
    while from < len {
        let size = usize::try_from(most.min(len - from)).map_err(io::Error::other)?;
        let mut bytes = BytesMut::zeroed(size);
        file.read_exact_at(&mut bytes, from)?;
        let bytes = bytes.freeze();
        let mut at = 0;
        while let Some(end) = bytes[at..].iter().position(|b| *b == b'\n').map(|end| at + end + 1) {
            let line = bytes.slice(at..end);
            at = end;
            let Ok(head) = serde_json::from_slice::<Head>(&line) else { continue };
            if head.seq <= read.cursor {
                continue;
            }
            if read.events.len() >= READ_EVENTS {
                return Ok(read);
            }
            read.cursor = head.seq;
            if filter.wants(&head.kind) {
                read.events.push(Event { seq: head.seq, kind: head.kind.into(), line });
            }
        }
        if read.cursor > cursor {
            return Ok(read);
        }
        // All that was read lies before the place, or is part of one long line.
        if at == 0 { most *= 4 } else { from += at as u64 }
    }
    Ok(read)
}

/// Tells one start of the machine from another.
fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
