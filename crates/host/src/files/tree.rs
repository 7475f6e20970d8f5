//! Folders with what is below them.

use std::hash::{BuildHasher, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use run::Failure;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::place::{Place, open_folder, subfolder};

/// Makes a folder (at a path without links) and those above it that are missing; gives the first that was made.
pub(super) fn make(place: &Place, mode: Mode) -> Result<Option<PathBuf>, Failure> {
    made_below(&place.real, mode).map_err(|e| place.failure(e, "mkdir"))
}

fn made_below(real: &Path, mode: Mode) -> Result<Option<PathBuf>, Errno> {
    // The deepest folder that exists, and then one part after the other, each through the folder before it.
    let mut folder: Option<(&Path, OwnedFd)> = None;
    for above in real.ancestors() {
        match open_folder(above) {
            Ok(fd) => {
                folder = Some((above, fd));
                break;
            }
            Err(Errno::NOENT) => {}
            // Something else than a folder: in the last place it "exists", above it is "not a directory".
            Err(Errno::NOTDIR) if above == real && rustix::fs::lstat(real).is_ok() => return Err(Errno::EXIST),
            Err(e) => return Err(e),
        }
    }
    let (base, mut at) = folder.ok_or(Errno::NOENT)?;
    let mut first = None;
    let mut path = base.to_path_buf();
    for part in real.strip_prefix(base).unwrap_or(Path::new("")).components() {
        path.push(part);
        match rustix::fs::mkdirat(&at, part.as_os_str(), mode) {
            Ok(()) => {
                first.get_or_insert_with(|| path.clone());
            }
            // Somebody else made it meanwhile.
            Err(Errno::EXIST) => {}
            Err(e) => return Err(e),
        }
        at = subfolder(at.as_fd(), part.as_os_str())?;
    }
    Ok(first)
}

/// Removes a folder with everything in it. Links in it are removed, never followed.
pub(super) fn remove(place: &Place) -> Result<(), Errno> {
    remove_in(place.at(), place.name())
}

fn remove_in(at: BorrowedFd<'_>, name: &Path) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(at, name, flags, Mode::empty())?;
    let mut below = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let known_folder = entry.file_type() == FileType::Directory;
        below.push((name.to_owned(), known_folder));
    }
    for (name, known_folder) in below {
        let gone =
            if known_folder { Err(Errno::ISDIR) } else { rustix::fs::unlinkat(&folder, &*name, AtFlags::empty()) };
        match gone {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) => {
                use std::os::unix::ffi::OsStrExt;
                remove_in(folder.as_fd(), Path::new(std::ffi::OsStr::from_bytes(name.to_bytes())))?;
            }
            Err(e) => return Err(e),
        }
    }
    match rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Six letters and digits that nobody can foresee (the standard library seeds its maps from the system).
pub(super) fn random_name() -> String {
    let mut random = RandomState::new().hash_one(0u8);
    let mut name = String::new();
    for _ in 0..6 {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        name.push(LETTERS[(random % 62) as usize].into());
        random /= 62;
    }
    name
}
