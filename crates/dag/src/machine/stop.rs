//! Cancellation and deadlines. Both take two steps: what runs is asked to stop, and when all of it has answered the
//! flow ends. A node that came to its end all the same is kept; if it was the last, nothing was cut short.

use std::ops::Range;

use super::flow::has_timeout;
use super::{Action, Call, End, Machine, Phase, Slot, Status};
use crate::compiled::{Compiled, NONE};
use crate::limits;

/// Text of at most so many bytes, cut between characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Machine {
    pub(super) fn stop(&mut self, dag: &Compiled, end: End, reason: &str, out: &mut Vec<Action>) -> bool {
        if self.status == Status::Pending {
            self.status = Status::Ended(end);
            self.reason = cut(reason, limits::REASON).to_owned();
            self.current[0] = dag.flows[0].entry;
            self.slots[dag.flows[0].entry as usize].phase = Phase::Ready;
            out.push(Action::Finished { end });
            return true;
        }
        if self.status != Status::Running {
            return false;
        }
        self.reason = cut(reason, limits::REASON).to_owned();
        self.status = Status::Stopping(end);
        for (site, slot) in self.slots.iter_mut().enumerate() {
            ask(dag, Call { site: site as u32, item: NONE, serial: slot.serial }, slot, out);
        }
        for (site, fan) in &mut self.fans {
            for (item, slot) in fan.items.iter_mut().enumerate() {
                ask(dag, Call { site: *site, item: item as u32, serial: slot.serial }, slot, out);
            }
        }
        self.settle(dag, out);
        true
    }

    /// A node was cut short.
    pub(super) fn aborted(&mut self, dag: &Compiled, call: Call, out: &mut Vec<Action>) -> bool {
        if !matches!(self.status, Status::Stopping(_)) {
            return self.failed(dag, call, false, out);
        }
        let Some(slot) = self.slot(call).filter(|slot| slot.phase == Phase::Running) else { return false };
        slot.phase = Phase::Ready;
        self.open -= 1;
        self.settle(dag, out);
        true
    }

    /// Ends a flow that is to stop when nothing runs any more.
    pub(super) fn settle(&mut self, dag: &Compiled, out: &mut Vec<Action>) {
        let Status::Stopping(end) = self.status else { return };
        if self.open > 0 {
            return;
        }
        self.end_flows(dag, 0..dag.flows.len() as u32, end, out);
        self.finish(end, out);
    }

    /// Tells that the flows of a range that stand somewhere end, the innermost first.
    pub(super) fn end_flows(&self, dag: &Compiled, flows: Range<u32>, end: End, out: &mut Vec<Action>) {
        for flow in flows.rev().filter(|flow| self.current[*flow as usize] != NONE) {
            // The flow of a member that threw has ended already.
            let parent = dag.flows[flow as usize].parent;
            if parent == NONE || self.slots[parent as usize].phase == Phase::Group {
                out.push(Action::FlowEnd { flow, end });
            }
        }
    }

    /// Cuts everything short that runs inside a flow, without waiting for answers.
    pub(super) fn halt(&mut self, dag: &Compiled, flow: u32, out: &mut Vec<Action>) {
        let sites = dag.flows[flow as usize].sites.clone();
        for site in sites.clone() {
            let slot = &mut self.slots[site as usize];
            let call = Call { site, item: NONE, serial: slot.serial };
            self.open -= u32::from(slot.phase == Phase::Running);
            ask(dag, call, slot, out);
            if slot.phase == Phase::Running {
                slot.phase = Phase::Ready;
            }
        }
        for (site, fan) in self.fans.range_mut(sites) {
            for (item, slot) in fan.items.iter_mut().enumerate() {
                let call = Call { site: *site, item: item as u32, serial: slot.serial };
                self.open -= u32::from(slot.phase == Phase::Running);
                ask(dag, call, slot, out);
                if slot.phase == Phase::Running {
                    slot.phase = Phase::Ready;
                }
            }
        }
    }
}

/// Asks what a slot has out to stop: its run, and its timers.
fn ask(dag: &Compiled, call: Call, slot: &mut Slot, out: &mut Vec<Action>) {
    let timed = dag.sites[call.site as usize].timeout_ms > 0;
    match slot.phase {
        Phase::Running => {
            if timed && has_timeout(slot.role) {
                out.push(Action::StopTimer { call });
            }
            out.push(Action::Cancel { call });
        }
        Phase::Backoff => {
            out.push(Action::StopTimer { call });
            slot.phase = Phase::Ready;
        }
        Phase::Group if timed && dag.flow_of(call.site).is_some() => out.push(Action::StopTimer { call }),
        _ => {}
    }
}
