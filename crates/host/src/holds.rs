//! What runs hold against each other, in this process and in others: the state of a photon, and locks by name.
//!
//! A run holds something from the moment it has got it until it gives it back or is not driven any more. In this process
//! others wait in line; other processes are kept apart by the lock of a file. A run that is taken up again takes what it
//! held again, before its program goes on ([`executor::Host::hold`]).

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use run::{Failure, RunId};
use tokio::sync::OwnedMutexGuard;

use crate::locks::FileLock;

/// After this time of waiting it is said who is waited for.
const TELL: Duration = Duration::from_secs(2);

/// All that runs of this process hold or wait for, of one home.
pub struct Holds {
    folder: PathBuf,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    lines: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
    held: HashMap<String, Held>,
    waiting: Vec<(RunId, String)>,
    taken: u64,
}

struct Held {
    run: RunId,
    /// Tells it from what was held under that name before.
    serial: u64,
    /// How often the run has taken it and not given it back.
    times: usize,
    /// Given back when dropped: the file first.
    _lock: FileLock,
    _turn: OwnedMutexGuard<()>,
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// At most; as long as it takes if absent.
    pub most: Option<Duration>,
    /// At most, where whoever holds it waits for the run itself, or seems to.
    pub in_circle: Duration,
}

impl Patience {
    /// As long as it takes, but not for ever.
    pub const ENDLESS: Self = Self { most: None, in_circle: Duration::ZERO };

    /// So long at most.
    pub fn of(most: Duration) -> Self {
        Self { most: Some(most), in_circle: most }
    }
}

/// Why something is not held.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Whoever holds it waits for the run.
    #[error("run {holder} has it, and waits for this run")]
    Circle {
        /// The run that holds it.
        holder: RunId,
    },
    /// It was not free in time.
    #[error("{}", match holder { Some(holder) => format!("{holder} has it"), None => "others have it".into() })]
    Busy {
        /// Who has it, if that is known.
        holder: Option<String>,
    },
    /// The system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Something that was taken for a run, given back when this is dropped, unless the run has given it back before.
pub struct Taken {
    holds: Arc<Holds>,
    name: String,
    serial: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.holds.give_back(&self.name, |held| held.serial == self.serial);
    }
}

/// Takes a run out of the line, however its waiting ends.
struct Waiting<'a>(&'a Holds, &'a RunId, &'a str);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waiting = &mut self.0.lock().waiting;
        if let Some(at) = waiting.iter().position(|(run, name)| run == self.1 && name == self.2) {
            waiting.swap_remove(at);
        }
    }
}

impl Holds {
    /// What is held in the home `home`; the locks are files in `{home}/locks`.
    pub fn new(home: &Path) -> Self {
        Self { folder: home.join("locks"), table: Mutex::default() }
    }

    /// Waits until `run` has `name`. What it has already it has once more.
    pub async fn acquire(&self, run: &RunId, name: &str, patience: Patience) -> Result<(), HoldError> {
        self.take(run, name, patience).await.map(drop)
    }

    /// The same, for as long as what is given lives, or until the run is left.
    pub async fn acquire_for(
        self: &Arc<Self>,
        run: &RunId,
        name: &str,
        patience: Patience,
    ) -> Result<Taken, HoldError> {
        let serial = self.take(run, name, patience).await?;
        Ok(Taken { holds: self.clone(), name: name.to_owned(), serial })
    }

    async fn take(&self, run: &RunId, name: &str, patience: Patience) -> Result<u64, HoldError> {
        let (line, circle) = {
            let mut table = self.lock();
            if let Some(held) = table.held.get_mut(name)
                && held.run == *run
            {
                held.times += 1;
                return Ok(held.serial);
            }
            let holder = table.held.get(name).map(|held| held.run.clone());
            let circle = holder.filter(|holder| table.waits_for(holder, run, &mut HashSet::new()));
            table.waiting.push((run.clone(), name.to_owned()));
            (table.lines.entry(name.to_owned()).or_default().clone(), circle)
        };
        let _waiting = Waiting(self, run, name);
        let most = match circle {
            Some(_) => Some(patience.most.map_or(patience.in_circle, |most| most.min(patience.in_circle))),
            None => patience.most,
        };
        let taking = async {
            let turn = line.lock_owned().await;
            let us = format!("run {run} (process {})", std::process::id());
            Ok::<_, HoldError>((turn, FileLock::take(&self.folder, name, &us).await?))
        };
        let told = self.told(taking, run, name);
        let (turn, lock) = match most {
            None => told.await?,
            Some(most) => match (tokio::time::timeout(most, told).await, circle) {
                (Ok(taken), _) => taken?,
                (Err(_), Some(holder)) => return Err(HoldError::Circle { holder }),
                (Err(_), None) => return Err(HoldError::Busy { holder: FileLock::holder(&self.folder, name) }),
            },
        };
        let mut table = self.lock();
        table.taken += 1;
        let serial = table.taken;
        table.held.insert(name.to_owned(), Held { run: run.clone(), serial, times: 1, _lock: lock, _turn: turn });
        Ok(serial)
    }

    /// Says who is waited for, if it takes long.
    async fn told<T>(&self, taking: impl Future<Output = T>, run: &RunId, name: &str) -> T {
        let mut taking = std::pin::pin!(taking);
        tokio::select! {
            taken = &mut taking => return taken,
            () = tokio::time::sleep(TELL) => {}
        }
        let holder = FileLock::holder(&self.folder, name).unwrap_or_else(|| "somebody".into());
        tracing::warn!("run {run} waits for {name:?}: {holder} has it");
        taking.await
    }

    /// Gives something back that `run` holds.
    pub fn release(&self, run: &RunId, name: &str) {
        self.give_back(name, |held| held.run == *run);
    }

    fn give_back(&self, name: &str, whose: impl Fn(&Held) -> bool) {
        let mut table = self.lock();
        if let Some(held) = table.held.get_mut(name).filter(|held| whose(held)) {
            held.times -= 1;
            if held.times == 0 {
                table.held.remove(name);
            }
        }
        table.sweep();
    }

    /// Gives back all that a run holds.
    pub fn release_all(&self, run: &RunId) {
        let mut table = self.lock();
        table.held.retain(|_, held| held.run != *run);
        table.sweep();
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Each holder does small steps that leave the table whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Whether `holder` goes on only after `run`: because it called it, or because something that it called waits for
    /// somebody who does.
    fn waits_for(&self, holder: &RunId, run: &RunId, seen: &mut HashSet<RunId>) -> bool {
        if within(run, holder) {
            return true;
        }
        if !seen.insert(holder.clone()) {
            return false;
        }
        let below = self.waiting.iter().filter(|(waiting, _)| within(waiting, holder));
        let mut holders = below.filter_map(|(_, name)| self.held.get(name));
        holders.any(|held| self.waits_for(&held.run, run, seen))
    }

    /// Forgets lines in which nobody stands.
    fn sweep(&mut self) {
        self.lines.retain(|name, line| Arc::strong_count(line) > 1 || self.held.contains_key(name));
    }
}

/// Whether `run` is `above`, or was called by it, directly or not: a called run is named
/// `{caller}_{effect}`, perhaps with `r{k}` behind it.
fn within(run: &RunId, above: &RunId) -> bool {
    match run.as_str().strip_prefix(above.as_str()) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('_').is_some_and(|rest| {
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            rest.split('_').all(|part| {
                let (number, again) = part.split_once('r').unwrap_or((part, "0"));
                digits(number) && digits(again)
            })
        }),
        None => false,
    }
}

/// The lock `name` of a photon, or of programs that belong to none: `@locked name` and `this.withLock(name)` are one.
pub fn lock_name(photon: Option<&str>, name: &str) -> String {
    format!("{}:{name}", photon.unwrap_or_default())
}

/// What a program is told that wants a state.
pub(crate) fn state_failure(file: &Path, error: HoldError) -> Failure {
    match error {
        HoldError::Circle { holder } => {
            let message = format!(
                "the state in {} is held by run {holder}, which waits for this run: a photon that keeps state cannot call \
                 itself while a call of it is under way. Give the call another instance, or make it after the state is \
                 saved",
                file.display()
            );
            Failure::with_code("Error", "ERR_STATE_BUSY", message)
        }
        other => {
            Failure::with_code("Error", "ERR_STATE", format!("locking the state in {} failed: {other}", file.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> RunId {
        text.parse().expect("an id")
    }

    #[test]
    fn runs_that_a_run_called() {
        for (run, above, expected) in [
            ("a", "a", true),
            ("a_1", "a", true),
            ("a_1_20", "a", true),
            ("a_1_20", "a_1", true),
            ("a_1r2_20", "a", true),
            ("a_x", "a", false),
            ("ab", "a", false),
            ("a", "a_1", false),
            ("a_", "a", false),
        ] {
            assert_eq!(within(&id(run), &id(above)), expected, "{run} {above}");
        }
    }

    #[tokio::test]
    async fn one_after_the_other_and_never_in_a_circle() {
        let folder = tempfile::tempdir().expect("a folder");
        let (x, y) = ("x", "y");
        let holds = Arc::new(Holds::new(folder.path()));
        let get = async |run: &str, name: &str| holds.acquire(&id(run), name, Patience::ENDLESS).await;
        get("a", x).await.expect("free");
        get("a", x).await.expect("held already");
        // Its own call would wait for ever.
        assert!(matches!(get("a_3", x).await, Err(HoldError::Circle { holder }) if holder == id("a")));
        // Somebody else waits.
        let other = tokio::spawn({
            let holds = holds.clone();
            async move { holds.acquire(&id("b"), x, Patience::ENDLESS).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!other.is_finished());
        // Once for each time.
        holds.release(&id("a"), x);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!other.is_finished());
        holds.release(&id("a"), x);
        other.await.expect("no panic").expect("its turn");
        // b holds x; c holds y and calls something that wants x; then b calls something that wants y.
        get("c", y).await.expect("free");
        let waits = tokio::spawn({
            let holds = holds.clone();
            async move { holds.acquire(&id("c_1"), x, Patience::ENDLESS).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(matches!(get("b_7", y).await, Err(HoldError::Circle { .. })));
        holds.release_all(&id("b"));
        waits.await.expect("no panic").expect("its turn");
        assert!(holds.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn another_process_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let holds = Arc::new(Holds::new(folder.path()));
        // Another open file stands for another process.
        let other = FileLock::try_take(&folder.path().join("locks"), "x", "them").expect("works").expect("free");
        let patience = Patience::of(Duration::from_millis(80));
        match holds.acquire(&id("a"), "x", patience).await {
            Err(error @ HoldError::Busy { .. }) => assert_eq!(error.to_string(), "them has it"),
            other => panic!("{other:?}"),
        }
        drop(other);
        let taken = holds.acquire_for(&id("a"), "x", patience).await.expect("free");
        assert!(holds.lock().waiting.is_empty());
        // The run was left, and has it again: what was taken before gives back nothing of that.
        holds.release_all(&id("a"));
        holds.acquire(&id("a"), "x", patience).await.expect("free");
        drop(taken);
        assert!(matches!(holds.acquire(&id("b"), "x", patience).await, Err(HoldError::Busy { .. })));
        holds.release(&id("a"), "x");
        drop(holds.acquire_for(&id("b"), "x", patience).await.expect("free"));
        holds.acquire(&id("c"), "x", patience).await.expect("free");
        assert_eq!(holds.lock().lines.len(), 1);
    }
}
