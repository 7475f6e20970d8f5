//! What is known of files: stat, listings, modes.

use run::{Outcome, Payload};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use serde::Serialize;

use super::place::Place;
use crate::args::json;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stat {
    kind: &'static str,
    size: u64,
    mode: u32,
    ino: u64,
    nlink: u64,
    uid: u32,
    gid: u32,
    atime_ms: f64,
    mtime_ms: f64,
    ctime_ms: f64,
    birthtime_ms: f64,
}

fn kind(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "dir",
        FileType::Symlink => "symlink",
        _ => "other",
    }
}

pub(super) fn stat(place: &Place, follow: bool) -> Outcome {
    let call = if follow { "stat" } else { "lstat" };
    json(&look(place, place.flags(follow)).map_err(|e| place.failure(e, call))?)
}

#[cfg(target_os = "linux")]
fn look(place: &Place, flags: AtFlags) -> Result<Stat, Errno> {
    use rustix::fs::{StatxFlags, StatxTimestamp};
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let s = rustix::fs::statx(place.at(), place.name(), flags, wanted)?;
    let ms = |t: StatxTimestamp| t.tv_sec as f64 * 1e3 + f64::from(t.tv_nsec) / 1e6;
    let born = if s.stx_mask & StatxFlags::BTIME.bits() != 0 { ms(s.stx_btime) } else { ms(s.stx_ctime) };
    Ok(Stat {
        kind: kind(FileType::from_raw_mode(s.stx_mode.into())),
        size: s.stx_size,
        mode: s.stx_mode.into(),
        ino: s.stx_ino,
        nlink: s.stx_nlink.into(),
        uid: s.stx_uid,
        gid: s.stx_gid,
        atime_ms: ms(s.stx_atime),
        mtime_ms: ms(s.stx_mtime),
        ctime_ms: ms(s.stx_ctime),
        birthtime_ms: born,
    })
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_cast, reason = "the fields' types differ between systems")]
fn look(place: &Place, flags: AtFlags) -> Result<Stat, Errno> {
    let s = rustix::fs::statat(place.at(), place.name(), flags)?;
    let ms = |seconds: i64, nanos: i64| seconds as f64 * 1e3 + nanos as f64 / 1e6;
    let changed = ms(s.st_ctime as i64, s.st_ctime_nsec as i64);
    Ok(Stat {
        kind: kind(FileType::from_raw_mode(s.st_mode)),
        size: s.st_size.max(0) as u64,
        mode: s.st_mode as u32,
        ino: s.st_ino as u64,
        nlink: s.st_nlink as u64,
        uid: s.st_uid,
        gid: s.st_gid,
        atime_ms: ms(s.st_atime as i64, s.st_atime_nsec as i64),
        mtime_ms: ms(s.st_mtime as i64, s.st_mtime_nsec as i64),
        ctime_ms: changed,
        birthtime_ms: changed,
    })
}

/// The entries of a folder, by name.
pub(super) fn list(place: &Place) -> Outcome {
    #[derive(Serialize)]
    struct Entry {
        name: String,
        kind: &'static str,
    }
    let entries = || -> Result<Vec<Entry>, Errno> {
        let folder = place.open(OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let known = match entry.file_type() {
                // Some file systems do not say.
                FileType::Unknown => rustix::fs::statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |s| FileType::from_raw_mode(s.st_mode)),
                known => known,
            };
            entries.push(Entry { name: entry.file_name().to_string_lossy().into_owned(), kind: kind(known) });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    };
    json(&entries().map_err(|e| place.failure(e, "scandir"))?)
}

pub(super) fn chmod(place: &Place, mode: u32) -> Outcome {
    let mode = Mode::from_raw_mode((mode & 0o7777) as rustix::fs::RawMode);
    set_mode(place, mode).map(|()| Payload::null()).map_err(|e| place.failure(e, "chmod"))
}

fn set_mode(place: &Place, mode: Mode) -> Result<(), Errno> {
    if !place.is_checked() {
        return rustix::fs::chmodat(place.at(), place.name(), mode, AtFlags::empty());
    }
    // An open file cannot be swapped for a link; but opening needs the right to read, which chmod does not.
    match place.open(OFlags::RDONLY | OFlags::NONBLOCK, 0) {
        Ok(file) => rustix::fs::fchmod(file, mode),
        Err(Errno::ACCESS | Errno::NXIO) => {
            let stat = rustix::fs::statat(place.at(), place.name(), AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode).is_symlink() {
                return Err(Errno::LOOP);
            }
            rustix::fs::chmodat(place.at(), place.name(), mode, AtFlags::empty())
        }
        Err(e) => Err(e),
    }
}
