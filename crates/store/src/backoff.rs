//! Trying again while a server is away.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::StoreError;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// The waits of one call: each twice as long as the one before, up to a second, until its patience is over.
pub(crate) struct Backoff {
    end: Instant,
    wait: Duration,
}

impl Backoff {
    /// For a call that may take so long.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { end: Instant::now() + patience, wait: FIRST }
    }

    /// Waits before the next try, or gives the error back: if no retry helps, or there is no time left for one.
    pub(crate) async fn again(&mut self, error: StoreError) -> Result<(), StoreError> {
        // From half the time to all of it, so that many clients of a server that comes back do not come at once.
        let half = self.wait / 2;
        let wait = half + half.mul_f64(f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX));
        if !error.can_retry() || Instant::now() + wait >= self.end {
            return Err(error);
        }
        sleep(wait).await;
        self.wait = (self.wait * 2).min(LONGEST);
        Ok(())
    }
}
