//! Threads with deep stacks. One that has nothing to do waits for a while: to make another takes longer than a short run.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use run::GuestError;

use crate::{ExecError, STACK};

/// Threads that wait at one time; what their stacks have grown to is held meanwhile.
const MOST: usize = 2;

/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a thread does.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// A thread that waits, by its number.
type Idle = (u64, mpsc::Sender<Work>);

static IDLE: Mutex<Vec<Idle>> = Mutex::new(Vec::new());

fn idle() -> MutexGuard<'static, Vec<Idle>> {
    // Each holder does one operation on the list.
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work` on a thread of its own. If the system has none, the work is given back.
pub(crate) fn run(mut work: Work) -> Result<(), (io::Error, Work)> {
    // Not while the list is held.
    let pop = || idle().pop();
    while let Some((_, thread)) = pop() {
        match thread.send(work) {
            Ok(()) => return Ok(()),
            Err(mpsc::SendError(back)) => work = back,
        }
    }
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // In a slot, since what the closure holds is lost if there is no thread.
    let slot = Arc::new(Mutex::new(Some(work)));
    let first = slot.clone();
    let begun = thread::Builder::new().name("run".into()).stack_size(STACK).spawn(move || {
        if let Some(work) = taken(&first) {
            stay(number, work);
        }
    });
    match begun {
        Err(error) => match taken(&slot) {
            Some(work) => Err((error, work)),
            None => Ok(()),
        },
        Ok(_) => Ok(()),
    }
}

/// There is no thread for a run.
pub(crate) fn none(error: &io::Error) -> ExecError {
    ExecError::Guest(GuestError::Engine(format!("no thread for a run: {error}")))
}

/// The thread of a run ended without a word.
pub(crate) fn lost() -> ExecError {
    ExecError::Guest(GuestError::Engine("the thread of a run ended unexpectedly".into()))
}

fn taken(slot: &Mutex<Option<Work>>) -> Option<Work> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn stay(number: u64, mut work: Work) {
    let (give, take) = mpsc::channel();
    loop {
        work();
        let mut list = idle();
        if list.len() >= MOST {
            return;
        }
        list.push((number, give.clone()));
        drop(list);
        work = match take.recv_timeout(PATIENCE) {
            Ok(work) => work,
            Err(_) => {
                let mut list = idle();
                let len = list.len();
                list.retain(|(other, _)| *other != number);
                if list.len() < len {
                    return;
                }
                drop(list);
                // Somebody has it off the list, and is about to give it work.
                let Ok(work) = take.recv() else { return };
                work
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_is_done_and_threads_are_used_again() {
        let count = Arc::new(AtomicU64::new(0));
        let (tell, told) = mpsc::channel();
        for _ in 0..2000 {
            let (count, tell) = (count.clone(), tell.clone());
            let work: Work = Box::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = tell.send(thread::current().id());
            });
            assert!(run(work).is_ok());
        }
        drop(tell);
        let all: Vec<_> = told.iter().collect();
        assert_eq!((all.len(), count.load(Ordering::Relaxed)), (2000, 2000));
        let one_after_the_other: std::collections::HashSet<_> = (0..20)
            .map(|_| {
                let (tell, told) = mpsc::channel();
                let work: Work = Box::new(move || {
                    let _ = tell.send(thread::current().id());
                });
                assert!(run(work).is_ok());
                let id = told.recv().expect("done");
                // It is on the list a moment later.
                while idle().is_empty() {
                    thread::yield_now();
                }
                id
            })
            .collect();
        assert!(one_after_the_other.len() <= MOST + 1, "{one_after_the_other:?}");
    }
}
