//! Which runs may have events in their journals that nobody has heard yet.
//!
//! The journal is the queue: a run's events are in it, in order, before anybody hears of them. A mark says that a run
//! publishes, and from which position of its journal on; it is made before the first event is recorded, and taken away
//! when all are known to have been handed over. So nothing is lost if a process dies in between, and marks cost one small
//! file for each run that publishes.
//!
//! Whoever wants to take a mark away claims it first, by renaming it, and looks then whether the run is driven. Whoever
//! drives a run looks for its mark when it has the lease. So one of them sees the other: no run publishes without a mark.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use run::RunId;

use crate::broker::private_folder;

/// The marks of a home.
pub(crate) struct Outbox {
    folder: PathBuf,
    /// The store that this process keeps runs in: those of others are nothing to it.
    store: String,
    /// Whether a mark must survive a power cut.
    durable: bool,
}

/// A mark.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    pub run: RunId,
    /// Nothing before this position of the journal is meant.
    pub from: u64,
    name: String,
}

impl Mark {
    fn claimed(&self) -> bool {
        self.name.contains('.')
    }
}

impl Outbox {
    pub fn new(folder: PathBuf, store: String, durable: bool) -> Self {
        Self { folder, store, durable }
    }

    /// Marks `run`, unless it is marked. The mark is a symbolic link that leads nowhere, so that its name and what it
    /// says come into being together.
    pub fn mark(&self, run: &RunId, from: u64) -> io::Result<()> {
        let text = format!("{from} {}", self.store);
        let path = self.folder.join(run.as_str());
        let made = match symlink(&text, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                private_folder(self.folder.parent().unwrap_or(&self.folder))?;
                private_folder(&self.folder)?;
                symlink(&text, &path)
            }
            made => made,
        };
        match made {
            Ok(()) if self.durable => std::fs::File::open(&self.folder)?.sync_all(),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// All marks of runs of this store.
    pub fn all(&self) -> io::Result<Vec<Mark>> {
        self.named(|_| true)
    }

    /// The marks of one run.
    pub fn of(&self, run: &RunId) -> io::Result<Vec<Mark>> {
        self.named(|name| name.split('.').next() == Some(run.as_str()))
    }

    fn named(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<Mark>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if wanted(&name) {
                all.extend(self.read(name));
            }
        }
        Ok(all)
    }

    fn read(&self, name: String) -> Option<Mark> {
        let run = name.split('.').next()?.parse().ok()?;
        // Gone meanwhile, or nothing that we wrote.
        let text = std::fs::read_link(self.folder.join(&name)).ok()?.into_os_string().into_string().ok()?;
        let (from, store) = text.split_once(' ')?;
        (store == self.store).then_some(Mark { run, from: from.parse().ok()?, name })
    }

    /// Takes a mark for this process; `None` if somebody else was faster.
    pub fn claim(&self, mark: Mark) -> io::Result<Option<Mark>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if mark.claimed() {
            return Ok(Some(mark));
        }
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{}-{}-{n}", mark.run, std::process::id(), crate::broker::now());
        match std::fs::rename(self.folder.join(&mark.name), self.folder.join(&name)) {
            Ok(()) => Ok(Some(Mark { name, ..mark })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a claimed mark away: what it stood for has been handed over.
    pub fn done(&self, mark: &Mark) {
        let path: &Path = &self.folder.join(&mark.name);
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a mark cannot be removed: {}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_kept_until_it_is_done() {
        let home = tempfile::tempdir().expect("a folder");
        let outbox = |store: &str| Outbox::new(home.path().join("daemon/outbox"), store.into(), true);
        let (ours, theirs) = (outbox("file:a b"), outbox("other"));
        let run: RunId = "r1".parse().expect("an id");
        assert_eq!(ours.all().expect("none"), []);
        ours.mark(&run, 70).expect("marked");
        ours.mark(&run, 90).expect("marked already");
        assert!(theirs.all().expect("read").is_empty());
        let mark = ours.all().expect("read").remove(0);
        assert_eq!((&mark.run, mark.from), (&run, 70));
        let claimed = ours.claim(mark.clone()).expect("claimed").expect("ours");
        // Taken up again meanwhile: that is another mark.
        assert!(ours.claim(mark).expect("looked").is_none());
        ours.mark(&run, 200).expect("marked");
        assert_eq!(ours.of(&run).expect("read").len(), 2);
        ours.done(&claimed);
        assert_eq!(ours.of(&run).expect("read")[0].from, 200);
    }
}
