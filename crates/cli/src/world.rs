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

/// As many open files as a server asks for: as many runs can be driven at a time, since each has its journal open. Programs
/// that are started inherit the limit, and some go through all numbers below it.
const FILES: u64 = 1 << 16;

/// Has this process open as many files as it may.
pub fn more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.map_or(FILES, |most| most.min(FILES));
    if now.current.is_some_and(|current| current < most)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: now.maximum })
    {
        tracing::debug!(%error, "the limit of open files stays as it is");
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
