//! The state of photons: `{home}/state/{photon}/{instance}`, JSON, with the ten before it in `backups/`.
//!
//! A save is written aside, synced, renamed, and its folder synced, so that a reader sees the old or the new, whole.
//!
//! A run that loads with `hold` keeps other runs from the state until it has saved or released it, or is left (`holds`).
//! If it was left in between, others may have saved: then its own save, which says what it had loaded, is refused.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use executor::{CallContext, Hold};
use run::{Failure, Hash, Json, Outcome, Payload};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::args::{self, blocking};
use crate::holds::{Holds, Patience, state_failure};

/// Earlier states that are kept of each instance.
const BACKUPS: usize = 10;

/// Saves that are remembered of each instance.
const SAVES: usize = 20;

/// The version of a state that there is not.
const NONE: &str = "none";

/// What all photons share (`this.memory`, scope `global`) lies where the state of a photon with this name would.
const SHARED: &str = "_shared";

/// Where states lie.
#[derive(Clone)]
pub(crate) struct States {
    root: Arc<Path>,
    holds: Arc<Holds>,
}

#[derive(Deserialize)]
struct Args {
    photon: String,
    #[serde(default = "default_instance")]
    instance: String,
    #[serde(default)]
    state: Option<Json>,
    /// Keep others from it until it is saved.
    #[serde(default)]
    hold: bool,
    /// What was loaded before.
    #[serde(default)]
    version: Option<String>,
}

fn default_instance() -> String {
    "default".into()
}

impl States {
    /// States below `root`, which need not exist.
    pub(crate) fn new(root: PathBuf, holds: Arc<Holds>) -> Self {
        Self { root: root.into(), holds }
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

/// The name under which the state of an instance is held.
pub(crate) fn held_name(photon: &str, instance: &str) -> String {
    format!("state {photon}/{instance}")
}

/// What the operations on states do to what a run holds.
pub(crate) fn hold(op: &str, args: &Payload) -> Option<Hold> {
    let args: Args = args.json.to().ok()?;
    let what = held_name(&args.photon, &args.instance);
    match op {
        "state.load" => args.hold.then_some(Hold::Takes(what)),
        _ => Some(Hold::Gives(what)),
    }
}

pub(crate) fn check_name(op: &str, what: &str, name: &str) -> Result<(), Failure> {
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

pub(crate) fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::with_code("Error", "ERR_STATE", format!("{doing} the state in {} failed: {error}", path.display()))
}

/// The state as it was saved, or null; with `hold`, as `{state, version}`, when nobody else holds it.
pub(crate) async fn load(states: &States, context: &CallContext, args: &Payload) -> Outcome {
    let args: Args = args::read("state.load", args)?;
    let file = states.folder("state.load", context.photon.as_deref(), &args)?.join(&args.instance);
    if !args.hold {
        return Ok(read(&file)?.map_or_else(Payload::null, |(state, _)| state.into()));
    }
    let name = held_name(&args.photon, &args.instance);
    let held = states.holds.acquire(&context.run, &name, Patience::ENDLESS).await;
    held.map_err(|error| state_failure(&file, error))?;
    match read(&file) {
        Ok(Some((state, version))) => args::json(&json!({ "state": state, "version": version })),
        Ok(None) => args::json(&json!({ "state": null, "version": NONE })),
        Err(failure) => {
            states.holds.release(&context.run, &name);
            Err(failure)
        }
    }
}

fn read(file: &Path) -> Result<Option<(Json, String)>, Failure> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("reading", file, &e)),
    };
    let version = version(text.as_bytes());
    let state = Json::parse(text).map_err(|e| {
        let message = format!(
            "the state in {} is damaged ({e}): put one of the earlier states of backups/ in its place, or remove it",
            file.display()
        );
        Failure::with_code("Error", "ERR_STATE", message)
    })?;
    Ok(Some((state, version)))
}

fn version(state: &[u8]) -> String {
    Hash::of(state).to_string()
}

/// Puts a state in the place of the one before, which is kept. With `version`, only if that is the one before.
pub(crate) async fn save(states: &States, context: &CallContext, args: Payload) -> Outcome {
    let args: Args = args::read("state.save", &args)?;
    let folder = states.folder("state.save", context.photon.as_deref(), &args)?;
    let state = args.state.unwrap_or_else(Json::null);
    let name = held_name(&args.photon, &args.instance);
    let saving = Saving { key: context.idempotency_key(), instance: args.instance, version: args.version };
    // Two syncs: always on another thread.
    let saved = blocking(false, move || match saving.replace(&folder, state.get()) {
        Ok(true) => Ok(Payload::null()),
        Ok(false) => Err(changed(&folder.join(&saving.instance))),
        Err(e) => Err(failed("saving", &folder.join(&saving.instance), &e)),
    })
    .await;
    states.holds.release(&context.run, &name);
    saved
}

/// Gives a state back that was loaded with `hold` and is not to be saved.
pub(crate) fn release(states: &States, context: &CallContext, args: &Payload) -> Outcome {
    let args: Args = args::read("state.release", args)?;
    states.folder("state.release", context.photon.as_deref(), &args)?;
    states.holds.release(&context.run, &held_name(&args.photon, &args.instance));
    Ok(Payload::null())
}

fn changed(file: &Path) -> Failure {
    let message = format!(
        "the state in {} was changed by another run after this one had loaded it: this run stood still in between. What it \
         would have saved is not saved; call the method again",
        file.display()
    );
    Failure::with_code("Error", "ERR_STATE_CHANGED", message)
}

/// One save.
struct Saving {
    key: String,
    instance: String,
    version: Option<String>,
}

/// A save that was done; the file `.{instance}.saves` has the last ones.
#[derive(Serialize, Deserialize)]
struct Save {
    key: String,
    from: String,
    to: String,
}

impl Saving {
    /// `false`: somebody else has saved in between.
    fn replace(&self, folder: &Path, state: &str) -> io::Result<bool> {
        make_folder(folder)?;
        // One at a time, other processes included.
        let lock = File::options().create(true).append(true).mode(0o600).open(folder.join(".lock"))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
        let now = match fs::read(folder.join(&self.instance)) {
            Ok(now) => Some(now),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        if let Some(loaded) = &self.version {
            let from = now.as_deref().map_or_else(|| NONE.to_owned(), version);
            let mut saves = self.saves(folder);
            if self.is_among(&saves, &from) {
                return Ok(true);
            }
            if from != *loaded {
                return Ok(false);
            }
            saves.push(Save { key: self.key.clone(), from, to: version(state.as_bytes()) });
            saves.drain(..saves.len().saturating_sub(SAVES));
            // Before the state, and without a sync: if it is lost, a save that is repeated may be refused.
            let aside = folder.join(format!(".{}.saves.new", self.instance));
            fs::write(&aside, serde_json::to_vec(&saves)?)?;
            fs::rename(aside, folder.join(format!(".{}.saves", self.instance)))?;
        } else if now.as_deref() == Some(state.as_bytes()) {
            // A save that is repeated since its result was lost.
            return Ok(true);
        }
        if let Some(now) = now {
            keep(folder, &self.instance, &now)?;
        }
        put(folder, &self.instance, state.as_bytes())?;
        Ok(true)
    }

    fn saves(&self, folder: &Path) -> Vec<Save> {
        let bytes = fs::read(folder.join(format!(".{}.saves", self.instance))).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Whether this very save was done, and its result lost: the state is what it made, or the next save began there.
    fn is_among(&self, saves: &[Save], now: &str) -> bool {
        let Some(at) = saves.iter().position(|save| save.key == self.key) else { return false };
        saves[at].to == saves.get(at + 1).map_or(now, |next| next.from.as_str())
    }
}

/// Puts a state of before in the place of the present one, which is kept.
pub(crate) fn put_back(folder: &Path, instance: &str, state: &[u8]) -> io::Result<()> {
    let lock = File::options().create(true).append(true).mode(0o600).open(folder.join(".lock"))?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
    match fs::read(folder.join(instance)) {
        Ok(now) => keep(folder, instance, &now)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    put(folder, instance, state)
}

/// A folder that only its owner may enter.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
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
    make_folder(&backups)?;
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
pub(crate) fn numbers(backups: &Path, instance: &str) -> io::Result<Vec<u64>> {
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
