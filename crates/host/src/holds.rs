//! Who holds the state of which photon: one run at a time, in this process and in others.
//!
//! A run that wants to change a state holds it from the moment it reads it until it has saved it, or is not driven any
//! more. In this process others wait in line; other processes are kept apart by a file lock.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use run::{Failure, RunId};
use rustix::fs::FlockOperation;
use tokio::sync::OwnedMutexGuard;

/// How often a lock that another process has is tried again.
const AGAIN: Duration = Duration::from_millis(20);

/// Whose state: the file that holds it.
type Key = PathBuf;

/// All states that runs of this process hold or wait for.
#[derive(Default)]
pub(crate) struct Holds {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    lines: HashMap<Key, Arc<tokio::sync::Mutex<()>>>,
    held: HashMap<Key, Held>,
    waiting: HashMap<RunId, Key>,
}

struct Held {
    run: RunId,
    /// Given back when dropped: the file first.
    _lock: File,
    _turn: OwnedMutexGuard<()>,
}

/// Takes a run out of the line, however its waiting ends.
struct Waiting<'a>(&'a Holds, &'a RunId);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting.remove(self.1);
    }
}

impl Holds {
    /// Waits until `run` may change the state in `file`. Fails where that would be for ever, since whoever holds it
    /// waits for `run` itself.
    pub async fn acquire(&self, run: &RunId, file: &Path) -> Result<(), Failure> {
        let line = {
            let mut table = self.lock();
            match table.held.get(file) {
                Some(held) if held.run == *run => return Ok(()),
                Some(held) if table.waits_for(&held.run, run, &mut HashSet::new()) => {
                    return Err(for_ever(file, &held.run));
                }
                _ => {}
            }
            table.waiting.insert(run.clone(), file.to_owned());
            table.lines.entry(file.to_owned()).or_default().clone()
        };
        let _waiting = Waiting(self, run);
        let turn = line.lock_owned().await;
        let lock = lock_file(file).map_err(|e| crate::state::failed("locking", file, &e))?;
        loop {
            match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(AGAIN).await,
                Err(e) => return Err(crate::state::failed("locking", file, &e.into())),
            }
        }
        self.lock().held.insert(file.to_owned(), Held { run: run.clone(), _lock: lock, _turn: turn });
        Ok(())
    }

    /// Gives one state back.
    pub fn release(&self, run: &RunId, file: &Path) {
        let mut table = self.lock();
        if table.held.get(file).is_some_and(|held| held.run == *run) {
            table.held.remove(file);
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
        let mut holders = below.filter_map(|(_, key)| self.held.get(key));
        holders.any(|held| self.waits_for(&held.run, run, seen))
    }

    /// Forgets lines in which nobody stands.
    fn sweep(&mut self) {
        self.lines.retain(|key, line| Arc::strong_count(line) > 1 || self.held.contains_key(key));
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

fn for_ever(file: &Path, holder: &RunId) -> Failure {
    let message = format!(
        "the state in {} is held by run {holder}, which waits for this run: a photon that keeps state cannot call itself \
         while a call of it is under way. Give the call another instance, or make it after the state is saved",
        file.display()
    );
    Failure::with_code("Error", "ERR_STATE_BUSY", message)
}

/// The file whose lock stands for the state in `file`.
pub(crate) fn lock_file(file: &Path) -> io::Result<File> {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    crate::state::make_folder(folder)?;
    let lock = folder.join(format!(".{}.lock", name.to_string_lossy()));
    File::options().create(true).append(true).mode(0o600).open(lock)
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
        let (x, y) = (folder.path().join("p/x"), folder.path().join("p/y"));
        let holds = Arc::new(Holds::default());
        holds.acquire(&id("a"), &x).await.expect("free");
        holds.acquire(&id("a"), &x).await.expect("held already");
        // Its own call would wait for ever.
        let error = holds.acquire(&id("a_3"), &x).await.expect_err("a circle");
        assert_eq!(error.code.as_deref(), Some("ERR_STATE_BUSY"));
        // Somebody else waits.
        let other = tokio::spawn({
            let (holds, x) = (holds.clone(), x.clone());
            async move { holds.acquire(&id("b"), &x).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!other.is_finished());
        holds.release(&id("a"), &x);
        other.await.expect("no panic").expect("its turn");
        // b holds x; c holds y and calls something that wants x; then b calls something that wants y.
        holds.acquire(&id("c"), &y).await.expect("free");
        let waits = tokio::spawn({
            let (holds, x) = (holds.clone(), x.clone());
            async move { holds.acquire(&id("c_1"), &x).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(holds.acquire(&id("b_7"), &y).await.is_err());
        holds.release_all(&id("b"));
        waits.await.expect("no panic").expect("its turn");
        assert!(holds.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn another_process_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let x = folder.path().join("x");
        // Another open file stands for another process.
        let other = lock_file(&x).expect("made");
        rustix::fs::flock(&other, FlockOperation::LockExclusive).expect("locked");
        let holds = Holds::default();
        let patience = Duration::from_millis(80);
        assert!(tokio::time::timeout(patience, holds.acquire(&id("a"), &x)).await.is_err());
        drop(other);
        holds.acquire(&id("a"), &x).await.expect("free");
        assert!(holds.lock().waiting.is_empty());
    }
}
