//! Saving a file whole or not at all: written under another name beside it, synced, renamed, and the folder synced.
//! Whoever reads the file finds what was there before or what was saved, whatever happens in between.
//!
//! The other name is always the same for one file (`.NAME.saving`), and who writes to it holds a lock on it. So what
//! a killed process left is taken over by the next save, and never more than one of it lies there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use executor::CallContext;
use run::{Outcome, Payload};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::error::failure;
use super::place::{checked_path, open_folder};
use crate::args::blocking;
use crate::gate::Gate;
use crate::permissions::{Access, Decision, paths};

/// Files up to this long are saved on the calling thread, in bytes.
const INLINE: usize = 256 << 10;

/// What is saved may be a program's whole memory, secrets included.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Saves `bytes` to `path`. A new file is its owner's alone; one that is replaced keeps its mode.
pub(super) async fn save(gate: &Gate, context: &CallContext, path: &str, bytes: Option<Bytes>) -> Outcome {
    let bytes = bytes.unwrap_or_default();
    let written = checked_path("open", path)?;
    let fail = |e: io::Error, written: &Path| failure(e, "open", written, None);
    let real = paths::walk(&written, true).map_err(|e| fail(e, &written))?;
    if !is_free(gate, &real, &bytes) {
        gate.pass(&context.run, Access::Write(real.clone()), Some(&written)).await?;
    }
    blocking(bytes.len() <= INLINE, move || {
        let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
            return Err(fail(Errno::ISDIR.into(), &written));
        };
        let folder = open_folder(folder).map_err(|e| fail(e.into(), &written))?;
        put(folder.as_fd(), Path::new(name), &bytes).map_err(|e| failure(e, "save", &written, None))?;
        Ok(Payload::null())
    })
    .await
}

/// Whether a program may save itself there without a grant: a new file, or one that is such a save itself.
fn is_free(gate: &Gate, real: &Path, bytes: &[u8]) -> bool {
    let permissions = gate.permissions();
    let Some(free) = &permissions.checkpoints else { return false };
    if permissions.decide(&Access::Write(real.into())) != Decision::Ungranted || !bytes.starts_with(&free.magic) {
        return false;
    }
    if !real.starts_with(&free.folder) || real.extension().is_none_or(|ending| ending != &*free.ending) {
        return false;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(real, flags, Mode::empty()) {
        Ok(there) => {
            let mut begins = Vec::new();
            let read = File::from(there).take(free.magic.len() as u64).read_to_end(&mut begins);
            read.is_ok() && begins == free.magic
        }
        // Where nothing can ever be, saving says why.
        Err(error) => matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG),
    }
}

fn put(folder: BorrowedFd<'_>, name: &Path, bytes: &[u8]) -> io::Result<()> {
    let mode = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
            kind if kind.is_file() => Mode::from_raw_mode(stat.st_mode & 0o777),
            kind if kind.is_dir() => return Err(Errno::ISDIR.into()),
            _ => return Err(Errno::EXIST.into()),
        },
        Err(_) => MODE,
    };
    let mut aside = PathBuf::from(".").into_os_string();
    aside.push(name);
    aside.push(".saving");
    let aside = Path::new(&aside);
    let mut file = take(folder, aside)?;
    let saved = (|| {
        rustix::fs::ftruncate(&file, 0)?;
        file.write_all(bytes)?;
        rustix::fs::fchmod(&file, mode)?;
        file.sync_all()?;
        rustix::fs::renameat(folder, aside, folder, name)?;
        // What was opened as a place to work in cannot be synced.
        let folder =
            rustix::fs::openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        match folder {
            Ok(folder) => rustix::fs::fsync(folder)?,
            // A folder that may be written and not read: its entry is on disk when the system likes.
            Err(Errno::ACCESS) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    })();
    if saved.is_err() {
        // Still locked, so it is ours; after the rename there is nothing of this name.
        let _ = rustix::fs::unlinkat(folder, aside, AtFlags::empty());
    }
    saved
}

/// Opens the file aside and locks it. Only a plain file of ours will do: anything else was put there by others.
fn take(folder: BorrowedFd<'_>, aside: &Path) -> io::Result<File> {
    loop {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(folder, aside, flags, MODE)?);
        let stat = rustix::fs::fstat(&file)?;
        let ours = FileType::from_raw_mode(stat.st_mode).is_file()
            && stat.st_nlink <= 1
            && stat.st_uid == rustix::process::geteuid().as_raw();
        if !ours {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{} beside it is in the way", aside.display()),
            ));
        }
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        // Who held the lock before may have renamed it meanwhile.
        match rustix::fs::statat(folder, aside, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(now) if (now.st_dev, now.st_ino) == (stat.st_dev, stat.st_ino) => return Ok(file),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a journal keeps of a save: not the bytes, which lie in the file, but what they were.
pub(crate) fn recorded(args: &Payload) -> Option<Payload> {
    let bytes = args.bytes.as_ref()?;
    let mut json = args.json.value();
    if json.get("atomic") != Some(&serde_json::Value::Bool(true)) {
        return None;
    }
    json["size"] = bytes.len().into();
    json["hash"] = run::Hash::of(bytes).to_string().into();
    Some(json.into())
}
