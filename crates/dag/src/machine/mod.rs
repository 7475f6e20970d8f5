//! The dispatcher: an event goes in, actions come out. No I/O, no clock, no state of the user.
//!
//! What the machine knows is small: where each flow stands, which attempts run, which members and items have ended.
//! What nodes compute is held by whoever drives the machine; see [`crate::state`].
//!
//! ```text
//! Start ─▶ FlowStart · NodeStart · Run ─▶ (the driver runs the node) ─▶ Finished ─▶ NodeEnd · NodeStart · Run ─▶ …
//! ```
//!
//! The order of hooks: `FlowStart`, then for each placement `NodeStart`, `NodeError` for each attempt that failed,
//! `NodeEnd`; at last `FlowEnd`, and `Finished` once for the whole. A sub-DAG's `FlowStart` and `FlowEnd` lie between
//! the `NodeStart` and `NodeEnd` of its placement.

mod flow;
mod restart;
mod save;
mod stop;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use save::BadState;

use crate::compiled::{Compiled, CursorError, NONE, PortId};
use crate::limits;

/// One run of a node, of a pure function beside it, or a delay before the next attempt. The driver hands it back as it
/// got it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Call {
    /// The placement.
    pub site: u32,
    /// The item of a fan-out, or [`NONE`].
    pub item: u32,
    /// Tells it from every other call of the same machine.
    pub serial: u64,
}

/// What is to be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Role {
    /// The site's node, for an item if the call has one. Answer with `Finished` or `Failed`.
    Node,
    /// Count the items at the fan-out's source. Answer with `Items`, or `Failed` if there is no array.
    Items,
    /// The node of a custom fan-in, with all results. Answer with `Finished` (any port) or `Failed`.
    FanIn,
    /// The registered function that combines a group's ports. Answer with `Finished` or `Failed`.
    Combine,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// Begin, at the entrypoint or at a cursor.
    Start {
        /// A path, or the name of a placement anywhere in the DAG.
        cursor: Option<String>,
    },
    /// Begin another leg of a flow that was cancelled, ran out of time or failed: at the cursor where it stood, with
    /// finished members and items kept, or anew at another cursor.
    Resume {
        /// A path, or the name of a placement anywhere in the DAG.
        cursor: Option<String>,
    },
    /// A node ended with a port.
    Finished {
        /// Which.
        call: Call,
        /// Its port.
        port: PortId,
    },
    /// A node threw.
    Failed {
        /// Which.
        call: Call,
        /// Trying again cannot help.
        fatal: bool,
    },
    /// A node was cut short because the machine asked for it.
    Aborted {
        /// Which.
        call: Call,
    },
    /// The items of a fan-out were counted.
    Items {
        /// The call that asked.
        call: Call,
        /// How many there are.
        count: u32,
    },
    /// A timer is due.
    Timer {
        /// The call of the timer.
        call: Call,
    },
    /// Somebody wants the flow to end.
    Cancel {
        /// Why.
        reason: String,
    },
    /// The flow's time is over.
    Deadline,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// Hook: a flow begins (or begins another leg).
    FlowStart {
        /// The flow; 0 is the outermost.
        flow: u32,
    },
    /// Hook: a placement begins, or an item of a fan-out.
    NodeStart {
        /// The placement.
        site: u32,
        /// The item, or [`NONE`].
        item: u32,
    },
    /// Run this.
    Run {
        /// Names the run.
        call: Call,
        /// Counts from 1.
        attempt: u32,
        /// What to run.
        role: Role,
    },
    /// Wake the machine with `Timer` after this time.
    StartTimer {
        /// Names the timer; a call has one at a time.
        call: Call,
        /// How long, in milliseconds.
        ms: u64,
        /// What it is for.
        kind: TimerKind,
    },
    /// The timer is not wanted any more.
    StopTimer {
        /// Names the timer.
        call: Call,
    },
    /// Cut the run short. After a cancellation or deadline the machine waits for its `Finished`, `Failed` or
    /// `Aborted`; after a timeout it does not.
    Cancel {
        /// Names the run.
        call: Call,
    },
    /// Hook: an attempt failed.
    NodeError {
        /// Names the run.
        call: Call,
        /// Which attempt, from 1.
        attempt: u32,
        /// Why.
        cause: Cause,
        /// The delay before the next attempt, in milliseconds; `None` if there is none.
        retry_ms: Option<u64>,
    },
    /// Hook: a placement ended, or an item of a fan-out. Placements are now part of the history.
    NodeEnd {
        /// The placement.
        site: u32,
        /// The item, or [`NONE`].
        item: u32,
        /// Its port.
        port: PortId,
    },
    /// All members of a group, or all items of a fan-out (append, partition), have ended: merge what they gave.
    Merge {
        /// The placement.
        site: u32,
    },
    /// A sub-DAG begins: make its state.
    Enter {
        /// Its flow.
        flow: u32,
    },
    /// A sub-DAG's state is not needed any more.
    Leave {
        /// Its flow.
        flow: u32,
        /// It has completed: map its outputs first.
        completed: bool,
    },
    /// What is held for the members of a group, or the items of a fan-out, is not needed any more.
    Forget {
        /// The placement.
        site: u32,
    },
    /// Hook: a flow ended.
    FlowEnd {
        /// The flow; 0 is the outermost.
        flow: u32,
        /// How.
        end: End,
    },
    /// The machine has nothing more to do.
    Finished {
        /// How the outermost flow ended.
        end: End,
    },
}

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TimerKind {
    /// The next attempt.
    Backoff,
    /// The end of an attempt that takes too long.
    Timeout,
}

/// Why an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Cause {
    /// The node threw.
    Threw,
    /// It took longer than its `timeoutMs`.
    Timeout,
    /// It gave a port that is not wired.
    Unwired,
    /// The sub-DAG failed.
    Child,
    /// Members of the group threw, and nothing takes the error.
    Members,
}

/// How a flow ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It came to its end.
    Completed,
    /// A node threw and nothing took the error.
    Failed,
    /// Somebody cancelled it, which cut something short.
    Cancelled,
    /// Its time was over, which cut something short.
    TimedOut,
}

/// Where a machine is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// Not begun.
    Pending,
    /// Waits for events.
    Running,
    /// Waits for the runs that it wants cut short, then ends like this.
    Stopping(End),
    /// Over.
    Ended(End),
}

/// Why a machine cannot begin or go on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StepError {
    /// The cursor names no place.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// `Start` on a machine that has begun.
    #[error("the flow has begun already; resume it, or start a new one")]
    Begun,
    /// `Resume` on a machine that runs, has completed or never began.
    #[error("there is nothing to resume: the flow {0}")]
    NothingToResume(&'static str),
    /// The machine was made for another DAG.
    #[error("the machine's state belongs to another DAG or another version of it; start a new flow")]
    Foreign,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    /// Not begun.
    #[default]
    Idle,
    /// To be begun, or begun again.
    Ready,
    /// A call is out.
    Running,
    /// Waits for the next attempt.
    Backoff,
    /// Its members, items or flow run.
    Group,
    /// Ended with a port (members and items only).
    Done,
    /// Ended with an error.
    Threw,
}

/// Where a site or an item stands.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Slot {
    /// The call that is out, or the timer.
    serial: u64,
    /// The delay before this attempt.
    delay: u64,
    /// From 1; 0 before the first.
    attempt: u32,
    port: PortId,
    phase: Phase,
    role: Role,
}

impl Slot {
    const IDLE: Self =
        Self { serial: 0, delay: 0, attempt: 0, port: PortId::OTHER, phase: Phase::Idle, role: Role::Node };

    fn ended(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::Threw)
    }

    /// Ended, and not well.
    fn bad(&self) -> bool {
        self.phase == Phase::Threw || matches!(self.port, PortId::ERROR | PortId::ALL_ERROR)
    }
}

/// A fan-out whose items run.
#[derive(Clone, PartialEq, Debug, Default)]
struct Fan {
    count: u32,
    /// Those that have begun, in order.
    items: Vec<Slot>,
    /// How many have ended.
    ended: u32,
    /// How many of them not well.
    bad: u32,
}

impl Fan {
    fn active(&self) -> u32 {
        (self.items.len() as u32).saturating_sub(self.ended)
    }
}

/// A flow on its way. It fits only the [`Compiled`] that it was made for; giving another is an error of the caller,
/// which [`Machine::load`] refuses.
#[derive(Clone, PartialEq, Debug)]
pub struct Machine {
    status: Status,
    fingerprint: u64,
    random: u64,
    serial: u64,
    legs: u32,
    /// Calls that somebody has to answer.
    open: u32,
    slots: Vec<Slot>,
    /// For each flow, the site at which it stands.
    current: Vec<u32>,
    fans: BTreeMap<u32, Fan>,
    reason: String,
    keep_history: bool,
    dropped: u64,
    executed: std::collections::VecDeque<u32>,
    skipped: Vec<u32>,
}

impl Machine {
    /// A machine that has not begun. `seed` decides the chance in delays of retries.
    pub fn new(dag: &Compiled, seed: u64) -> Self {
        Self {
            status: Status::Pending,
            fingerprint: dag.fingerprint(),
            random: seed,
            serial: 0,
            legs: 0,
            open: 0,
            slots: vec![Slot::IDLE; dag.sites.len()],
            current: vec![NONE; dag.flows.len()],
            fans: BTreeMap::new(),
            reason: String::new(),
            keep_history: true,
            dropped: 0,
            executed: std::collections::VecDeque::new(),
            skipped: Vec::new(),
        }
    }

    /// Draws the chance in delays from another seed from here on.
    pub fn reseed(&mut self, seed: u64) {
        self.random = seed;
    }

    /// Keeps no history, for drivers that collect it from `NodeEnd`: the state then does not grow with cycles.
    pub fn without_history(mut self) -> Self {
        self.keep_history = false;
        self
    }

    /// Takes an event and adds what is to be done to `out`. Gives whether the event was taken: a call that is over, or
    /// of another leg, is none of the machine's any more.
    pub fn step(&mut self, dag: &Compiled, event: &Event, out: &mut Vec<Action>) -> Result<bool, StepError> {
        if self.fingerprint != dag.fingerprint() || self.slots.len() != dag.sites.len() {
            return Err(StepError::Foreign);
        }
        Ok(match event {
            Event::Start { cursor } => self.start(dag, cursor.as_deref(), out).map(|()| true)?,
            Event::Resume { cursor } => self.resume(dag, cursor.as_deref(), out).map(|()| true)?,
            Event::Finished { call, port } => self.finished(dag, *call, *port, out),
            Event::Failed { call, fatal } => self.failed(dag, *call, *fatal, out),
            Event::Aborted { call } => self.aborted(dag, *call, out),
            Event::Items { call, count } => self.items(dag, *call, *count, out),
            Event::Timer { call } => self.timer(dag, *call, out),
            Event::Cancel { reason } => self.stop(dag, End::Cancelled, reason, out),
            Event::Deadline => self.stop(dag, End::TimedOut, "the deadline is over", out),
        })
    }

    /// Where it is in its life.
    pub fn status(&self) -> Status {
        self.status
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        match self.status {
            Status::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Why it was cancelled.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// How often it has begun: 1, and one more for each resume.
    pub fn legs(&self) -> u32 {
        self.legs
    }

    /// The placements that have ended, in order, over all legs.
    pub fn executed(&self) -> impl ExactSizeIterator<Item = u32> {
        self.executed.iter().copied()
    }

    /// How many more have ended before them and are not kept.
    pub fn executed_before(&self) -> u64 {
        self.dropped
    }

    /// The placements that were reached and had nothing to do (fan-outs without items), over all legs.
    pub fn skipped(&self) -> &[u32] {
        &self.skipped
    }

    /// The site at which it stands: the innermost, unless several run at one time; then their group.
    pub fn position(&self, dag: &Compiled) -> Option<u32> {
        if matches!(self.status, Status::Pending | Status::Ended(End::Completed)) {
            return None;
        }
        let mut at = *self.current.first()?;
        while let Some(inner) = dag.flow_of(at).and_then(|flow| self.current.get(flow as usize)).filter(|s| **s != NONE)
        {
            at = *inner;
        }
        (at != NONE).then_some(at)
    }

    /// The cursor: names from the outermost flow on, joined by `/`. `None` before the start and after the end.
    pub fn cursor<'d>(&self, dag: &'d Compiled) -> Option<&'d str> {
        self.position(dag).map(|site| &*dag.sites[site as usize].path)
    }

    /// The port with which a member of a group (or an item of a fan-out) ended; `Err` if with an error, `None` if it
    /// has not ended.
    pub fn outcome(&self, site: u32, item: u32) -> Option<Result<PortId, ()>> {
        let slot = match item {
            NONE => self.slots.get(site as usize)?,
            item => self.fans.get(&site)?.items.get(item as usize)?,
        };
        match slot.phase {
            Phase::Done => Some(Ok(slot.port)),
            Phase::Threw => Some(Err(())),
            _ => None,
        }
    }

    /// How many items the fan-out has; `None` if its items do not run.
    pub fn items_of(&self, site: u32) -> Option<u32> {
        self.fans.get(&site).map(|fan| fan.count)
    }

    fn slot(&mut self, call: Call) -> Option<&mut Slot> {
        let slot = match call.item {
            NONE => self.slots.get_mut(call.site as usize)?,
            item => self.fans.get_mut(&call.site)?.items.get_mut(item as usize)?,
        };
        (slot.serial == call.serial).then_some(slot)
    }

    fn next_serial(&mut self) -> u64 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    fn stopping(&self) -> bool {
        !matches!(self.status, Status::Running)
    }

    #[inline]
    fn record(&mut self, site: u32) {
        if !self.keep_history {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        if self.executed.len() >= limits::HISTORY {
            self.executed.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.executed.push_back(site);
    }

    fn skip(&mut self, site: u32) {
        if self.keep_history && self.skipped.len() < limits::HISTORY {
            self.skipped.push(site);
        }
    }
}
