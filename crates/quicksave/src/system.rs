//! The system's clock and random source.

use std::time::{SystemTime, UNIX_EPOCH};

use executor::World;
use run::{Seed, time::Millis};

/// The machine's own clock and random source.
pub struct System;

impl World for System {
    fn now(&self) -> Millis {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
    }

    fn seed(&self) -> Seed {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system has a random source");
        Seed(seed)
    }
}
