//! How a flow moves: placements begin, end, fail, and lead on.

use super::{Action, Call, Cause, End, Fan, Machine, Phase, Role, Slot, Status, TimerKind};
use crate::compiled::{Compiled, NONE, PortId, SiteKind};
use crate::document::{Combine, FanIn};
use crate::limits;

impl Machine {
    /// A flow comes to a site.
    pub(super) fn arrive(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        let here = &dag.sites[site as usize];
        if here.owner == NONE {
            self.current[here.flow as usize] = site;
        }
        self.slots[site as usize] = Slot { phase: Phase::Ready, ..Slot::IDLE };
        if !self.stopping() {
            self.begin(dag, site, out);
        }
    }

    /// Begins a site whose slot is fresh.
    pub(super) fn begin(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        out.push(Action::NodeStart { site, item: NONE });
        self.slots[site as usize].attempt = 1;
        self.perform(dag, site, out);
    }

    /// Does what the site is for, in its present attempt.
    pub(super) fn perform(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        match &dag.sites[site as usize].kind {
            SiteKind::Single => self.launch(dag, site, Role::Node, out),
            SiteKind::Parallel { members, .. } => {
                self.slots[site as usize].phase = Phase::Group;
                for member in members {
                    self.arrive(dag, *member, out);
                }
            }
            SiteKind::FanOut { .. } => self.launch(dag, site, Role::Items, out),
            SiteKind::Deep { flow, .. } => {
                self.enter(dag, site, *flow, out);
                self.arrive(dag, dag.flows[*flow as usize].entry, out);
            }
        }
    }

    /// Opens a sub-DAG without going anywhere in it.
    pub(super) fn enter(&mut self, dag: &Compiled, site: u32, flow: u32, out: &mut Vec<Action>) {
        out.push(Action::Enter { flow });
        self.open_flow(dag, site, flow, out);
    }

    pub(super) fn open_flow(&mut self, dag: &Compiled, site: u32, flow: u32, out: &mut Vec<Action>) {
        let call = Call { site, item: NONE, serial: self.next_serial() };
        let slot = &mut self.slots[site as usize];
        slot.phase = Phase::Group;
        slot.serial = call.serial;
        out.push(Action::FlowStart { flow });
        timeout(dag, call, out);
    }

    pub(super) fn launch(&mut self, dag: &Compiled, site: u32, role: Role, out: &mut Vec<Action>) {
        let call = Call { site, item: NONE, serial: self.next_serial() };
        self.open += 1;
        let slot = &mut self.slots[site as usize];
        slot.phase = Phase::Running;
        slot.serial = call.serial;
        slot.role = role;
        out.push(Action::Run { call, attempt: slot.attempt, role });
        if has_timeout(role) {
            timeout(dag, call, out);
        }
    }

    pub(super) fn launch_item(&mut self, dag: &Compiled, site: u32, item: u32, out: &mut Vec<Action>) {
        let call = Call { site, item, serial: self.next_serial() };
        let Some(slot) = self.fans.get_mut(&site).and_then(|fan| fan.items.get_mut(item as usize)) else { return };
        slot.phase = Phase::Running;
        slot.serial = call.serial;
        out.push(Action::Run { call, attempt: slot.attempt, role: Role::Node });
        self.open += 1;
        timeout(dag, call, out);
    }

    /// A node ended with a port. Gives whether the call was still wanted.
    pub fn finished(&mut self, dag: &Compiled, call: Call, port: PortId, out: &mut Vec<Action>) -> bool {
        let Some(slot) = self.slot(call).filter(|s| s.phase == Phase::Running && s.role != Role::Items) else {
            return false;
        };
        let (role, attempt) = (slot.role, slot.attempt);
        self.answered(dag, call, role, out);
        match role {
            Role::Node if call.item != NONE => self.item_ended(dag, call, Some(port), out),
            Role::FanIn => self.fan_settled(dag, call.site, out),
            Role::Combine => {
                out.push(Action::Merge { site: call.site });
                self.ended(dag, call, attempt, port, out);
            }
            Role::Node | Role::Items => self.ended(dag, call, attempt, port, out),
        }
        self.settle(dag, out);
        true
    }

    /// A node threw. Gives whether the call was still wanted.
    pub fn failed(&mut self, dag: &Compiled, call: Call, fatal: bool, out: &mut Vec<Action>) -> bool {
        let Some(slot) = self.slot(call).filter(|s| s.phase == Phase::Running) else { return false };
        let role = slot.role;
        self.answered(dag, call, role, out);
        self.attempt_failed(dag, call, Cause::Threw, fatal, out);
        self.settle(dag, out);
        true
    }

    pub(crate) fn items(&mut self, dag: &Compiled, call: Call, count: u32, out: &mut Vec<Action>) -> bool {
        let Some(slot) = self.slot(call).filter(|s| s.phase == Phase::Running && s.role == Role::Items) else {
            return false;
        };
        if count > limits::ITEMS {
            return self.failed(dag, call, true, out);
        }
        slot.phase = Phase::Group;
        let attempt = slot.attempt;
        self.open -= 1;
        if count == 0 {
            self.skip(call.site);
            self.ended(dag, call, attempt, PortId::EMPTY, out);
        } else {
            self.fans.insert(call.site, Fan { count, ..Fan::default() });
            self.fill(dag, call.site, out);
        }
        self.settle(dag, out);
        true
    }

    pub(crate) fn timer(&mut self, dag: &Compiled, call: Call, out: &mut Vec<Action>) -> bool {
        if self.stopping() {
            return false;
        }
        let Some(slot) = self.slot(call) else { return false };
        match slot.phase {
            Phase::Backoff => match (call.item, slot.role) {
                (NONE, Role::FanIn) => self.launch(dag, call.site, Role::FanIn, out),
                (NONE, _) => self.perform(dag, call.site, out),
                (item, _) => self.launch_item(dag, call.site, item, out),
            },
            Phase::Running if has_timeout(slot.role) => {
                self.open -= 1;
                out.push(Action::Cancel { call });
                self.attempt_failed(dag, call, Cause::Timeout, false, out);
            }
            Phase::Group => {
                let Some(flow) = dag.flow_of(call.site) else { return false };
                self.halt(dag, flow, out);
                self.end_flows(dag, dag.flows[flow as usize].flows.clone(), End::TimedOut, out);
                self.attempt_failed(dag, call, Cause::Timeout, false, out);
            }
            _ => return false,
        }
        self.settle(dag, out);
        true
    }

    /// A call has its answer.
    fn answered(&mut self, dag: &Compiled, call: Call, role: Role, out: &mut Vec<Action>) {
        self.open -= 1;
        // Stopping has stopped the timers.
        if !self.stopping() && has_timeout(role) && dag.sites[call.site as usize].timeout_ms > 0 {
            out.push(Action::StopTimer { call });
        }
    }

    /// An attempt failed: try again, or give up.
    fn attempt_failed(&mut self, dag: &Compiled, call: Call, cause: Cause, fatal: bool, out: &mut Vec<Action>) {
        let stopping = self.stopping();
        let mut random = self.random;
        let Some(slot) = self.slot(call) else { return };
        let (attempt, role) = (slot.attempt, slot.role);
        let policy =
            dag.sites[call.site as usize].retry.filter(|r| !fatal && has_timeout(role) && attempt < r.attempts);
        let Some(policy) = policy else {
            out.push(Action::NodeError { call, attempt, cause, retry_ms: None });
            match call.item {
                NONE => self.threw(dag, call.site, out),
                _ => self.item_ended(dag, call, None, out),
            }
            return;
        };
        let ms = policy.delay(attempt, slot.delay, &mut random);
        slot.attempt += 1;
        slot.delay = ms;
        slot.phase = if stopping { Phase::Ready } else { Phase::Backoff };
        self.random = random;
        out.push(Action::NodeError { call, attempt, cause, retry_ms: Some(ms) });
        if let Some(flow) = dag.flow_of(call.site) {
            self.clear_flow(dag, flow, out);
        }
        if !stopping {
            let serial = self.next_serial();
            if let Some(slot) = self.slot(call) {
                slot.serial = serial;
            }
            out.push(Action::StartTimer { call: Call { serial, ..call }, ms, kind: TimerKind::Backoff });
        }
    }

    /// A site ended with a port.
    fn ended(&mut self, dag: &Compiled, call: Call, attempt: u32, port: PortId, out: &mut Vec<Action>) {
        let site = call.site;
        let here = &dag.sites[site as usize];
        if here.owner != NONE {
            out.push(Action::NodeEnd { site, item: NONE, port });
            self.record(site);
            let slot = &mut self.slots[site as usize];
            slot.phase = Phase::Done;
            slot.port = port;
            self.member_ended(dag, here.owner, out);
            return;
        }
        match here.route(port) {
            Some(next) => self.leave(dag, site, port, next, out),
            None => {
                out.push(Action::NodeError { call, attempt, cause: Cause::Unwired, retry_ms: None });
                self.threw(dag, site, out);
            }
        }
    }

    /// A flow goes on from a site along a route.
    fn leave(&mut self, dag: &Compiled, site: u32, port: PortId, next: u32, out: &mut Vec<Action>) {
        out.push(Action::NodeEnd { site, item: NONE, port });
        self.record(site);
        self.clear(dag, site, out);
        match next {
            NONE => self.flow_completed(dag, dag.sites[site as usize].flow, out),
            next => self.arrive(dag, next, out),
        }
    }

    /// A site ended with an error, after its last attempt.
    fn threw(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        let here = &dag.sites[site as usize];
        self.slots[site as usize].phase = Phase::Threw;
        if here.owner != NONE {
            out.push(Action::NodeEnd { site, item: NONE, port: PortId::ERROR });
            self.record(site);
            return self.member_ended(dag, here.owner, out);
        }
        // An error that leads to the end would be swallowed there: it fails the flow instead.
        if let Some(next) = here.route(PortId::ERROR).filter(|next| *next != NONE) {
            if matches!(here.kind, SiteKind::Parallel { .. }) {
                out.push(Action::Merge { site });
            }
            return self.leave(dag, site, PortId::ERROR, next, out);
        }
        let flow = &dag.flows[here.flow as usize];
        out.push(Action::FlowEnd { flow: here.flow, end: End::Failed });
        match flow.parent {
            NONE => self.finish(End::Failed, out),
            parent => {
                let serial = self.slots[parent as usize].serial;
                let call = Call { site: parent, item: NONE, serial };
                if self.slots[parent as usize].phase == Phase::Group {
                    self.stop_flow_timer(dag, call, out);
                    self.attempt_failed(dag, call, Cause::Child, false, out);
                }
            }
        }
    }

    fn flow_completed(&mut self, dag: &Compiled, flow: u32, out: &mut Vec<Action>) {
        self.current[flow as usize] = NONE;
        out.push(Action::FlowEnd { flow, end: End::Completed });
        let parent = dag.flows[flow as usize].parent;
        if parent == NONE {
            return self.finish(End::Completed, out);
        }
        out.push(Action::Leave { flow, completed: true });
        let slot = &self.slots[parent as usize];
        if slot.phase == Phase::Group {
            let (call, attempt) = (Call { site: parent, item: NONE, serial: slot.serial }, slot.attempt);
            self.stop_flow_timer(dag, call, out);
            self.ended(dag, call, attempt, PortId::SUCCESS, out);
        }
    }

    fn stop_flow_timer(&self, dag: &Compiled, call: Call, out: &mut Vec<Action>) {
        if !self.stopping() && dag.sites[call.site as usize].timeout_ms > 0 {
            out.push(Action::StopTimer { call });
        }
    }

    pub(super) fn finish(&mut self, end: End, out: &mut Vec<Action>) {
        self.status = Status::Ended(end);
        out.push(Action::Finished { end });
    }

    /// A member of a group has ended.
    fn member_ended(&mut self, dag: &Compiled, group: u32, out: &mut Vec<Action>) {
        let SiteKind::Parallel { members, .. } = &dag.sites[group as usize].kind else { return };
        let all = members.iter().all(|member| self.slots[*member as usize].ended());
        if all && self.slots[group as usize].phase == Phase::Group {
            self.combine(dag, group, out);
        }
    }

    /// All members have ended.
    pub(super) fn combine(&mut self, dag: &Compiled, group: u32, out: &mut Vec<Action>) {
        let SiteKind::Parallel { members, combine } = &dag.sites[group as usize].kind else { return };
        let slots = members.iter().map(|member| &self.slots[*member as usize]);
        let bad = slots.clone().filter(|slot| slot.bad()).count();
        let threw = slots.filter(|slot| slot.phase == Phase::Threw).count();
        let well = match combine {
            Combine::AllSuccess => bad == 0,
            Combine::AnySuccess => bad < members.len(),
            Combine::Collect => true,
            Combine::Custom(_) => {
                if !self.stopping() {
                    self.launch(dag, group, Role::Combine, out);
                }
                return;
            }
        };
        let port = if well { PortId::SUCCESS } else { PortId::ERROR };
        let (attempt, serial) = (self.slots[group as usize].attempt, self.slots[group as usize].serial);
        let call = Call { site: group, item: NONE, serial };
        if !well && threw > 0 {
            out.push(Action::NodeError { call, attempt, cause: Cause::Members, retry_ms: None });
            return self.threw(dag, group, out);
        }
        out.push(Action::Merge { site: group });
        self.ended(dag, call, attempt, port, out);
    }

    /// Begins as many items as may run.
    pub(super) fn fill(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        let SiteKind::FanOut { concurrency, .. } = dag.sites[site as usize].kind else { return };
        while !self.stopping() {
            let Some(fan) = self.fans.get_mut(&site) else { return };
            let item = fan.items.len() as u32;
            if item >= fan.count || fan.active() >= concurrency {
                return;
            }
            if fan.items.is_empty() {
                fan.items.reserve_exact(fan.count.min(1 << 16) as usize);
            }
            fan.items.push(Slot { phase: Phase::Ready, attempt: 1, ..Slot::IDLE });
            out.push(Action::NodeStart { site, item });
            self.launch_item(dag, site, item, out);
        }
    }

    /// An item has ended, with a port or an error.
    fn item_ended(&mut self, dag: &Compiled, call: Call, port: Option<PortId>, out: &mut Vec<Action>) {
        let Some(fan) = self.fans.get_mut(&call.site) else { return };
        let Some(slot) = fan.items.get_mut(call.item as usize) else { return };
        slot.port = port.unwrap_or(PortId::ERROR);
        slot.phase = if port.is_some() { Phase::Done } else { Phase::Threw };
        fan.ended += 1;
        fan.bad += u32::from(slot.bad());
        out.push(Action::NodeEnd { site: call.site, item: call.item, port: slot.port });
        if fan.ended == fan.count {
            self.fan_in(dag, call.site, out);
        } else {
            self.fill(dag, call.site, out);
        }
    }

    /// All items have ended.
    pub(super) fn fan_in(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        let SiteKind::FanOut { fan_in, .. } = &dag.sites[site as usize].kind else { return };
        if let FanIn::Custom { .. } = fan_in {
            if !self.stopping() {
                self.slots[site as usize].attempt = 1;
                self.slots[site as usize].delay = 0;
                self.launch(dag, site, Role::FanIn, out);
            }
            return;
        }
        out.push(Action::Merge { site });
        self.fan_settled(dag, site, out);
    }

    fn fan_settled(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        let Some(fan) = self.fans.remove(&site) else { return };
        let port = match fan.bad {
            0 => PortId::ALL_SUCCESS,
            bad if bad == fan.count => PortId::ALL_ERROR,
            _ => PortId::PARTIAL,
        };
        let slot = &self.slots[site as usize];
        let (call, attempt) = (Call { site, item: NONE, serial: slot.serial }, slot.attempt);
        self.ended(dag, call, attempt, port, out);
    }

    /// Forgets a site and what is inside it.
    pub(super) fn clear(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        self.slots[site as usize] = Slot::IDLE;
        match &dag.sites[site as usize].kind {
            SiteKind::Single => {}
            SiteKind::Parallel { members, .. } => {
                for member in members {
                    self.clear(dag, *member, out);
                }
                out.push(Action::Forget { site });
            }
            SiteKind::FanOut { .. } => {
                self.fans.remove(&site);
                out.push(Action::Forget { site });
            }
            SiteKind::Deep { flow, .. } => self.clear_flow(dag, *flow, out),
        }
    }

    /// Forgets a flow that stands somewhere, and the flows inside it.
    pub(super) fn clear_flow(&mut self, dag: &Compiled, flow: u32, out: &mut Vec<Action>) {
        let at = std::mem::replace(&mut self.current[flow as usize], NONE);
        if at != NONE {
            self.clear(dag, at, out);
            out.push(Action::Leave { flow, completed: false });
        }
    }
}

/// Nodes have timeouts and retries; the pure functions beside them have not.
pub(super) fn has_timeout(role: Role) -> bool {
    matches!(role, Role::Node | Role::FanIn)
}

pub(super) fn timeout(dag: &Compiled, call: Call, out: &mut Vec<Action>) {
    let ms = dag.sites[call.site as usize].timeout_ms;
    if ms > 0 {
        out.push(Action::StartTimer { call, ms, kind: TimerKind::Timeout });
    }
}
