//! The state of photons: `{home}/state/{photon}/{instance}`, JSON, with the ten before it in `backups/`.
//!
//! A save is written aside, synced, renamed, and its folder synced, so that a reader sees the old or the new, whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use run::{Failure, Json, Outcome, Payload};
use rustix::fs::FlockOperation;
use serde::Deserialize;

use crate::args::{self, blocking};

/// Earlier states that are kept of each instance.
const BACKUPS: usize = 10;

/// What all photons share (`this.memory`, scope `global`) lies where the state of a photon with this name would.
const SHARED: &str = "_shared";

/// Where states lie.
#[derive(Clone)]
pub(crate) struct States {
    root: Arc<Path>,
}

#[derive(Deserialize)]
struct Args {
    photon: String,
    #[serde(default = "default_instance")]
    instance: String,
    #[serde(default)]
    state: Option<Json>,
}

fn default_instance() -> String {
    "default".into()
}

impl States {
    /// States below `root`, which need not exist.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root: root.into() }
    }

    /// A photon may touch its own state and what all share, whatever name the program gives.
    fn folder(&self, op: &str, own: Option<&str>, args: &Args) -> Result<PathBuf, Failure> {
        check_name(op, "photon", &args.photon)?;
        check_name(op, "instance", &args.instance)?;
        if args.instance == "backups" {
            return Err(bad_name(op, "instance", "backups", "another name: the earlier states lie there"));
        }
        if own != Some(args.photon.as_str()) && !(own.is_some() && args.photon == SHARED) {
            let message = format!(
                "{op}: this run may only touch the state of {}, not of {:?}",
                own.unwrap_or("nobody"),
                args.photon
            );
            return Err(Failure::with_code("PermissionDenied", "EPERM", message));
        }
        Ok(self.root.join(&args.photon))
    }
}

fn check_name(op: &str, what: &str, name: &str) -> Result<(), Failure> {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if (1..=128).contains(&name.len()) && name.bytes().all(known) && !name.starts_with('.') {
        return Ok(());
    }
    let short: String = name.chars().take(100).collect();
    Err(bad_name(op, what, &short, "1 to 128 letters, digits, '_', '-' or '.', not beginning with '.',"))
}

fn bad_name(op: &str, what: &str, name: &str, expected: &str) -> Failure {
    let message = format!("{op}: {name:?} cannot name a {what}: {expected} is expected");
    Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", message)
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::with_code("Error", "ERR_STATE", format!("{doing} the state in {} failed: {error}", path.display()))
}

/// The state as it was saved, or null.
pub(crate) fn load(states: &States, own: Option<&str>, args: &Payload) -> Outcome {
    let args: Args = args::read("state.load", args)?;
    let file = states.folder("state.load", own, &args)?.join(&args.instance);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Payload::null()),
        Err(e) => return Err(failed("reading", &file, &e)),
    };
    Json::parse(text).map(Payload::from).map_err(|e| {
        let message = format!(
            "the state in {} is damaged ({e}): put one of the earlier states of backups/ in its place, or remove it",
            file.display()
        );
        Failure::with_code("Error", "ERR_STATE", message)
    })
}

/// Puts a state in the place of the one before, which is kept.
pub(crate) async fn save(states: &States, own: Option<&str>, args: Payload) -> Outcome {
    let args: Args = args::read("state.save", &args)?;
    let folder = states.folder("state.save", own, &args)?;
    let state = args.state.unwrap_or_else(Json::null);
    // Two syncs: always on another thread.
    blocking(false, move || {
        replace(&folder, &args.instance, state.get())
            .map_err(|e| failed("saving", &folder.join(&args.instance), &e))?;
        Ok(Payload::null())
    })
    .await
}

fn replace(folder: &Path, instance: &str, state: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = folder.join(instance);
    // One at a time, other processes included.
    let lock = File::options().create(true).append(true).open(folder.join(".lock"))?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
    match fs::read(&file) {
        // A save that is repeated since its result was lost.
        Ok(now) if now == state.as_bytes() => return Ok(()),
        Ok(now) => keep(folder, instance, &now)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    put(folder, instance, state.as_bytes())
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut aside = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    aside.write_all(bytes)?;
    aside.as_file().sync_all()?;
    aside.persist(folder.join(name)).map_err(|e| e.error)?;
    File::open(folder)?.sync_all()
}

/// Keeps `state` as the newest earlier one, under the next number, and removes what is too old.
fn keep(folder: &Path, instance: &str, state: &[u8]) -> io::Result<()> {
    let backups = folder.join("backups");
    fs::create_dir_all(&backups)?;
    let mut numbers = numbers(&backups, instance)?;
    let next = numbers.last().map_or(1, |last| last + 1);
    put(&backups, &format!("{instance}.{next:06}.json"), state)?;
    numbers.push(next);
    let old = numbers.len().saturating_sub(BACKUPS);
    for number in &numbers[..old] {
        fs::remove_file(backups.join(format!("{instance}.{number:06}.json")))?;
    }
    Ok(())
}

/// The numbers of the states that are kept of `instance`, rising.
fn numbers(backups: &Path, instance: &str) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(backups)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".json")?.rsplit_once('.'));
        if let Some((of, number)) = number
            && of == instance
            && let Ok(number) = number.parse()
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
