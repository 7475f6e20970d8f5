//! Who may drive a run: leases are taken, looked up, and runs deleted.

use std::{
    fs::File,
    io,
    path::Path,
    time::{Duration, Instant},
};

use run::RunId;

use super::{
    Home,
    appends::Driver,
    disk::{self, Context},
    record::{self, Record},
};
use crate::{Owner, StoreError};

const LEASE: &str = "lease";
const LEASE_ASIDE: &str = "lease.new";
const JOURNAL_ASIDE: &str = "journal.new";
const INBOX: &str = "inbox";

/// How long to wait for another process that takes a lease of the run at this moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// The lock on a run's folder.
struct Admin {
    _folder: File,
}

/// A journal that was opened to be driven.
struct Opened {
    journal: File,
    /// Whether we have its lock.
    locked: bool,
}

impl Home {
    /// Makes the journal, and nothing else if nothing is in the way. Nothing is synced: the first sync does that.
    pub(super) fn create(&self, run: &RunId, owner: &Owner) -> Result<(u64, Driver), StoreError> {
        let path = self.journal(run);
        let mut made = disk::create(&path);
        if matches!(&made, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            disk::make_folders(&self.runs, self.durable())
                .context(|| format!("cannot make folder {}", self.runs.display()))?;
            made = disk::create(&path);
        }
        let journal = match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(StoreError::Exists(run.clone())),
            made => made.context(|| format!("cannot make journal {}", path.display()))?,
        };
        let done = self.begin(run, owner, &journal);
        match done {
            Ok(()) => Ok((1, Driver::new(run, journal, path, self.durable()))),
            Err(error) => {
                // Whoever is faster by some microseconds has the run; else there is no run.
                if !matches!(error, StoreError::Held { .. }) {
                    let _ = std::fs::remove_file(&path);
                }
                Err(error)
            }
        }
    }

    /// Takes the lease of a journal that was just made.
    fn begin(&self, run: &RunId, owner: &Owner, journal: &File) -> Result<(), StoreError> {
        let folder = self.folder(run);
        let taking = || format!("cannot take the lease of run {run} in {}", self.runs.display());
        if !disk::lock_soon(journal).context(taking)? {
            return Err(self.held(run, journal));
        }
        if disk::stat(&folder).context(taking)?.is_some() {
            // What was saved for the run before, the rest of a deletion, or somebody who was faster.
            let _admin = self.admin(run, true)?;
            if !self.is_in_place(run, journal).context(taking)? || disk::fstat(journal).context(taking)?.st_size > 0 {
                return Err(self.held(run, journal));
            }
            disk::found(std::fs::remove_file(folder.join(LEASE))).context(taking)?;
            disk::found(std::fs::remove_dir_all(folder.join(INBOX))).context(taking)?;
        }
        let record = Record { fence: 1, owner: owner.clone(), disk: false };
        if !record::note(journal, owner) {
            disk::make_folder(&folder).context(taking)?;
            self.write_lease(run, &record, None).context(taking)?;
        }
        Ok(())
    }

    pub(super) fn acquire(&self, run: &RunId, owner: &Owner, take_over: bool) -> Result<(u64, Driver), StoreError> {
        let path = self.journal(run);
        let taking = || format!("cannot take the lease of run {run} in {}", self.runs.display());
        // Before a folder is made for it.
        self.open_journal(run, true)?;
        let _admin = self.admin(run, true)?;
        let opened = loop {
            let journal = match self.open_journal(run, true) {
                Err(error @ StoreError::NotFound(_)) => {
                    // Deleted since; the folder was made by us.
                    let _ = disk::remove_folder(&self.folder(run));
                    return Err(error);
                }
                journal => journal?,
            };
            let locked = disk::lock_soon(&journal).context(taking)?;
            // A run without a folder is deleted under the journal's lock alone.
            if self.is_in_place(run, &journal).context(taking)? {
                break Opened { journal, locked };
            }
        };
        if !opened.locked && !take_over {
            return Err(self.held(run, &opened.journal));
        }
        let before = self.read_lease(run).context(taking)?;
        let fence = before.as_ref().map_or(1, |before| before.fence).saturating_add(1);
        let record = Record { fence, owner: owner.clone(), disk: self.durable() };
        self.write_lease(run, &record, before.as_ref()).context(taking)?;
        let sealed = disk::is_sealed(&disk::fstat(&opened.journal).context(taking)?);
        let journal = if opened.locked && !sealed {
            opened.journal
        } else {
            self.replace_journal(run, &opened.journal).context(taking)?
        };
        Ok((fence, Driver::new(run, journal, path, self.durable())))
    }

    /// Gives the run a new journal file with the same content, locked. The old one is sealed first: its driver sees that
    /// after each write, so it knows of no write that is not in the copy. A seal that is found without its driver is
    /// that of a take-over that was cut short.
    fn replace_journal(&self, run: &RunId, old: &File) -> io::Result<File> {
        disk::seal(old)?;
        let aside = self.folder(run).join(JOURNAL_ASIDE);
        disk::found(std::fs::remove_file(&aside))?;
        let mut new = disk::create(&aside)?;
        if !disk::lock(&new, false)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        io::copy(&mut &*old, &mut new)?;
        if self.durable() {
            new.sync_all()?;
        }
        std::fs::rename(&aside, self.journal(run))?;
        if self.durable() {
            disk::sync_folder(&self.runs)?;
        }
        Ok(new)
    }

    pub(super) fn owner(&self, run: &RunId) -> Result<Option<Owner>, StoreError> {
        let looking = || format!("cannot look up who drives run {run} in {}", self.runs.display());
        // Keeps out whoever takes the lease: the lock below, short as it is, could refuse them.
        let _admin = self.admin(run, false)?;
        let journal = self.open_journal(run, false)?;
        if disk::lock(&journal, true).context(looking)? {
            return Ok(None);
        }
        Ok(Some(self.named(run, &journal)))
    }

    pub(super) fn delete(&self, run: &RunId) -> Result<(), StoreError> {
        let folder = self.folder(run);
        let deleting = || format!("cannot delete run {run} in {}", self.runs.display());
        let _admin = self.admin(run, false)?;
        let existed = self.has_journal(run)?;
        // Whatever else has the name is nobody's to drive.
        let journal = self.open_journal(run, false).ok();
        if let Some(journal) = &journal {
            let ours =
                disk::lock_soon(journal).context(deleting)? && self.is_in_place(run, journal).context(deleting)?;
            if !ours && self.has_journal(run)? {
                return Err(self.held(run, journal));
            }
        }
        disk::found(std::fs::remove_file(self.journal(run))).context(deleting)?;
        if self.durable() && existed {
            // Before the folder: a journal that came back without it would have lost its fence.
            disk::sync_folder(&self.runs).context(deleting)?;
        }
        disk::remove_folder(&folder).context(deleting)?;
        if existed { Ok(()) } else { Err(StoreError::NotFound(run.clone())) }
    }

    fn open_journal(&self, run: &RunId, write: bool) -> Result<File, StoreError> {
        let path = self.journal(run);
        let journal = disk::open(&path, write).context(|| format!("cannot open journal {}", path.display()))?;
        journal.ok_or_else(|| StoreError::NotFound(run.clone()))
    }

    /// Whether `journal` is still the file of that name.
    fn is_in_place(&self, run: &RunId, journal: &File) -> io::Result<bool> {
        let ours = disk::fstat(journal)?;
        Ok(disk::stat(&self.journal(run))?.is_some_and(|now| (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino)))
    }

    fn held(&self, run: &RunId, journal: &File) -> StoreError {
        StoreError::Held { run: run.clone(), owner: Box::new(self.named(run, journal)) }
    }

    /// Who holds the lock of `journal`, as far as that is written down.
    fn named(&self, run: &RunId, journal: &File) -> Owner {
        let unknown = || Owner { host: "this machine".into(), pid: 0, what: "an unknown process".into(), since: 0 };
        let lease = self.read_lease(run).ok().flatten().map(|record| record.owner);
        lease.or_else(|| record::noted(journal)).unwrap_or_else(unknown)
    }

    fn read_lease(&self, run: &RunId) -> io::Result<Option<Record>> {
        Record::read(&self.folder(run).join(LEASE))
    }

    /// Replaces the lease file, which said `before`. On disk when it returns, if it says so: the fence must not go back.
    fn write_lease(&self, run: &RunId, record: &Record, before: Option<&Record>) -> io::Result<()> {
        let folder = self.folder(run);
        let aside = folder.join(LEASE_ASIDE);
        disk::found(std::fs::remove_file(&aside))?;
        let file = disk::create(&aside)?;
        record.write(&file)?;
        // A file that a power cut leaves without its content means fence 1. Where that is right, the file can be synced
        // together with its name, which is quicker.
        if record.disk && before.is_some() {
            file.sync_data()?;
        }
        std::fs::rename(&aside, folder.join(LEASE))?;
        if record.disk {
            if before.is_none() {
                file.sync_data()?;
            }
            disk::sync_folder(&folder)?;
            if !before.is_some_and(|before| before.disk) {
                disk::sync_folder(&self.runs)?;
            }
        }
        Ok(())
    }

    /// Locks the run's folder, which is made if we `take` something and there is none. Who only looks gets a shared
    /// lock, or none if there is no folder.
    fn admin(&self, run: &RunId, take: bool) -> Result<Option<Admin>, StoreError> {
        let path = self.folder(run);
        let locking = || format!("cannot lock {}", path.display());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if take {
                disk::make_folder(&path).context(|| format!("cannot make folder {}", path.display()))?;
            }
            let Some(folder) = open_folder(&path).context(locking)? else {
                if take { continue } else { return Ok(None) }
            };
            if disk::lock(&folder, !take).context(locking)? {
                // A deletion may have taken the folder away in between.
                let ours = disk::fstat(&folder).context(locking)?;
                match disk::stat(&path).context(locking)? {
                    Some(now) if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino) => {
                        return Ok(Some(Admin { _folder: folder }));
                    }
                    _ => continue,
                }
            }
            if Instant::now() > deadline {
                let cause = "another process has been taking or deleting the run for some seconds; is it stopped?";
                return Err(io::Error::new(io::ErrorKind::TimedOut, cause)).context(locking);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

fn open_folder(path: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(folder) => Ok(Some(folder.into())),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
