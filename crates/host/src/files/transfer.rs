//! Content of files: read whole, written whole, appended, copied.

use std::fs::File;
use std::io::{self, Read, Write};

use bytes::Bytes;
use run::{Failure, Json, Outcome, Payload};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::error::failure;
use super::place::Place;
use crate::args::{blocking, size};

/// Reads and writes up to this long are quicker than the way to another thread, in bytes.
const INLINE: u64 = 256 << 10;

pub(super) async fn read(place: Place, limit: usize) -> Outcome {
    // Without waiting: a pipe without a writer must not hold this thread.
    let file = place.open(OFlags::RDONLY | OFlags::NONBLOCK, 0).map_err(|e| place.failure(e, "open"))?;
    let stat = rustix::fs::fstat(&file).map_err(|e| place.failure(e, "fstat"))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind.is_dir() {
        let text = "EISDIR: illegal operation on a directory, read";
        return Err(Failure::with_code("Error", "EISDIR", text));
    }
    if !kind.is_file() {
        // From here on it is read on another thread, where waiting is right.
        rustix::fs::fcntl_setfl(&file, OFlags::empty()).map_err(|e| place.failure(e, "open"))?;
    }
    let length = stat.st_size.max(0) as u64;
    let quick = kind.is_file() && length <= INLINE;
    blocking(quick, move || {
        let too_long = || {
            let (path, limit) = (place.written.display(), size(limit));
            let text =
                format!("{path} is longer than one value may be ({limit}): read it in parts, or raise the limit");
            Failure::with_code("RangeError", "ERR_FS_FILE_TOO_LARGE", text)
        };
        if length > limit as u64 {
            return Err(too_long());
        }
        let mut bytes = Vec::with_capacity(length as usize);
        // One more than the limit, to see whether there is more: the file may grow, and devices have no length.
        let more = (limit as u64).saturating_add(1);
        (&file).take(more).read_to_end(&mut bytes).map_err(|e| place.failure(e, "read"))?;
        if bytes.len() > limit {
            return Err(too_long());
        }
        Ok(Payload { json: Json::null(), bytes: Some(bytes.into()) })
    })
    .await
}

pub(super) async fn write(place: Place, flag: &str, mode: u32, bytes: Option<Bytes>) -> Outcome {
    let how = match flag {
        "w" => OFlags::CREATE | OFlags::TRUNC,
        "wx" | "xw" => OFlags::CREATE | OFlags::TRUNC | OFlags::EXCL,
        "a" => OFlags::CREATE | OFlags::APPEND,
        "ax" | "xa" => OFlags::CREATE | OFlags::APPEND | OFlags::EXCL,
        "r+" => OFlags::empty(),
        other => {
            let text = format!("fs.writeFile: the flag {other:?} is not one of w, wx, a, ax, r+");
            return Err(Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", text));
        }
    };
    let bytes = bytes.unwrap_or_default();
    let file = place.open(OFlags::WRONLY | OFlags::NONBLOCK | how, mode).map_err(|e| place.failure(e, "open"))?;
    let stat = rustix::fs::fstat(&file).map_err(|e| place.failure(e, "fstat"))?;
    let regular = FileType::from_raw_mode(stat.st_mode).is_file();
    if !regular {
        rustix::fs::fcntl_setfl(&file, how & OFlags::APPEND).map_err(|e| place.failure(e, "open"))?;
    }
    let quick = regular && bytes.len() as u64 <= INLINE;
    blocking(quick, move || {
        (&file).write_all(&bytes).map_err(|e| place.failure(e, "write"))?;
        Ok(Payload::null())
    })
    .await
}

pub(super) async fn copy(from: Place, to: Place, exclusive: bool) -> Outcome {
    let fail = |e: io::Error, from: &Place, to: &Place| failure(e, "copyfile", &from.written, Some(&to.written));
    let source = open_source(&from).map_err(|e| fail(e.into(), &from, &to))?;
    let stat = rustix::fs::fstat(&source).map_err(|e| fail(e.into(), &from, &to))?;
    let how = if exclusive { OFlags::EXCL } else { OFlags::empty() };
    // Not cut yet: it may be the very file that is copied.
    let target = to.open(OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CREATE | how, stat.st_mode as u32 & 0o777);
    let target = target.map_err(|e| fail(e.into(), &from, &to))?;
    let other = rustix::fs::fstat(&target).map_err(|e| fail(e.into(), &from, &to))?;
    if (stat.st_dev, stat.st_ino) == (other.st_dev, other.st_ino) {
        return Ok(Payload::null());
    }
    let quick = (stat.st_size as u64) <= INLINE;
    blocking(quick, move || {
        if FileType::from_raw_mode(other.st_mode).is_file() {
            rustix::fs::ftruncate(&target, 0).map_err(|e| fail(e.into(), &from, &to))?;
        }
        io::copy(&mut &source, &mut &target).map_err(|e| fail(e, &from, &to))?;
        Ok(Payload::null())
    })
    .await
}

/// Opens what is copied: only what has an end.
fn open_source(from: &Place) -> Result<File, Errno> {
    let source = from.open(OFlags::RDONLY | OFlags::NONBLOCK, 0)?;
    match FileType::from_raw_mode(rustix::fs::fstat(&source)?.st_mode) {
        kind if kind.is_file() => Ok(source),
        kind if kind.is_dir() => Err(Errno::ISDIR),
        _ => Err(Errno::INVAL),
    }
}
