//! The clock and the random source of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use executor::World;
use run::{Seed, time::Millis};
use store::Owner;

/// This machine.
pub struct System;

impl World for System {
    fn now(&self) -> Millis {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
    }

    fn seed(&self) -> Seed {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system's random source works on every system that we build for");
        Seed(seed)
    }
}

/// How this process is named to others that want to drive its run.
pub fn owner(what: &str) -> Owner {
    Owner {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        pid: std::process::id(),
        what: format!("quicksave {what}"),
        since: System.now(),
    }
}
