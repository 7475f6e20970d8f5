//! What nothing durable can go below, measured in the same run on the same disk.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use crate::measure::{Measure, median};

/// Rounds of the floor may differ by this factor.
const STEADY: f64 = 3.0;

/// The length of a short journal entry.
const ENTRY: [u8; 150] = [b'x'; 150];

/// Not counted: the first appends to a new file are slower, and our own rows leave a first run out too.
const WARM_UP: usize = 10;

/// The time of each of `n` appends of 150 bytes, with an fdatasync after each if `sync`.
pub fn appends(folder: &Path, n: usize, sync: bool) -> Result<Vec<Duration>, String> {
    let measure = || -> io::Result<Vec<Duration>> {
        let mut file = File::create(folder.join("floor"))?;
        let mut times = Vec::with_capacity(n);
        for _ in 0..WARM_UP + n {
            let start = Instant::now();
            file.write_all(&ENTRY)?;
            if sync {
                file.sync_data()?;
            }
            times.push(start.elapsed());
        }
        Ok(times.split_off(WARM_UP))
    };
    measure().map_err(|e| e.to_string())
}

/// Samples of the synced floor, taken in short rounds around everything that is held against it.
#[derive(Default)]
pub struct Floor {
    rounds: Vec<Vec<Duration>>,
}

impl Floor {
    /// One short round.
    pub fn sample(&mut self, folder: &Path) -> Result<(), String> {
        self.rounds.push(appends(folder, 40, true)?);
        Ok(())
    }

    /// Every sample.
    pub fn times(&self) -> Vec<Duration> {
        self.rounds.concat()
    }

    /// What to say when the disk was not the same throughout: other work on the machine, or a throttled disk, makes one
    /// sync cost many times another, and then a ratio says more about the moment than about who was measured.
    pub fn unsteady(&self) -> Option<String> {
        let middles: Vec<f64> = self.rounds.iter().map(|round| median(round).value).collect();
        let low = middles.iter().copied().fold(f64::INFINITY, f64::min);
        let high = middles.iter().copied().fold(0.0, f64::max);
        (high > STEADY * low).then(|| {
            format!(
                "the disk was not steady: a round of bare syncs took from {} to {} (p50); the ratios of synced rows of \
                 this run are not to be trusted",
                Measure::seconds(low),
                Measure::seconds(high)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_when_the_disk_changed() {
        let round = |micros| vec![Duration::from_micros(micros); 3];
        assert!(Floor { rounds: vec![round(200), round(500)] }.unsteady().is_none());
        assert!(
            Floor { rounds: vec![round(200), round(4000)] }.unsteady().is_some_and(|said| said.contains("4.00 ms"))
        );
        assert!(Floor::default().unsteady().is_none());
    }
}
