//! What must be remembered of calls between processes and restarts: how many there were, how many failed. One small
//! file for each method of an instance, below a folder that is private to the user.
//!
//! They are written aside and renamed, and not synced: after a power cut a method may be called a little more often
//! than its tags say. A file that cannot be read counts as none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bundler::tools::{CircuitBreaker, Rate};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The files.
#[derive(Clone, Debug)]
pub struct Ledger {
    folder: PathBuf,
}

impl Ledger {
    /// Files below `folder`, which need not exist.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Changes what is remembered under `name` (a hash, in hex), with nobody between reading and writing.
    pub fn change<T: Default + Serialize + DeserializeOwned, R>(
        &self,
        name: &str,
        change: impl FnOnce(&mut T) -> R,
    ) -> io::Result<R> {
        private_folder(&self.folder)?;
        let lock = open(&self.folder.join("lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let path = self.folder.join(name);
        let mut value: T = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let result = change(&mut value);
        let mut aside = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder)?;
        aside.write_all(&serde_json::to_vec(&value)?)?;
        aside.persist(&path).map_err(|error| error.error)?;
        Ok(result)
    }
}

/// Makes a folder that only this user enters.
pub(super) fn private_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// A bucket of tokens: each call takes one, and they come back evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Calls that were made and are not made good yet.
    used: f64,
    /// When that was, in milliseconds since the epoch.
    at: u64,
}

impl Bucket {
    /// Takes a token at `now` (milliseconds); or how many milliseconds from now there is one.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts and times far below 2^53, and nothing below zero"
    )]
    pub fn take(&mut self, rate: &Rate, now: u64) -> Result<(), u64> {
        let (count, window) = (rate.count as f64, rate.window_ms.max(1) as f64);
        // A clock that was put back makes nobody wait longer.
        let passed = now.saturating_sub(self.at) as f64;
        let used = (self.used - passed * count / window).clamp(0.0, count);
        if used + 1.0 <= count + 1e-9 {
            *self = Self { used: used + 1.0, at: now };
            return Ok(());
        }
        Err(((used + 1.0 - count) * window / count).ceil().max(1.0) as u64)
    }
}

/// Failures in a row. Enough of them, and calls are refused for a while; then one is let through to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    failures: u64,
    /// Since when calls are refused, in milliseconds since the epoch.
    opened: Option<u64>,
}

impl Breaker {
    /// Whether a call may be made at `now`; or how many milliseconds from now one may be.
    pub fn admit(&mut self, breaker: &CircuitBreaker, now: u64) -> Result<(), u64> {
        let Some(opened) = self.opened else { return Ok(()) };
        let passed = now.saturating_sub(opened);
        if now >= opened && passed < breaker.reset_ms {
            return Err(breaker.reset_ms - passed);
        }
        // This one is the test; the others wait for what becomes of it.
        self.opened = Some(now);
        Ok(())
    }

    /// Notes how a call ended.
    pub fn note(&mut self, breaker: &CircuitBreaker, good: bool, now: u64) {
        if good {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= breaker.threshold {
            self.opened = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_and_says_when_there_is_more() {
        let rate = Rate { count: 3, window_ms: 60_000 };
        let mut bucket = Bucket::default();
        let now = 1_000_000;
        for _ in 0..3 {
            assert_eq!(bucket.take(&rate, now), Ok(()));
        }
        assert_eq!(bucket.take(&rate, now), Err(20_000));
        assert_eq!(bucket.take(&rate, now + 19_999), Err(1));
        assert_eq!(bucket.take(&rate, now + 20_000), Ok(()));
        // The clock was put back.
        assert!(bucket.take(&rate, now).is_err());
        assert_eq!(bucket.take(&rate, now + 600_000), Ok(()));
    }

    #[test]
    fn a_breaker_opens_lets_one_through_and_closes() {
        let tag = CircuitBreaker { threshold: 2, reset_ms: 100 };
        let mut breaker = Breaker::default();
        breaker.note(&tag, false, 0);
        assert_eq!(breaker.admit(&tag, 0), Ok(()));
        breaker.note(&tag, false, 10);
        assert_eq!(breaker.admit(&tag, 50), Err(60));
        assert_eq!(breaker.admit(&tag, 110), Ok(()));
        assert_eq!(breaker.admit(&tag, 111), Err(99), "one at a time");
        breaker.note(&tag, false, 112);
        assert_eq!(breaker.admit(&tag, 150), Err(62));
        assert_eq!(breaker.admit(&tag, 212), Ok(()));
        breaker.note(&tag, true, 213);
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn files_are_private_and_damage_is_forgotten() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(dir.path().join("calls"));
        for n in 1..=3_u64 {
            let now = ledger.change("a", |count: &mut u64| {
                *count += 1;
                *count
            });
            assert_eq!(now.unwrap(), n);
        }
        let file = dir.path().join("calls/a");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(dir.path().join("calls")).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(&file, "{").unwrap();
        assert_eq!(ledger.change("a", |count: &mut u64| *count).unwrap(), 0);
    }

    #[test]
    fn many_at_once_take_no_more_than_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(dir.path().into());
        let rate = Rate { count: 10, window_ms: 1_000_000 };
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let take = || ledger.change("x", |bucket: &mut Bucket| bucket.take(&rate, 5)).unwrap();
                        (0..10).filter(|_| take().is_ok()).count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 10);
    }
}
