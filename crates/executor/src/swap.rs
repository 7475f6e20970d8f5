//! Programs that wait give their memory back, all but some; see `docs/decisions/0015-waiting-runs.md`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Which of the programs that wait stay in memory. One for all runs of a process: clones count together.
#[derive(Clone)]
pub struct Swap(Arc<Shared>);

struct Shared {
    stay: usize,
    /// Programs that wait and are in memory.
    idle: AtomicUsize,
    /// Rights to come back into memory.
    back: Arc<Semaphore>,
}

/// How many programs come back at a time at least, however few may stay.
const BACK: usize = 4;

/// How long one waits for others to be done before it comes back all the same: the bound saves memory, and must not
/// stop programs that wait for each other.
const BACK_WITHIN: Duration = Duration::from_secs(1);

impl Swap {
    /// As many waiting programs as `stay` keep their memory.
    pub fn beyond(stay: usize) -> Self {
        let back = Arc::new(Semaphore::new(stay.clamp(BACK, Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared { stay, idle: AtomicUsize::new(0), back }))
    }

    /// Counts a program that waits, in memory, until that is dropped.
    pub(crate) fn idle(&self) -> Idle {
        self.0.idle.fetch_add(1, Ordering::Relaxed);
        Idle { swap: self.clone(), since: Instant::now(), tries: 0 }
    }

    /// Waits until a program may come back. What is given is held while it computes.
    pub(crate) async fn back(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(BACK_WITHIN, self.0.back.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// A program that waits, in memory.
pub(crate) struct Idle {
    swap: Swap,
    since: Instant,
    /// How often it was found not worth swapping out.
    tries: u32,
}

impl Idle {
    /// In how long the program is to be swapped out, which should have waited for `patience` by then; or not at all, while
    /// there is room.
    pub fn leaves_in(&self, patience: Duration) -> Option<Duration> {
        let crowded = self.swap.0.idle.load(Ordering::Relaxed) > self.swap.0.stay;
        let patience = patience.saturating_mul(1 << self.tries.min(16));
        crowded.then(|| patience.saturating_sub(self.since.elapsed()))
    }

    /// Swapping out gained nothing; later it may.
    pub fn stays(&mut self) {
        (self.since, self.tries) = (Instant::now(), self.tries + 1);
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.swap.0.idle.fetch_sub(1, Ordering::Relaxed);
    }
}
