//! Errors as Node words them: `ENOENT: no such file or directory, open '/x'`.

use std::io;
use std::path::Path;

use run::Failure;
use rustix::io::Errno;

/// The failure of a system call on `path` (and `dest`).
pub(super) fn failure(error: impl Into<io::Error>, call: &str, path: &Path, dest: Option<&Path>) -> Failure {
    let error = error.into();
    let (code, text) = name(&error);
    let dest = dest.map(|dest| format!(" -> '{}'", dest.display())).unwrap_or_default();
    Failure::with_code("Error", code, format!("{code}: {text}, {call} '{}'{dest}", path.display()))
}

/// The code and libuv's words for it.
fn name(error: &io::Error) -> (&'static str, String) {
    let Some(errno) = Errno::from_io_error(error) else { return ("EIO", error.to_string()) };
    let known = [
        (Errno::NOENT, "ENOENT", "no such file or directory"),
        (Errno::EXIST, "EEXIST", "file already exists"),
        (Errno::ACCESS, "EACCES", "permission denied"),
        (Errno::PERM, "EPERM", "operation not permitted"),
        (Errno::NOTDIR, "ENOTDIR", "not a directory"),
        (Errno::ISDIR, "EISDIR", "illegal operation on a directory"),
        (Errno::NOTEMPTY, "ENOTEMPTY", "directory not empty"),
        (Errno::LOOP, "ELOOP", "too many symbolic links encountered"),
        (Errno::NAMETOOLONG, "ENAMETOOLONG", "name too long"),
        (Errno::NOSPC, "ENOSPC", "no space left on device"),
        (Errno::ROFS, "EROFS", "read-only file system"),
        (Errno::XDEV, "EXDEV", "cross-device link not permitted"),
        (Errno::INVAL, "EINVAL", "invalid argument"),
        (Errno::BUSY, "EBUSY", "resource busy or locked"),
        (Errno::MFILE, "EMFILE", "too many open files"),
        (Errno::NFILE, "ENFILE", "file table overflow"),
        (Errno::FBIG, "EFBIG", "file too large"),
        (Errno::NXIO, "ENXIO", "no such device or address"),
        (Errno::TXTBSY, "ETXTBSY", "text file is busy"),
        (Errno::DQUOT, "EDQUOT", "disk quota exceeded"),
        (Errno::IO, "EIO", "i/o error"),
        (Errno::NOTSUP, "ENOTSUP", "operation not supported on socket"),
        (Errno::AGAIN, "EAGAIN", "resource temporarily unavailable"),
    ];
    match known.iter().find(|(known, ..)| *known == errno) {
        Some((_, code, text)) => (code, (*text).to_owned()),
        None => ("EIO", error.to_string()),
    }
}
