//! Messages to a run's driver: one file each, named so that they sort by arrival.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use run::RunId;

use super::{
    Home,
    disk::{self, Context},
};
use crate::{Message, StoreError};

impl Home {
    pub(super) fn post(&self, run: &RunId, body: &[u8]) -> Result<(), StoreError> {
        let folder = self.folder(run);
        let inbox = folder.join("inbox");
        let posting = || format!("cannot leave a message in {}", inbox.display());
        if !self.has_journal(run)? {
            return Err(StoreError::NotFound(run.clone()));
        }
        disk::replace(&inbox.join(name()), body, self.durable()).context(posting)?;
        if self.has_journal(run)? {
            return Ok(());
        }
        // Deleted meanwhile, and the folder perhaps made again for this message.
        let _ = disk::remove_folder(&folder);
        Err(StoreError::NotFound(run.clone()))
    }

    pub(super) fn messages(&self, run: &RunId) -> Result<Vec<Message>, StoreError> {
        let inbox = self.folder(run).join("inbox");
        let reading = || format!("cannot read the messages in {}", inbox.display());
        let Some(entries) = disk::found(std::fs::read_dir(&inbox)).context(reading)? else { return Ok(Vec::new()) };
        let mut messages = Vec::new();
        for entry in entries {
            let Ok(id) = entry.context(reading)?.file_name().into_string() else { continue };
            if !is_name(&id) {
                continue;
            }
            // Gone if it was acknowledged meanwhile.
            if let Some(body) = disk::load(&inbox.join(&id)).context(reading)? {
                messages.push(Message { id, body: body.into() });
            }
        }
        messages.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(messages)
    }

    pub(super) fn acknowledge(&self, run: &RunId, id: &str) -> Result<(), StoreError> {
        // Any other text names no message, and might name another file.
        if !is_name(id) {
            return Ok(());
        }
        let path = self.folder(run).join("inbox").join(id);
        // Not synced: a message that comes back after a power cut is known from the journal.
        disk::found(std::fs::remove_file(&path)).context(|| format!("cannot remove message {}", path.display()))?;
        Ok(())
    }
}

/// Nanoseconds since 1970, later than any this process has used, and a random part against other processes.
fn name() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    let next = |last: u64| now.max(last.saturating_add(1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last))).unwrap_or_default();
    format!("{:020}-{:08x}", next(last), disk::random() as u32)
}

fn is_name(id: &str) -> bool {
    id.len() == 29 && id.bytes().enumerate().all(|(i, b)| if i == 20 { b == b'-' } else { b.is_ascii_alphanumeric() })
}
