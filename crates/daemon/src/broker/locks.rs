//! Locks by name: held by a connection, given in the order of asking, released by their owner alone or by its end.
//!
//! Behind each lock is a lock of a file in the home, so that processes that work without the daemon, and one daemon
//! after another, exclude each other too. No clock is read here: times come in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use host::FileLock;

/// Those who may wait for one lock.
const MAX_WAITING: usize = 1_024;
/// Locks that are held or waited for.
const MAX_LOCKS: usize = 10_000;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    /// The connection.
    pub connection: u64,
    /// The number of the request, for the answer.
    pub id: Option<u64>,
}

/// What somebody is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It has the lock; its token grows with every owner of any lock.
    Locked { name: String, token: u64 },
    /// It did not get it in time.
    TimedOut { name: String },
    /// Its time with the lock is over.
    Expired { name: String, token: u64 },
    /// The lock's file cannot be used.
    Failed { name: String, cause: String },
}

struct Waiter {
    asker: Asker,
    until: Option<Instant>,
    lease: Option<Duration>,
}

struct Owned {
    asker: Asker,
    token: u64,
    lease: Option<Duration>,
    expires: Option<Instant>,
    _file: FileLock,
}

#[derive(Default)]
struct Lock {
    owner: Option<Owned>,
    waiting: VecDeque<Waiter>,
}

/// All locks.
pub(super) struct Table {
    folder: PathBuf,
    locks: HashMap<String, Lock>,
    /// Those that are free here, but held by a process that works without the daemon.
    blocked: HashSet<String>,
    next: u64,
    told: Vec<(Asker, Told)>,
}

impl Table {
    /// `first` is the first token.
    pub(super) fn new(folder: PathBuf, first: u64) -> Self {
        Self { folder, locks: HashMap::new(), blocked: HashSet::new(), next: first, told: Vec::new() }
    }

    /// What is to be told since the last call.
    pub(super) fn told(&mut self) -> Vec<(Asker, Told)> {
        std::mem::take(&mut self.told)
    }

    /// How many are held.
    pub(super) fn held(&self) -> usize {
        self.locks.values().filter(|lock| lock.owner.is_some()).count()
    }

    /// Asks for a lock; the answer is told, perhaps at once.
    pub(super) fn lock(
        &mut self,
        name: &str,
        asker: Asker,
        wait: Option<Duration>,
        lease: Option<Duration>,
        now: Instant,
    ) -> Result<(), String> {
        if self.locks.len() >= MAX_LOCKS && !self.locks.contains_key(name) {
            return Err(format!("{MAX_LOCKS} locks are held or waited for: try again later"));
        }
        let lock = self.locks.entry(name.to_owned()).or_default();
        if lock.waiting.len() >= MAX_WAITING {
            return Err(format!("{MAX_WAITING} wait for the lock {name:?} already: try again later"));
        }
        let until = wait.and_then(|wait| now.checked_add(wait));
        lock.waiting.push_back(Waiter { asker, until, lease });
        self.give(name, now);
        if wait == Some(Duration::ZERO) {
            self.tick(now);
        }
        Ok(())
    }

    /// Gives a lock back.
    pub(super) fn unlock(&mut self, name: &str, connection: u64, token: u64, now: Instant) -> Result<(), String> {
        self.owned(name, connection, token)?;
        if let Some(lock) = self.locks.get_mut(name) {
            lock.owner = None;
        }
        self.give(name, now);
        Ok(())
    }

    /// Begins the lease of a lock anew.
    pub(super) fn renew(&mut self, name: &str, connection: u64, token: u64, now: Instant) -> Result<(), String> {
        let owner = self.owned(name, connection, token)?;
        owner.expires = owner.lease.and_then(|lease| now.checked_add(lease));
        Ok(())
    }

    fn owned(&mut self, name: &str, connection: u64, token: u64) -> Result<&mut Owned, String> {
        let owner = self.locks.get_mut(name).and_then(|lock| lock.owner.as_mut());
        let owner = owner.ok_or_else(|| format!("nobody holds the lock {name:?}"))?;
        if owner.asker.connection != connection || owner.token != token {
            return Err(format!("the lock {name:?} belongs to somebody else"));
        }
        Ok(owner)
    }

    /// Releases what a connection that has ended held, and forgets what it waited for.
    pub(super) fn gone(&mut self, connection: u64, now: Instant) {
        let mut free = Vec::new();
        for (name, lock) in &mut self.locks {
            lock.waiting.retain(|waiter| waiter.asker.connection != connection);
            if lock.owner.as_ref().is_some_and(|owner| owner.asker.connection == connection) {
                lock.owner = None;
            }
            if lock.owner.is_none() {
                free.push(name.clone());
            }
        }
        free.iter().for_each(|name| self.give(name, now));
    }

    /// Ends leases and waits whose time is over, and looks at locks that others hold.
    pub(super) fn tick(&mut self, now: Instant) {
        let over = |until: Option<Instant>| until.is_some_and(|until| until <= now);
        let mut free: Vec<String> = self.blocked.drain().collect();
        for (name, lock) in &mut self.locks {
            if let Some(owner) = lock.owner.take_if(|owner| over(owner.expires)) {
                let told = Told::Expired { name: name.clone(), token: owner.token };
                self.told.push((Asker { id: None, ..owner.asker }, told));
                free.push(name.clone());
            }
        }
        free.iter().for_each(|name| self.give(name, now));
        let mut empty = Vec::new();
        for (name, lock) in &mut self.locks {
            let told = &mut self.told;
            lock.waiting.retain(|waiter| {
                let over = over(waiter.until);
                if over {
                    told.push((waiter.asker, Told::TimedOut { name: name.clone() }));
                }
                !over
            });
            if lock.owner.is_none() && lock.waiting.is_empty() {
                empty.push(name.clone());
            }
        }
        for name in empty {
            self.locks.remove(&name);
            self.blocked.remove(&name);
        }
    }

    /// Whether `tick` has anything to do at all.
    pub(super) fn idle(&self) -> bool {
        self.locks.is_empty()
    }

    /// Gives a free lock to the first who waits for it.
    fn give(&mut self, name: &str, now: Instant) {
        self.blocked.remove(name);
        let Some(lock) = self.locks.get_mut(name).filter(|lock| lock.owner.is_none()) else { return };
        if lock.waiting.is_empty() {
            self.locks.remove(name);
            return;
        }
        let us = format!("a client of the daemon (process {})", std::process::id());
        match FileLock::try_take(&self.folder, name, &us) {
            Ok(Some(file)) => {
                let Some(Waiter { asker, lease, .. }) = lock.waiting.pop_front() else { return };
                let expires = lease.and_then(|lease| now.checked_add(lease));
                lock.owner = Some(Owned { asker, token: self.next, lease, expires, _file: file });
                self.told.push((asker, Told::Locked { name: name.to_owned(), token: self.next }));
                self.next += 1;
            }
            Ok(None) => {
                self.blocked.insert(name.to_owned());
            }
            Err(error) => {
                for waiter in lock.waiting.drain(..) {
                    self.told.push((waiter.asker, Told::Failed { name: name.to_owned(), cause: error.to_string() }));
                }
                self.locks.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Option<Duration> = None;

    fn asker(connection: u64) -> Asker {
        Asker { connection, id: Some(connection) }
    }

    fn locked(told: &[(Asker, Told)]) -> Vec<(u64, u64)> {
        let locked = |(asker, told): &(Asker, Told)| match told {
            Told::Locked { token, .. } => Some((asker.connection, *token)),
            _ => None,
        };
        told.iter().filter_map(locked).collect()
    }

    #[test]
    fn in_the_order_of_asking_and_by_the_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut table, now) = (Table::new(folder.path().to_owned(), 1), Instant::now());
        for connection in 1..=3 {
            table.lock("a", asker(connection), WAIT, None, now).expect("asked");
        }
        assert_eq!(locked(&table.told()), [(1, 1)]);
        assert!(table.unlock("a", 2, 1, now).expect_err("refused").contains("somebody else"));
        assert!(table.unlock("a", 1, 9, now).is_err());
        assert!(table.unlock("b", 1, 1, now).expect_err("refused").contains("nobody"));
        table.unlock("a", 1, 1, now).expect("released");
        assert_eq!(locked(&table.told()), [(2, 2)]);
        // An owner that goes away releases; one that only waits is forgotten.
        table.lock("a", asker(1), WAIT, None, now).expect("asked");
        table.gone(3, now);
        table.gone(2, now);
        assert_eq!(locked(&table.told()), [(1, 3)]);
        table.gone(1, now);
        assert!(table.idle());
    }

    #[test]
    fn waits_and_leases_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut table, now) = (Table::new(folder.path().to_owned(), 1), Instant::now());
        let second = Duration::from_secs(1);
        table.lock("a", asker(1), WAIT, Some(second * 5), now).expect("asked");
        table.lock("a", asker(2), Some(second), None, now).expect("asked");
        table.lock("a", asker(3), Some(second * 60), None, now).expect("asked");
        table.lock("a", asker(4), Some(Duration::ZERO), None, now).expect("asked");
        let told = table.told();
        assert_eq!(locked(&told), [(1, 1)]);
        assert!(told.contains(&(asker(4), Told::TimedOut { name: "a".into() })), "{told:?}");
        table.tick(now + second * 2);
        assert_eq!(table.told(), [(asker(2), Told::TimedOut { name: "a".into() })]);
        table.renew("a", 1, 1, now + second * 3).expect("renewed");
        table.tick(now + second * 6);
        assert_eq!(table.told(), []);
        table.tick(now + second * 9);
        let told = table.told();
        assert!(matches!(&told[0].1, Told::Expired { token: 1, .. }), "{told:?}");
        assert_eq!(locked(&told), [(3, 2)]);
        assert!(table.unlock("a", 1, 1, now).is_err());
    }

    #[test]
    fn who_works_without_the_daemon_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut table, now) = (Table::new(folder.path().to_owned(), 1), Instant::now());
        let outside = FileLock::try_take(folder.path(), "a", "test").expect("works").expect("free");
        table.lock("a", asker(1), WAIT, None, now).expect("asked");
        table.tick(now);
        assert_eq!(table.told(), []);
        drop(outside);
        table.tick(now);
        assert_eq!(locked(&table.told()), [(1, 1)]);
        assert!(FileLock::try_take(folder.path(), "a", "test").expect("works").is_none());
    }
}
