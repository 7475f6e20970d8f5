//! What nothing durable can go below, measured in the same run on the same disk.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

/// The length of a short journal entry.
const ENTRY: [u8; 150] = [b'x'; 150];

/// The time of each of `n` appends of 150 bytes, with an fdatasync after each if `sync`.
pub fn appends(folder: &Path, n: usize, sync: bool) -> Result<Vec<Duration>, String> {
    let measure = || -> io::Result<Vec<Duration>> {
        let mut file = File::create(folder.join("floor"))?;
        let mut times = Vec::with_capacity(n);
        for _ in 0..n {
            let start = Instant::now();
            file.write_all(&ENTRY)?;
            if sync {
                file.sync_data()?;
            }
            times.push(start.elapsed());
        }
        Ok(times)
    };
    measure().map_err(|e| e.to_string())
}
