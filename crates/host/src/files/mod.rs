//! Files, as Node's `fs` has them.
//!
//! - Every path is checked against what was granted; see [`place`] for why no link leads out of it.
//! - A write is made in place, not aside and renamed (except where a save is asked for, see `save`): so links, owners,
//!   modes, watchers and special files are as programs expect. A crash in the middle is made good when the run goes on,
//!   since the write is then made again.
//!   (An append whose result was lost is made twice: that is the one window of every effect.)
//! - What is quick is done at once on the calling thread; long reads and writes and whole trees go to another one.

mod error;
mod meta;
mod place;
mod save;
mod transfer;
mod tree;

use std::path::Path;
use std::sync::Arc;

use executor::CallContext;
use run::{EffectClass, Failure, Outcome, Payload};
use rustix::fs::{Access as AccessMode, AtFlags, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use serde::Deserialize;

use crate::args::{self, blocking, json};
use crate::gate::{Gate, denied};
use crate::permissions::Kind;
use error::failure;
use place::{Place, checked_path, place, spot};

/// Whether `op` leaves everything as it is.
pub(crate) fn class(op: &str) -> EffectClass {
    match op {
        "fs.readFile" | "fs.stat" | "fs.readdir" | "fs.readlink" | "fs.realpath" | "fs.access" => EffectClass::Read,
        _ => EffectClass::Write,
    }
}

pub(crate) use save::recorded;

/// Arguments of all operations on one path; each uses its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnPath {
    path: String,
    #[serde(default)]
    flag: Option<String>,
    #[serde(default)]
    mode: Option<f64>,
    /// Whole or not at all: see `save`.
    #[serde(default)]
    atomic: bool,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    follow: Option<bool>,
    #[serde(default)]
    len: f64,
    #[serde(default)]
    atime_ms: f64,
    #[serde(default)]
    mtime_ms: f64,
    #[serde(default)]
    target: Option<String>,
}

#[derive(Deserialize)]
struct OnTwo {
    from: String,
    to: String,
    #[serde(default)]
    exclusive: bool,
}

#[derive(Deserialize)]
struct OnPrefix {
    prefix: String,
}

/// Performs `op`; values longer than `limit` are refused.
pub(crate) async fn perform(gate: &Arc<Gate>, cx: &CallContext, op: &str, args: Payload, limit: usize) -> Outcome {
    match op {
        "fs.rename" => return rename(gate, cx, &args::read::<OnTwo>(op, &args)?).await,
        "fs.copyFile" => return copy(gate, cx, &args::read::<OnTwo>(op, &args)?).await,
        "fs.mkdtemp" => return temporary(gate, cx, &args::read::<OnPrefix>(op, &args)?).await,
        _ => {}
    }
    let a: OnPath = args::read(op, &args)?;
    let path = &*a.path;
    let at = async |call: &str, kind: Kind, follow: bool| place(gate, cx, call, path, &[kind], follow).await;
    match op {
        "fs.readFile" => transfer::read(at("open", Kind::Read, true).await?, limit).await,
        "fs.writeFile" if a.atomic => save::save(gate, cx, path, args.bytes).await,
        "fs.writeFile" => {
            let flag = a.flag.as_deref().unwrap_or("w");
            transfer::write(at("open", Kind::Write, true).await?, flag, mode(a.mode, 0o666), args.bytes).await
        }
        "fs.stat" => {
            let follow = a.follow.unwrap_or(true);
            meta::stat(&at(if follow { "stat" } else { "lstat" }, Kind::Read, follow).await?, follow)
        }
        "fs.readdir" => meta::list(&at("scandir", Kind::Read, true).await?),
        "fs.readlink" => {
            let place = at("readlink", Kind::Read, false).await?;
            let target = rustix::fs::readlinkat(place.at(), place.name(), Vec::new())
                .map_err(|e| place.failure(e, "readlink"))?;
            json(&target.to_string_lossy())
        }
        "fs.realpath" => {
            let place = at("realpath", Kind::Read, true).await?;
            // Walked even where nothing needs a check: the path without links is what was asked for.
            let real = std::fs::canonicalize(&place.real).map_err(|e| place.failure(e, "realpath"))?;
            json(&real.to_string_lossy())
        }
        "fs.access" => access(&at("access", Kind::Read, true).await?, mode(a.mode, 0)),
        "fs.mkdir" => {
            let bits = Mode::from_raw_mode((mode(a.mode, 0o777) & 0o7777) as rustix::fs::RawMode);
            if a.recursive {
                let made = tree::make(&spot(gate, cx, "mkdir", path, &[Kind::Write], true).await?, bits)?;
                return json(&made.map(|path| path.to_string_lossy().into_owned()));
            }
            let place = at("mkdir", Kind::Write, false).await?;
            let made = rustix::fs::mkdirat(place.at(), place.name(), bits);
            made.map(|()| Payload::null()).map_err(|e| place.failure(e, "mkdir"))
        }
        "fs.rm" => match at("rm", Kind::Write, false).await {
            Ok(place) => remove(gate, place, a.recursive, a.force).await,
            Err(gone) if a.force && gone.code.as_deref() == Some("ENOENT") => Ok(Payload::null()),
            Err(e) => Err(e),
        },
        "fs.rmdir" => unlink(&at("rmdir", Kind::Write, false).await?, "rmdir", AtFlags::REMOVEDIR),
        "fs.unlink" => unlink(&at("unlink", Kind::Write, false).await?, "unlink", AtFlags::empty()),
        "fs.symlink" => symlink(gate, cx, path, a.target.as_deref().unwrap_or_default()).await,
        "fs.chmod" => meta::chmod(&at("chmod", Kind::Write, true).await?, mode(a.mode, 0)),
        "fs.truncate" => {
            let place = at("open", Kind::Write, true).await?;
            let file = place.open(OFlags::WRONLY | OFlags::NONBLOCK, 0).map_err(|e| place.failure(e, "open"))?;
            let cut = rustix::fs::ftruncate(file, a.len.max(0.0) as u64);
            cut.map(|()| Payload::null()).map_err(|e| place.failure(e, "ftruncate"))
        }
        "fs.utimes" => {
            let place = at("utime", Kind::Write, true).await?;
            let times = Timestamps { last_access: timespec(a.atime_ms), last_modification: timespec(a.mtime_ms) };
            let set = rustix::fs::utimensat(place.at(), place.name(), &times, place.flags(true));
            set.map(|()| Payload::null()).map_err(|e| place.failure(e, "utime"))
        }
        _ => Err(crate::unknown(op)),
    }
}

fn mode(given: Option<f64>, default: u32) -> u32 {
    given.map_or(default, |mode| mode as u32)
}

fn timespec(ms: f64) -> Timespec {
    // `as` takes what no time can be (NaN, infinities) to the nearest that can.
    let seconds = (ms / 1000.0).floor();
    let nanos = (((ms / 1000.0) - seconds) * 1e9).clamp(0.0, 999_999_999.0);
    Timespec { tv_sec: seconds as i64, tv_nsec: nanos as _ }
}

fn unlink(place: &Place, call: &str, flags: AtFlags) -> Outcome {
    let gone = rustix::fs::unlinkat(place.at(), place.name(), flags);
    gone.map(|()| Payload::null()).map_err(|e| place.failure(e, call))
}

fn access(place: &Place, mode: u32) -> Outcome {
    let wanted = AccessMode::from_bits_truncate(mode);
    // A link cannot be asked about without following it, and one that was slipped in would tell on what it leads to.
    if place.is_checked() {
        let stat = rustix::fs::statat(place.at(), place.name(), AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|e| place.failure(e, "access"))?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink() {
            return Err(place.failure(Errno::LOOP, "access"));
        }
    }
    let may = rustix::fs::accessat(place.at(), place.name(), wanted, AtFlags::empty());
    may.map(|()| Payload::null()).map_err(|e| place.failure(e, "access"))
}

/// A folder with something in it that a denial protects cannot go as a whole.
fn keeps_denied(gate: &Gate, place: &Place, what: &str) -> Result<(), Failure> {
    if gate.permissions().denied_below(&place.real) {
        let path = place.written.display();
        return Err(denied(format!("{what} {path} is not allowed: a --deny-… protects something in it")));
    }
    Ok(())
}

async fn remove(gate: &Gate, place: Place, recursive: bool, force: bool) -> Outcome {
    let gone = rustix::fs::unlinkat(place.at(), place.name(), AtFlags::empty());
    match gone {
        Ok(()) => return Ok(Payload::null()),
        Err(Errno::NOENT) if force => return Ok(Payload::null()),
        // What systems say of a folder.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(e) => return Err(place.failure(e, "rm")),
    }
    let stat = rustix::fs::statat(place.at(), place.name(), AtFlags::SYMLINK_NOFOLLOW);
    if !stat.is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir()) {
        return Err(place.failure(Errno::PERM, "rm"));
    }
    if !recursive {
        let message = format!("Path is a directory: rm returned EISDIR (is a directory) {}", place.written.display());
        return Err(Failure::with_code("SystemError", "ERR_FS_EISDIR", message));
    }
    keeps_denied(gate, &place, "removing")?;
    blocking(false, move || tree::remove(&place).map(|()| Payload::null()).map_err(|e| place.failure(e, "rm"))).await
}

async fn rename(gate: &Gate, cx: &CallContext, a: &OnTwo) -> Outcome {
    // What moves can be read at its new place, so it must be readable at the old one.
    let from = place(gate, cx, "rename", &a.from, &[Kind::Read, Kind::Write], false).await?;
    let to = place(gate, cx, "rename", &a.to, &[Kind::Write], false).await?;
    keeps_denied(gate, &from, "moving")?;
    let moved = rustix::fs::renameat(from.at(), from.name(), to.at(), to.name());
    moved.map(|()| Payload::null()).map_err(|e| failure(e, "rename", &from.written, Some(&to.written)))
}

async fn copy(gate: &Gate, cx: &CallContext, a: &OnTwo) -> Outcome {
    let from = place(gate, cx, "copyfile", &a.from, &[Kind::Read], true).await?;
    let to = place(gate, cx, "copyfile", &a.to, &[Kind::Write], true).await?;
    transfer::copy(from, to, a.exclusive).await
}

/// A link gives a name to a path that others may then follow, so both reading and writing must be granted where it
/// leads.
async fn symlink(gate: &Gate, cx: &CallContext, path: &str, target: &str) -> Outcome {
    let link = place(gate, cx, "symlink", path, &[Kind::Write], false).await?;
    if target.is_empty() || target.contains('\0') {
        return Err(failure(Errno::NOENT, "symlink", Path::new(""), Some(&link.written)));
    }
    let folder = link.real.parent().unwrap_or(Path::new("/"));
    let leads_to = folder.join(target);
    let leads_to = leads_to.to_str().ok_or_else(|| link.failure(Errno::INVAL, "symlink"))?;
    if !gate.permissions().is_everything() {
        spot(gate, cx, "symlink", leads_to, &[Kind::Read, Kind::Write], true).await?;
    }
    let made = rustix::fs::symlinkat(target, link.at(), link.name());
    made.map(|()| Payload::null()).map_err(|e| failure(e, "symlink", Path::new(target), Some(&link.written)))
}

async fn temporary(gate: &Gate, cx: &CallContext, a: &OnPrefix) -> Outcome {
    checked_path("mkdtemp", &a.prefix)?;
    let mut last = Errno::EXIST;
    for _ in 0..100 {
        let path = format!("{}{}", a.prefix, tree::random_name());
        let place = place(gate, cx, "mkdtemp", &path, &[Kind::Write], false).await?;
        match rustix::fs::mkdirat(place.at(), place.name(), Mode::RWXU) {
            Ok(()) => return json(&path),
            Err(Errno::EXIST) => {}
            Err(e) => {
                last = e;
                break;
            }
        }
    }
    let pattern = format!("{}XXXXXX", a.prefix);
    Err(failure(last, "mkdtemp", Path::new(&pattern), None))
}
