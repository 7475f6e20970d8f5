//! `@queued n`: no more than n calls of a method at once, in the order in which they came.
//!
//! Within a process the order is kept by a fair semaphore. Between processes there are n locks, one for each place: who
//! has one has a place, and gives it back when its process ends in whatever way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host::{HoldError, Holds, Patience, Taken, lock_name};
use run::RunId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Refusal, Subject};

/// Calls of one method that may wait; beyond it they are refused.
const MOST: usize = 10_000;
/// How often free places of other processes are looked for.
const LOOK: Duration = Duration::from_millis(20);

/// The queues of this process.
#[derive(Debug, Default)]
pub struct Queues {
    queues: Mutex<HashMap<String, Arc<Queue>>>,
}

#[derive(Debug)]
struct Queue {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A place among the calls of this process; dropping it lets the next one in.
pub struct Place {
    _place: OwnedSemaphorePermit,
}

impl Queues {
    /// Waits for one of `places` for `run`: within this process, and a lock among all, with its name.
    pub(super) async fn enter(
        &self,
        subject: &Subject,
        places: u64,
        holds: &Arc<Holds>,
        run: &RunId,
    ) -> Result<(Place, Taken, String), Refusal> {
        let places = usize::try_from(places).unwrap_or(MOST).clamp(1, MOST);
        let queue = self.queue(&subject.name, places);
        let waits = queue.waiting.clone().try_acquire_owned().map_err(|_| Refusal::QueueFull { most: MOST })?;
        let place = queue.places.clone().acquire_owned().await.map_err(|_| Refusal::QueueFull { most: MOST })?;
        // Only the first of this process looks for a place among processes, so that the order is kept.
        let (taken, lock) = 'found: loop {
            for n in 0..places {
                let lock = format!("queue {} {n}", subject.name);
                let full = lock_name(Some(&subject.photon), &lock);
                match holds.acquire_for(run, &full, Patience::of(Duration::ZERO)).await {
                    Ok(taken) => break 'found (taken, lock),
                    Err(HoldError::Io(cause)) => return Err(Refusal::Locks { cause: cause.to_string() }),
                    Err(_) => {}
                }
            }
            tokio::time::sleep(LOOK).await;
        };
        drop(waits);
        Ok((Place { _place: place }, taken, lock))
    }

    fn queue(&self, name: &str, places: usize) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.len() > MOST {
            // What only the map holds has nobody in it.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1 || Arc::strong_count(&queue.places) > 1);
        }
        let key = format!("{name}:{places}");
        let made = || Queue { places: Arc::new(Semaphore::new(places)), waiting: Arc::new(Semaphore::new(MOST)) };
        queues.entry(key).or_insert_with(|| Arc::new(made())).clone()
    }
}
