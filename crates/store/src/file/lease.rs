//! Who may drive a run: leases are taken, looked up, and runs deleted, one at a time.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use run::RunId;
use serde::{Deserialize, Serialize};

use super::{
    Home,
    appends::Driver,
    disk::{self, Context},
};
use crate::{Owner, StoreError};

const LEASE: &str = "lease";
const LEASE_ASIDE: &str = "lease.new";
/// Exists from before a take-over until the journal has been replaced; becomes the new journal.
const TAKE_OVER: &str = "take-over";
const INBOX: &str = "inbox";

/// How long to wait for another process that takes a lease of the run at this moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// The lease file: one line of JSON.
#[derive(Serialize, Deserialize)]
struct Written {
    fence: u64,
    #[serde(flatten)]
    owner: Owner,
    /// Whether the file and its folder were synced.
    disk: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Create,
    Acquire,
    TakeOver,
}

/// The lock on a run's folder.
struct Admin {
    _folder: File,
}

impl Home {
    /// Makes the journal. Nothing is synced: the first sync does that, and a lease file that a power cut took away is
    /// read as that of fence 1.
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
        let taken = self.take(run, owner, Mode::Create);
        match taken {
            Ok((fence, lease)) => Ok((fence, Driver::new(run, lease, journal, path, self.durable()))),
            Err(error) => {
                // Whoever is faster by some microseconds has the run; else there is no run.
                if !matches!(error, StoreError::Held { .. } | StoreError::Exists(_)) {
                    let _ = std::fs::remove_file(&path);
                }
                Err(error)
            }
        }
    }

    pub(super) fn acquire(&self, run: &RunId, owner: &Owner, mode: Mode) -> Result<(u64, Driver), StoreError> {
        let path = self.journal(run);
        let opening = || format!("cannot open journal {}", path.display());
        // Before a folder is made for it.
        if disk::open(&path, true).context(opening)?.is_none() {
            return Err(StoreError::NotFound(run.clone()));
        }
        let (fence, lease) = self.take(run, owner, mode)?;
        // Opened now that nobody replaces it any more.
        let journal = disk::open(&path, true).context(opening)?.ok_or_else(|| StoreError::NotFound(run.clone()))?;
        Ok((fence, Driver::new(run, lease, journal, path, self.durable())))
    }

    /// Takes the lease of a run whose journal exists.
    fn take(&self, run: &RunId, owner: &Owner, mode: Mode) -> Result<(u64, File), StoreError> {
        let folder = self.folder(run);
        let taking = || format!("cannot take the lease of run {run} in {}", folder.display());
        let Some(_admin) = self.admin(run, Access::Take)? else {
            return Err(StoreError::NotFound(run.clone()));
        };
        if !self.has_journal(run)? {
            // Deleted since; the folder was made by `admin`.
            let _ = disk::remove_folder(&folder);
            return Err(StoreError::NotFound(run.clone()));
        }
        let path = folder.join(LEASE);
        let mut old = disk::open(&path, true).context(taking)?;
        if old.is_none() && mode == Mode::Create {
            discard_inbox(&folder).context(taking)?;
            let lease = disk::create(&path).context(taking)?;
            return Ok((1, write(lease, 1, owner, false).context(taking)?));
        }
        let mut held = false;
        let mut before = None;
        if let Some(old) = &mut old {
            before = read(old).context(taking)?;
            held = !lock(old, false).context(taking)?;
        }
        if held && mode != Mode::TakeOver {
            return Err(StoreError::Held { run: run.clone(), owner: Box::new(named(before)) });
        }
        let mut fence = before.as_ref().map_or(1, |before| before.fence).saturating_add(1);
        if mode == Mode::Create {
            // The rest of a deletion that was cut short, unless somebody has begun to drive the new run.
            if self.len(run)? > 0 {
                return Err(StoreError::Exists(run.clone()));
            }
            discard_inbox(&folder).context(taking)?;
            fence = 1;
        }
        let unfinished = folder.join(TAKE_OVER);
        if held {
            disk::found(std::fs::remove_file(&unfinished)).context(taking)?;
            disk::create(&unfinished).context(taking)?;
        }
        let lease = self.replace_lease(&folder, fence, owner, before.is_some_and(|b| b.disk)).context(taking)?;
        if let Some(old) = &old {
            // Shows the old driver, even where a backup holds a second link to the file, that it has lost the run.
            old.set_len(0).context(taking)?;
        }
        if held || disk::stat(&unfinished).context(taking)?.is_some() {
            self.replace_journal(run, &unfinished).context(taking)?;
        }
        Ok((fence, lease))
    }

    /// Puts a new lease file, locked, into the place of the old one. On disk when it returns: the fence must not go back.
    fn replace_lease(&self, folder: &Path, fence: u64, owner: &Owner, folder_on_disk: bool) -> io::Result<File> {
        let aside = folder.join(LEASE_ASIDE);
        disk::found(std::fs::remove_file(&aside))?;
        let lease = write(disk::create(&aside)?, fence, owner, self.durable())?;
        if self.durable() {
            lease.sync_data()?;
        }
        std::fs::rename(&aside, folder.join(LEASE))?;
        if self.durable() {
            disk::sync_folder(folder)?;
            if !folder_on_disk {
                disk::sync_folder(&self.runs)?;
            }
        }
        Ok(lease)
    }

    /// Gives the run a new journal file with the same content. A write that the old driver has begun goes to the old one.
    fn replace_journal(&self, run: &RunId, aside: &Path) -> io::Result<()> {
        let path = self.journal(run);
        let mut old = disk::open(&path, false)?.ok_or(io::ErrorKind::NotFound)?;
        disk::found(std::fs::remove_file(aside))?;
        let mut new = disk::create(aside)?;
        io::copy(&mut old, &mut new)?;
        if self.durable() {
            new.sync_data()?;
        }
        std::fs::rename(aside, &path)?;
        if self.durable() { disk::sync_folder(&self.runs) } else { Ok(()) }
    }

    pub(super) fn owner(&self, run: &RunId) -> Result<Option<Owner>, StoreError> {
        if !self.has_journal(run)? {
            return Err(StoreError::NotFound(run.clone()));
        }
        let folder = self.folder(run);
        let looking = || format!("cannot look up who drives run {run} in {}", folder.display());
        // Keeps out whoever takes the lease: the lock below, short as it is, would refuse them.
        let Some(_admin) = self.admin(run, Access::Look)? else { return Ok(None) };
        let Some(mut lease) = disk::open(&folder.join(LEASE), false).context(looking)? else { return Ok(None) };
        if lock(&lease, true).context(looking)? {
            return Ok(None);
        }
        Ok(Some(named(read(&mut lease).context(looking)?)))
    }

    pub(super) fn delete(&self, run: &RunId) -> Result<(), StoreError> {
        let folder = self.folder(run);
        let deleting = || format!("cannot delete run {run} in {}", self.runs.display());
        let existed = self.has_journal(run)?;
        if !existed && disk::stat(&folder).context(deleting)?.is_none() {
            return Err(StoreError::NotFound(run.clone()));
        }
        let Some(_admin) = self.admin(run, Access::Take)? else {
            return Err(StoreError::NotFound(run.clone()));
        };
        let lease = disk::open(&folder.join(LEASE), true).context(deleting)?;
        if let Some(mut lease) = lease
            && !lock(&lease, false).context(deleting)?
        {
            let owner = Box::new(named(read(&mut lease).context(deleting)?));
            return Err(StoreError::Held { run: run.clone(), owner });
        }
        disk::found(std::fs::remove_file(self.journal(run))).context(deleting)?;
        if self.durable() {
            // Before the folder: a journal that came back without it would have lost its fence.
            disk::sync_folder(&self.runs).context(deleting)?;
        }
        disk::remove_folder(&folder).context(deleting)?;
        if existed { Ok(()) } else { Err(StoreError::NotFound(run.clone())) }
    }

    /// Locks the run's folder. `None` if there is none and none is to be made.
    fn admin(&self, run: &RunId, access: Access) -> Result<Option<Admin>, StoreError> {
        let path = self.folder(run);
        let locking = || format!("cannot lock {}", path.display());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if access == Access::Take {
                disk::make_folder(&path).context(|| format!("cannot make folder {}", path.display()))?;
            }
            use rustix::fs::{Mode, OFlags};
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let folder: File = match rustix::fs::open(&path, flags, Mode::empty()) {
                Ok(folder) => folder.into(),
                Err(rustix::io::Errno::NOENT) if access == Access::Look => return Ok(None),
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => return Err(error).context(locking),
            };
            if lock(&folder, access == Access::Look).context(locking)? {
                // A deletion may have taken the folder away in between.
                let ours = rustix::fs::fstat(&folder).context(locking)?;
                match disk::stat(&path).context(locking)? {
                    Some(now) if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino) => {
                        return Ok(Some(Admin { _folder: folder }));
                    }
                    _ => continue,
                }
            }
            if Instant::now() > deadline {
                let cause = "another process has been taking or deleting the run for some seconds";
                return Err(io::Error::new(io::ErrorKind::TimedOut, cause)).context(locking);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Alone; the folder is made if there is none.
    Take,
    /// With other lookers.
    Look,
}

/// Messages that an earlier run of the same name left behind are not the new run's.
fn discard_inbox(folder: &Path) -> io::Result<()> {
    disk::found(std::fs::remove_dir_all(folder.join(INBOX))).map(drop)
}

/// Locks a file if nobody holds it.
fn lock(file: &File, shared: bool) -> io::Result<bool> {
    match if shared { file.try_lock_shared() } else { file.try_lock() } {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Locks a new lease file and says in it whose it is.
fn write(mut lease: File, fence: u64, owner: &Owner, disk: bool) -> io::Result<File> {
    if !lock(&lease, false)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let mut line = serde_json::to_vec(&Written { fence, owner: owner.clone(), disk })?;
    line.push(b'\n');
    lease.write_all(&line)?;
    Ok(lease)
}

/// What a lease file says; `None` if a power cut left it without its content. That happens only to the file that
/// `create` wrote, since all others are synced before they are used.
fn read(lease: &mut File) -> io::Result<Option<Written>> {
    let mut line = Vec::new();
    lease.take(64 << 10).read_to_end(&mut line)?;
    Ok(serde_json::from_slice(&line).ok())
}

fn named(written: Option<Written>) -> Owner {
    let unknown = || Owner { host: "this machine".into(), pid: 0, what: "an unknown process".into(), since: 0 };
    written.map_or_else(unknown, |written| written.owner)
}
