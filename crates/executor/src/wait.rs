//! Waiting: for results and timers, with or without the program in memory, or out of this process.

use std::time::{Duration, Instant};

use run::{Body, Effect, entry::Waiting, limits::SWAP_AFTER_PER_MIB, program::ProgramError, time::Millis};

use crate::{
    ExecError, Finished, SnapshotPolicy,
    drive::{Driven, Flow, LOOK},
    swap::Idle,
};

/// Where a program is that is driven.
pub(crate) enum Presence {
    /// In memory, and has something to do.
    Busy,
    /// In memory, and waits.
    Idle(Idle),
    /// Swapped out.
    Out,
}

/// How seldom the messages for a run that rests are looked at, at most. It comes to that with time: a message to one that
/// has rested for long may wait for a tenth of that.
const LOOK_AT_REST: Duration = Duration::from_secs(1);

/// How often a program that cannot come back is tried again, and after how long each time.
const TRIES: u32 = 20;
const TRY_AFTER: Duration = Duration::from_millis(100);

impl Driven {
    pub(crate) fn fire_timers(&mut self) -> Result<(), ExecError> {
        let now = self.log().now();
        let mut due: Vec<(Millis, u64)> = self.timers().filter(|(due, _)| *due <= now).collect();
        // Timers that are due together fire in the order of their times, then of their making.
        due.sort_unstable();
        for (_, n) in due {
            self.record(n, Ok(run::Payload::null()))?;
        }
        Ok(())
    }

    fn timers(&self) -> impl Iterator<Item = (Millis, u64)> {
        self.state.pending.iter().filter_map(|(n, effect)| match effect {
            Effect::Timer { due } if !self.undelivered.contains(n) => Some((*due, *n)),
            _ => None,
        })
    }

    /// In how long the next timer is due.
    fn next_timer(&mut self) -> Option<Duration> {
        let now = self.log().now();
        self.timers().map(|(due, _)| due.saturating_sub(now)).min().map(Duration::from_millis)
    }

    /// How long to wait, if nothing happens before `longest` is over.
    fn patience(&mut self, longest: Duration) -> Duration {
        let deadline = self.control.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        [self.next_timer(), deadline].into_iter().flatten().fold(longest, Duration::min)
    }

    /// Nothing is ready: wait for what comes first, or leave the run if that is far away.
    pub(crate) fn wait(&mut self) -> Result<Flow, ExecError> {
        if self.state.pending.is_empty() {
            let message = "the program waits for something that nothing can bring about: \
                           no timer, call, ask or signal is pending";
            return self.fail(ProgramError::new("deadlock", message)).map(Flow::End);
        }
        self.back = None;
        let next = self.next_timer();
        if self.tasks.is_empty() && next.is_none_or(|next| next > self.config.park_after) {
            self.take_messages()?;
            // What came may have ended a wait, or begun an operation that a person wants repeated.
            if !self.ready.is_empty() || !self.tasks.is_empty() || self.control.stop_reason().is_some() {
                return Ok(Flow::Go);
            }
            return self.park().map(Flow::End);
        }
        let longest = match self.swap_out() {
            None => return self.rests(),
            Some(longest) => longest.min(LOOK),
        };
        let patience = self.patience(longest);
        if let Ok((n, outcome)) = self.results.1.recv_timeout(patience) {
            self.came_back(n, outcome)?;
        }
        Ok(Flow::Go)
    }

    /// Swaps the program out if it is time for that. `None` if it is out; else how long to wait until it is looked at
    /// again.
    fn swap_out(&mut self) -> Option<Duration> {
        if matches!(self.presence, Presence::Busy) {
            self.presence = Presence::Idle(self.config.swap.idle());
        }
        let Presence::Idle(idle) = &mut self.presence else { return None };
        let memory = self.program.memory();
        let patience = SWAP_AFTER_PER_MIB.mul_f64(memory as f64 / f64::from(1 << 20));
        match idle.leaves_in(patience) {
            None => return Some(LOOK),
            Some(left) if !left.is_zero() => return Some(left),
            Some(_) => {}
        }
        match self.program.swap_out() {
            Ok(true) => {
                self.presence = Presence::Out;
                return None;
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(run = %self.run, %error, "a program that waits was not swapped out"),
        }
        idle.stays();
        Some(LOOK)
    }

    /// Has the program in memory.
    pub(crate) fn swap_in(&mut self) -> Result<(), ExecError> {
        if matches!(self.presence, Presence::Out) {
            let mut tries = 0;
            while let Err(error) = self.program.swap_in() {
                tries += 1;
                if tries == TRIES {
                    // The run is left as it is, and can be taken up again from its journal.
                    return Err(error.into());
                }
                if tries == 1 {
                    tracing::warn!(run = %self.run, %error, "a program cannot come back into memory yet");
                }
                std::thread::sleep(TRY_AFTER);
            }
        }
        self.presence = Presence::Busy;
        Ok(())
    }

    /// Rests, unless something has happened meanwhile.
    fn rests(&mut self) -> Result<Flow, ExecError> {
        self.control.rests();
        if let Ok((n, outcome)) = self.results.1.try_recv() {
            self.came_back(n, outcome)?;
            return Ok(Flow::Go);
        }
        Ok(if self.control.stop_reason().is_some() { Flow::Go } else { Flow::Rest })
    }

    /// Waits, without a thread, until there may be something to do, and the program may be in memory for that.
    pub async fn rest(&mut self) {
        let began = Instant::now();
        loop {
            let look = (began.elapsed() / 10).clamp(LOOK, LOOK_AT_REST);
            let patience = self.patience(look);
            if tokio::time::timeout(patience, self.control.woken()).await.is_ok() || self.is_due(look).await {
                break;
            }
        }
        self.back = self.config.swap.back().await;
    }

    /// Whether there is something to do for a run that rests.
    async fn is_due(&mut self, look: Duration) -> bool {
        if self.control.stop_reason().is_some() || self.next_timer().is_some_and(|next| next.is_zero()) {
            return true;
        }
        if self.looked.elapsed() < look {
            return false;
        }
        let messages = self.log().look().await;
        // Messages, and an error, are for the drive.
        let nothing = messages.is_ok_and(|messages| messages.is_empty());
        if nothing {
            self.looked = Instant::now();
        }
        !nothing
    }

    /// The run leaves memory; its journal says what it waits for.
    fn park(&mut self) -> Result<Finished, ExecError> {
        if self.config.snapshots != SnapshotPolicy::Never && self.since.wakes > 0 {
            self.snapshot()?;
        }
        let waiting_for: Vec<Waiting> =
            self.state.pending.iter().filter_map(|(n, effect)| self.waiting(*n, effect)).collect();
        self.log().push(Body::Wait { waiting_for: waiting_for.clone() })?;
        self.log().sync()?;
        Ok(Finished::Waiting(waiting_for))
    }

    fn waiting(&self, n: u64, effect: &Effect) -> Option<Waiting> {
        Some(match effect {
            Effect::Ask(ask) => {
                let (ask, message, spec) = (ask.kind.clone(), ask.message.clone(), ask.spec.value());
                Waiting::Ask { id: self.ask_id(n), ask, message, spec }
            }
            Effect::Signal { name } => Waiting::Signal { name: name.clone() },
            Effect::Timer { due } => Waiting::Timer { due: *due },
            Effect::Call { .. } if let Some(run) = self.called.get(&n) => Waiting::Run { n, run: run.clone() },
            Effect::Call { op, .. } => Waiting::Call { n, op: op.clone() },
            _ => return None,
        })
    }
}
