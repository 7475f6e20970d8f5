//! Small steps on files: opened without following links, written aside, made durable.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use rustix::fs::{FileType, Mode, OFlags, Stat};

use crate::StoreError;

/// Begins the name of a file that is being written or a folder that is being removed. No run and no key has it in its
/// name, so listings pass over such leftovers and [`sweep`](super::FileStore::sweep) knows them.
pub(super) const ASIDE: char = '~';

/// Says what was being done.
pub(super) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, StoreError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { what: what(), source: source.into() })
    }
}

/// A file's or folder's own attributes (a link's, not its target's); `None` if there is none.
pub(super) fn stat(path: &Path) -> io::Result<Option<Stat>> {
    match rustix::fs::lstat(path) {
        Ok(stat) => Ok(Some(stat)),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn fstat(file: &File) -> io::Result<Stat> {
    Ok(rustix::fs::fstat(file)?)
}

pub(super) fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// `None` in place of the error that there is no such file.
pub(super) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a regular file; `None` if there is none. Links, pipes and devices are refused: whoever can put one into the
/// folder would otherwise choose what is read or overwritten.
pub(super) fn open(path: &Path, write: bool) -> io::Result<Option<File>> {
    // Without NONBLOCK a pipe would hang the open.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    let file = match found(OpenOptions::new().read(true).write(write).custom_flags(flags).open(path)) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link, which is not followed"));
        }
        Err(error) => return Err(error),
    };
    if !is_regular(&rustix::fs::fstat(&file)?) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok(Some(file))
}

/// Makes a file that must not exist yet.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder; `false` if it was there.
pub(super) fn make_folder(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a folder and those above it; if `durable`, a power cut leaves none of them out.
pub(super) fn make_folders(path: &Path, durable: bool) -> io::Result<()> {
    match make_folder(path) {
        Ok(false) => Ok(()),
        Ok(true) => sync_parent(path, durable),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().ok_or(error)?;
            make_folders(parent, durable)?;
            make_folder(path)?;
            sync_parent(path, durable)
        }
        Err(error) => Err(error),
    }
}

fn sync_parent(path: &Path, durable: bool) -> io::Result<()> {
    match path.parent() {
        Some(parent) if durable => sync_folder(parent),
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A name for a file that is not ready yet.
pub(super) fn aside_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{ASIDE}{}-{count}-{:08x}", std::process::id(), random() as u32)
}

/// A number that other processes do not come up with.
pub(super) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// Writes a whole file beside its place and renames it into place, so that nobody sees half of it. The folder is made
/// if it is missing.
pub(super) fn replace(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    replace_marked(path, bytes, durable, |_| Ok(()))
}

/// Like `replace`; `mark` is given the file before it has its name.
pub(super) fn replace_marked(
    path: &Path,
    bytes: &[u8],
    durable: bool,
    mark: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let aside = folder.join(aside_name());
    let file = match create(&aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folders(folder, durable)?;
            create(&aside)?
        }
        file => file?,
    };
    let written = mark(&file).and_then(|()| fill(file, bytes, durable)).and_then(|()| std::fs::rename(&aside, path));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&aside);
        return Err(error);
    }
    if durable { sync_folder(folder) } else { Ok(()) }
}

fn fill(mut file: File, bytes: &[u8], durable: bool) -> io::Result<()> {
    file.write_all(bytes)?;
    if durable { file.sync_data() } else { Ok(()) }
}

/// Removes a folder and everything in it, under a name at first that nobody looks for, so that it goes in one step.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    let aside: PathBuf = path.with_file_name(aside_name());
    match found(std::fs::rename(path, &aside))? {
        Some(()) => std::fs::remove_dir_all(&aside),
        None => Ok(()),
    }
}

/// The whole content of a file; `None` if there is none, or a folder in its place.
pub(super) fn load(path: &Path) -> io::Result<Option<Vec<u8>>> {
    Ok(load_open(path)?.map(|(bytes, _)| bytes))
}

/// Like `load`, with the file that the content was read from.
pub(super) fn load_open(path: &Path) -> io::Result<Option<(Vec<u8>, File)>> {
    use std::io::Read;
    match stat(path)? {
        Some(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => return Ok(None),
        None => return Ok(None),
        _ => {}
    }
    let Some(mut file) = open(path, false)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some((bytes, file)))
}

/// Locks a file if nobody holds it.
pub(super) fn lock(file: &File, shared: bool) -> io::Result<bool> {
    match if shared { file.try_lock_shared() } else { file.try_lock() } {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Like `lock`, alone; but whoever only looks whether the file is locked holds the lock for some microseconds too.
pub(super) fn lock_soon(file: &File) -> io::Result<bool> {
    for _ in 0..5 {
        if lock(file, false)? {
            return Ok(true);
        }
        thread::sleep(Duration::from_micros(200));
    }
    lock(file, false)
}

/// Marks a journal as taken over. The sticky bit means nothing to the system on a regular file, and whoever has the
/// file open sees it at once.
pub(super) fn seal(journal: &File) -> io::Result<()> {
    let mode = Mode::from_raw_mode(fstat(journal)?.st_mode);
    Ok(rustix::fs::fchmod(journal, mode | Mode::SVTX)?)
}

pub(super) fn is_sealed(stat: &Stat) -> bool {
    Mode::from_raw_mode(stat.st_mode).contains(Mode::SVTX)
}
