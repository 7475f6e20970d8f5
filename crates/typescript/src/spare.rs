//! A program made ahead of need, in a process that serves: a short call would spend a good part of its time on getting
//! its memory.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::{Instance, InstancePre, Store};

use crate::engine::{self, Engine};
use crate::image::PAGE;
use crate::program::{Limiter, State};

/// An instance with the host's part of it.
pub type Made = (Store<State>, Instance);

/// More pages than this are not touched ahead: who writes to so many spends its time elsewhere.
const MOST: usize = 512;

/// In how many runs they lie at most. When a program has gone, wasmtime puts the first 32 runs of pages back by copying,
/// and they stay; what lies behind is given back to the system, and costs a fault for each page the next time. Some runs
/// are left for what grows.
const RUNS: usize = 26;

/// At most one instance that nobody uses yet.
#[derive(Default)]
pub struct Spare {
    wanted: AtomicBool,
    ready: Mutex<Option<Made>>,
    /// The pages of a new memory that programs write to, as the first one did. Each is copied at the first write to it,
    /// which is done ahead.
    pages: OnceLock<Vec<usize>>,
}

impl Spare {
    /// From now on one is made whenever a program has gone.
    pub fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// The one that is ready, if `limiter` allows its memory: the way without it says what is wrong. The state in it is
    /// nobody's.
    pub fn take(&self, limiter: &Limiter) -> Option<Made> {
        let (mut store, instance) = self.lock().take()?;
        let memory = instance.get_memory(&mut store, "memory")?;
        limiter.allows(memory.data_size(&store)).then_some((store, instance))
    }

    /// Makes one, if that is wanted and none is ready. No program sees whether it was made ahead: it has not run.
    pub fn fill(&self, pre: &InstancePre<State>) {
        if !self.wanted.load(Ordering::Relaxed) || self.lock().is_some() {
            return;
        }
        let mut store = engine::store(pre, State::of_nobody());
        // Nothing is left for it: others need more.
        let Ok(instance) = pre.instantiate(&mut store) else { return };
        if let (Some(memory), Some(pages)) = (instance.get_memory(&mut store, "memory"), self.pages.get()) {
            let memory = memory.data_mut(&mut store);
            for page in pages {
                if let Some(byte) = memory.get_mut(page * PAGE) {
                    *byte = black_box(*byte);
                }
            }
        }
        *self.lock() = Some((store, instance));
    }

    /// Notes which pages of `memory` a program has written to, if nobody knows yet. `len` is the size that it began
    /// with. Without an answer of the system, none are touched ahead.
    pub fn learn(&self, memory: &[u8], len: usize) {
        if !self.wanted.load(Ordering::Relaxed) || self.pages.get().is_some() {
            return;
        }
        let written = joined(written(memory.get(..len).unwrap_or(memory)).unwrap_or_default());
        if written.len() <= MOST {
            let _ = self.pages.set(written);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Made>> {
        // Each holder takes or puts the whole value.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which pages of a copy-on-write memory are copies, by the system's table of pages: one word for each, bit 63 set if
/// it is there, bit 61 if it is the file's.
fn written(memory: &[u8]) -> Option<Vec<usize>> {
    let mut words = vec![0; memory.len() / PAGE * 8];
    let first = memory.as_ptr() as usize / PAGE;
    File::open("/proc/self/pagemap").ok()?.read_exact_at(&mut words, first as u64 * 8).ok()?;
    let is_copy = |word: &[u8]| word.last().is_some_and(|high| high >> 7 & 1 == 1 && high >> 5 & 1 == 0);
    Some(words.chunks_exact(8).enumerate().filter(|(_, word)| is_copy(word)).map(|(page, _)| page).collect())
}

/// The pages, in order, and those between some of them that make the fewest runs with the fewest pages.
fn joined(pages: Vec<usize>) -> Vec<usize> {
    let mut gaps: Vec<(usize, usize)> =
        pages.windows(2).map(|pair| (pair[1] - pair[0] - 1, pair[0])).filter(|(gap, _)| *gap > 0).collect();
    gaps.sort_unstable();
    gaps.truncate((gaps.len() + 1).saturating_sub(RUNS));
    let between = gaps.into_iter().flat_map(|(gap, before)| before + 1..=before + gap);
    let mut all: Vec<usize> = pages.iter().copied().chain(between).collect();
    all.sort_unstable();
    all
}

/// Has the next program made ahead when one goes. It is the last part of a program, so that what that one held is free
/// by then.
pub struct Refill(pub Arc<Engine>);

impl Drop for Refill {
    fn drop(&mut self) {
        self.0.refill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_joined_where_the_gaps_are_small() {
        assert!(joined(Vec::new()).is_empty());
        let few = vec![1, 2, 7, 100];
        assert_eq!(joined(few.clone()), few, "they are few runs already");
        // Runs of two pages with gaps of 1, 2, 3 …
        let mut at = 0;
        let many: Vec<usize> = (1..=40)
            .flat_map(|gap| {
                at += gap + 2;
                [at, at + 1]
            })
            .collect();
        let all = joined(many.clone());
        let runs = 1 + all.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
        assert_eq!(runs, RUNS);
        assert!(many.iter().all(|page| all.contains(page)));
        assert_eq!(all.len(), many.len() + (2..=40 - RUNS + 1).sum::<usize>());
    }

    #[test]
    fn what_is_written_to_is_known() {
        // Fresh from the system.
        let mut memory = vec![0u8; 64 << 20];
        let skew = memory.as_ptr().align_offset(PAGE);
        let memory = &mut memory[skew..skew + (32 << 20)];
        let before = written(memory).expect("the system says");
        assert!(!before.contains(&5000), "{before:?}");
        memory[5000 * PAGE] = black_box(1);
        let after = written(memory).expect("the system says");
        assert!(after.contains(&5000), "{after:?}");
    }
}
