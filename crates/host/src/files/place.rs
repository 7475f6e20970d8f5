//! Where an operation on a file takes place, checked so that no link can lead it elsewhere.
//!
//! The path is walked to one without links, that path is compared with the grants, and exactly that path is then
//! opened with links forbidden: its folder by `openat2(RESOLVE_NO_SYMLINKS)`, the last part by `O_NOFOLLOW` below it.
//! A link that is slipped in between check and use makes the operation fail. Under `--allow-all` paths are used as
//! they are written.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

use executor::CallContext;
use run::Failure;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::error::failure;
use crate::gate::Gate;
use crate::permissions::{Access, Kind, paths};

/// A path that may be used for what was asked.
pub(super) struct Place {
    /// As the program wrote it, for messages.
    pub written: PathBuf,
    /// Without links; as written under `--allow-all`.
    pub real: PathBuf,
    /// The folder it is in, and its name there. `None`: `real` is used as it is.
    at: Option<OwnedFd>,
    name: PathBuf,
}

/// Looks at `path` and asks the gate for every one of `kinds`. `call` is for messages.
pub(super) async fn place(
    gate: &Gate,
    context: &CallContext,
    call: &str,
    path: &str,
    kinds: &[Kind],
    follow: bool,
) -> Result<Place, Failure> {
    if gate.permissions().is_everything() {
        let written = checked_path(call, path)?;
        return Ok(Place { name: written.clone(), real: written.clone(), written, at: None });
    }
    let place = spot(gate, context, call, path, kinds, follow).await?;
    let (folder, name) = match (place.real.parent(), place.real.file_name()) {
        (Some(folder), Some(name)) => (folder, PathBuf::from(name)),
        _ => (Path::new("/"), PathBuf::from(".")),
    };
    let at = open_folder(folder).map_err(|e| place.failure(e, call))?;
    Ok(Place { at: Some(at), name, ..place })
}

/// As [`place`], but without opening anything, since what is above it may have to be made: `real` is always without
/// links.
pub(super) async fn spot(
    gate: &Gate,
    context: &CallContext,
    call: &str,
    path: &str,
    kinds: &[Kind],
    follow: bool,
) -> Result<Place, Failure> {
    let written = checked_path(call, path)?;
    let real = paths::walk(&written, follow).map_err(|e| failure(e, call, &written, None))?;
    for kind in kinds {
        let access = match kind {
            Kind::Write => Access::Write(real.clone()),
            _ => Access::Read(real.clone()),
        };
        if !gate.is_own(context.photon.as_deref(), &access) {
            gate.pass(&context.run, access, Some(&written)).await?;
        }
    }
    Ok(Place { written, real, at: None, name: PathBuf::new() })
}

/// A path of a program: absolute, and possible.
pub(super) fn checked_path(call: &str, path: &str) -> Result<PathBuf, Failure> {
    if path.contains('\0') {
        let message = format!("{call}: the path must be a string without null bytes");
        return Err(Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", message));
    }
    if path.is_empty() {
        return Err(failure(Errno::NOENT, call, Path::new(""), None));
    }
    let path = PathBuf::from(path);
    if path.is_relative() {
        let message =
            format!("{call}: {:?} is not absolute, and the host has no folder of the program's", path.display());
        return Err(Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", message));
    }
    Ok(path)
}

impl Place {
    /// The folder for the `…at` calls.
    pub fn at(&self) -> BorrowedFd<'_> {
        self.at.as_ref().map_or(CWD, |fd| fd.as_fd())
    }

    /// Whether `real` was compared with grants, and so must be used as it is.
    pub fn is_checked(&self) -> bool {
        self.at.is_some()
    }

    /// The name in that folder.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Flags for calls that follow a last link unless they are told otherwise: where links were walked, none may be
    /// there any more.
    pub fn flags(&self, follow: bool) -> AtFlags {
        if follow && !self.is_checked() { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW }
    }

    /// Opens it.
    pub fn open(&self, flags: OFlags, mode: u32) -> Result<File, Errno> {
        let keep = if self.is_checked() { OFlags::NOFOLLOW } else { OFlags::empty() };
        let mode = Mode::from_raw_mode((mode & 0o7777) as rustix::fs::RawMode);
        rustix::fs::openat(self.at(), self.name(), flags | keep | OFlags::CLOEXEC, mode).map(File::from)
    }

    /// The failure of a call on it.
    pub fn failure(&self, error: impl Into<std::io::Error>, call: &str) -> Failure {
        failure(error, call, &self.written, None)
    }
}

/// Opens a folder, as a place to work in, by a path that must hold no link.
pub(super) fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::ResolveFlags;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(CWD, path, flags, Mode::empty(), resolve) {
            // An old kernel, or a sandbox that does not know the call: part by part.
            Err(Errno::NOSYS | Errno::PERM) => {}
            other => return other,
        }
    }
    let mut folder = rustix::fs::open("/", FOLDER, Mode::empty())?;
    for part in path.components().skip(1) {
        folder = subfolder(folder.as_fd(), part.as_os_str())?;
    }
    Ok(folder)
}

#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// Opens a folder in a folder, as a place to work in; a link is refused.
pub(super) fn subfolder(at: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(at, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
}
