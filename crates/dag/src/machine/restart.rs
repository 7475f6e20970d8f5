//! Beginning, beginning again, and beginning somewhere else.

use super::flow::{has_timeout, timeout};
use super::{Action, Call, End, Machine, Phase, Role, Slot, Status, StepError, TimerKind};
use crate::compiled::{Compiled, NONE, SiteKind};

impl Machine {
    pub(super) fn start(
        &mut self,
        dag: &Compiled,
        cursor: Option<&str>,
        out: &mut Vec<Action>,
    ) -> Result<(), StepError> {
        if self.status != Status::Pending {
            return Err(StepError::Begun);
        }
        let target = cursor.map(|cursor| dag.resolve(cursor)).transpose()?;
        self.status = Status::Running;
        self.legs = 1;
        self.jump(dag, target.unwrap_or(dag.flows[0].entry), out);
        Ok(())
    }

    pub(super) fn resume(
        &mut self,
        dag: &Compiled,
        cursor: Option<&str>,
        out: &mut Vec<Action>,
    ) -> Result<(), StepError> {
        let target = cursor.map(|cursor| dag.resolve(cursor)).transpose()?;
        match self.status {
            Status::Pending => return Err(StepError::NothingToResume("has not begun; start it")),
            Status::Ended(End::Completed) if target.is_none() => {
                return Err(StepError::NothingToResume("has completed; name the placement to begin with"));
            }
            Status::Running | Status::Stopping(_) => {
                return Err(StepError::NothingToResume("still runs; cancel it first, or let it end"));
            }
            Status::Ended(_) => {}
        }
        let position = self.position(dag);
        self.status = Status::Running;
        self.legs = self.legs.saturating_add(1);
        self.reason.clear();
        match position.filter(|at| target.is_none_or(|target| target == *at)) {
            Some(_) => {
                out.push(Action::FlowStart { flow: 0 });
                self.revive(dag, self.current[0], out);
            }
            None => {
                self.clear_flow_quietly(dag, out);
                self.jump(dag, target.unwrap_or(dag.flows[0].entry), out);
            }
        }
        Ok(())
    }

    /// Forgets where the flow stood, and the states of its sub-DAGs.
    fn clear_flow_quietly(&mut self, dag: &Compiled, out: &mut Vec<Action>) {
        let at = std::mem::replace(&mut self.current[0], NONE);
        if at != NONE {
            self.clear(dag, at, out);
        }
    }

    /// Begins at a site, wherever it is: the flows around it are entered first.
    fn jump(&mut self, dag: &Compiled, target: u32, out: &mut Vec<Action>) {
        out.push(Action::FlowStart { flow: 0 });
        let mut around = Vec::new();
        let mut flow = dag.sites[target as usize].flow;
        while dag.flows[flow as usize].parent != NONE {
            let site = dag.flows[flow as usize].parent;
            around.push((site, flow));
            flow = dag.sites[site as usize].flow;
        }
        for (site, flow) in around.into_iter().rev() {
            let here = &dag.sites[site as usize];
            let top = if here.owner == NONE { site } else { here.owner };
            self.current[here.flow as usize] = top;
            if let SiteKind::Parallel { members, .. } = &dag.sites[top as usize].kind {
                out.push(Action::NodeStart { site: top, item: NONE });
                self.slots[top as usize] = Slot { phase: Phase::Group, attempt: 1, ..Slot::IDLE };
                for member in members.iter().filter(|member| **member != site) {
                    self.arrive(dag, *member, out);
                }
            }
            out.push(Action::NodeStart { site, item: NONE });
            self.slots[site as usize] = Slot { attempt: 1, ..Slot::IDLE };
            self.enter(dag, site, flow, out);
        }
        // A member begins with its group.
        let owner = dag.sites[target as usize].owner;
        self.arrive(dag, if owner == NONE { target } else { owner }, out);
    }

    /// Begins again what has not ended of a site.
    fn revive(&mut self, dag: &Compiled, site: u32, out: &mut Vec<Action>) {
        let Some(slot) = self.slots.get_mut(site as usize) else { return };
        if slot.phase == Phase::Done {
            return;
        }
        if slot.attempt == 0 {
            return self.begin(dag, site, out);
        }
        let threw = slot.phase == Phase::Threw;
        if threw {
            // Its attempts are used up: it gets new ones.
            slot.attempt = 1;
            slot.delay = 0;
        }
        let role = slot.role;
        out.push(Action::NodeStart { site, item: NONE });
        match &dag.sites[site as usize].kind {
            SiteKind::Single => self.launch(dag, site, Role::Node, out),
            SiteKind::Parallel { members, .. } => {
                self.slots[site as usize].phase = Phase::Group;
                for member in members {
                    // What failed the group is tried again; what ended in a group that was cut short has ended.
                    if threw || self.slots[*member as usize].phase != Phase::Threw {
                        self.revive(dag, *member, out);
                    }
                }
                if members.iter().all(|member| self.slots[*member as usize].ended()) {
                    self.combine(dag, site, out);
                }
            }
            SiteKind::FanOut { .. } => self.revive_items(dag, site, role, out),
            SiteKind::Deep { flow, .. } => match self.current[*flow as usize] {
                NONE => self.perform(dag, site, out),
                at => {
                    self.open_flow(dag, site, *flow, out);
                    self.revive(dag, at, out);
                }
            },
        }
    }

    fn revive_items(&mut self, dag: &Compiled, site: u32, role: Role, out: &mut Vec<Action>) {
        let Some(fan) = self.fans.get(&site) else { return self.launch(dag, site, Role::Items, out) };
        if fan.ended == fan.count {
            // A fan-in that was cut short keeps its attempts.
            return match role {
                Role::FanIn => self.launch(dag, site, Role::FanIn, out),
                _ => self.fan_in(dag, site, out),
            };
        }
        let begun: Vec<u32> = (0..fan.items.len() as u32).filter(|item| !fan.items[*item as usize].ended()).collect();
        self.slots[site as usize].phase = Phase::Group;
        for item in begun {
            out.push(Action::NodeStart { site, item });
            self.launch_item(dag, site, item, out);
        }
        self.fill(dag, site, out);
    }

    /// What is out, for a driver that has lost it (its process died): every run that waits for an answer, every timer.
    /// Timers come with their whole time.
    pub fn outstanding(&self, dag: &Compiled, out: &mut Vec<Action>) {
        let sites = self.slots.iter().enumerate().map(|(site, slot)| (site as u32, NONE, slot));
        let items = self
            .fans
            .iter()
            .flat_map(|(site, fan)| fan.items.iter().enumerate().map(|(item, slot)| (*site, item as u32, slot)));
        let running = !self.stopping();
        for (site, item, slot) in sites.chain(items) {
            let call = Call { site, item, serial: slot.serial };
            match slot.phase {
                Phase::Running => {
                    out.push(Action::Run { call, attempt: slot.attempt, role: slot.role });
                    if running && has_timeout(slot.role) {
                        timeout(dag, call, out);
                    }
                    if matches!(self.status, Status::Stopping(_)) {
                        out.push(Action::Cancel { call });
                    }
                }
                Phase::Backoff => out.push(Action::StartTimer { call, ms: slot.delay, kind: TimerKind::Backoff }),
                Phase::Group if running && dag.flow_of(site).is_some() => timeout(dag, call, out),
                _ => {}
            }
        }
    }
}
