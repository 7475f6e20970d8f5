//! The machine's state as bytes.
//!
//! `QSDM`, format (u8), the DAG's fingerprint (u64), the body, CRC-32 of all before (u32). Fixed numbers are little
//! endian, those of the body LEB128. Sites that have not begun take no room; one that has takes a few bytes.
//! What is read is checked as if its author were hostile: the checksum only finds accidents.

use super::{End, Fan, Machine, Phase, Role, Slot, Status};
use crate::bytes::{Reader, put};
use crate::compiled::{Compiled, NONE, PortId, SiteKind};
use crate::document::FanIn;
use crate::limits;

const MAGIC: &[u8; 4] = b"QSDM";
const FORMAT: u8 = 1;

/// Why bytes are not the state of a machine for this DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadState {
    /// Some other bytes.
    #[error("it is not the state of a DAG")]
    Foreign,
    /// Written by a newer release.
    #[error("its format {0} is newer than this release reads ({FORMAT})")]
    Newer(u8),
    /// Changed or cut off.
    #[error("its checksum does not match")]
    Checksum,
    /// Of another DAG.
    #[error("it belongs to another DAG or another version of it")]
    OtherDag,
    /// Well-formed bytes, but no state that a machine can be in.
    #[error("it holds {0}")]
    Impossible(&'static str),
}

impl Machine {
    /// The state as bytes.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.executed.len());
        self.save_into(&mut out);
        out
    }

    /// Replaces what is in `out` by the state as bytes.
    pub fn save_into(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(MAGIC);
        out.push(FORMAT);
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        out.push(match self.status {
            Status::Pending => 0,
            Status::Running => 1,
            Status::Stopping(end) => 2 + end as u8,
            Status::Ended(end) => 6 + end as u8,
        });
        out.push(u8::from(self.keep_history));
        out.extend_from_slice(&self.random.to_le_bytes());
        put(out, self.serial);
        put(out, self.legs.into());
        put(out, self.dropped);
        put(out, self.reason.len() as u64);
        out.extend_from_slice(self.reason.as_bytes());
        put(out, self.executed.len() as u64);
        for site in &self.executed {
            put(out, (*site).into());
        }
        put(out, self.skipped.len() as u64);
        for site in &self.skipped {
            put(out, (*site).into());
        }
        let standing = || self.current.iter().enumerate().filter(|(_, site)| **site != NONE);
        put(out, standing().count() as u64);
        for (flow, site) in standing() {
            put(out, flow as u64);
            put(out, (*site).into());
        }
        let begun = || self.slots.iter().enumerate().filter(|(_, slot)| slot.phase != Phase::Idle);
        put(out, begun().count() as u64);
        for (site, slot) in begun() {
            put(out, site as u64);
            self.save_slot(slot, out);
        }
        put(out, self.fans.len() as u64);
        for (site, fan) in &self.fans {
            put(out, (*site).into());
            put(out, fan.count.into());
            put(out, fan.items.len() as u64);
            for slot in &fan.items {
                self.save_slot(slot, out);
            }
        }
        let sum = crc32fast::hash(out);
        out.extend_from_slice(&sum.to_le_bytes());
    }

    fn save_slot(&self, slot: &Slot, out: &mut Vec<u8>) {
        out.push(slot.phase as u8 | (slot.role as u8) << 4);
        put(out, slot.attempt.into());
        put(out, slot.delay);
        match slot.phase {
            Phase::Running | Phase::Backoff | Phase::Group => put(out, self.serial.wrapping_sub(slot.serial)),
            Phase::Done => put(out, u64::from(slot.port.0.wrapping_add(1))),
            _ => {}
        }
    }

    /// Reads a state that [`Machine::save`] wrote for the same DAG.
    pub fn load(dag: &Compiled, bytes: &[u8]) -> Result<Self, BadState> {
        let mut at = Reader::new(bytes);
        if at.take(4) != Some(MAGIC) {
            return Err(BadState::Foreign);
        }
        match at.byte() {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => return Err(BadState::Newer(newer)),
            _ => return Err(BadState::Foreign),
        }
        let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return Err(BadState::Checksum) };
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(BadState::Checksum);
        }
        let mut at = Reader::new(body.get(5..).ok_or(BadState::Checksum)?);
        if at.fixed() != Some(dag.fingerprint()) {
            return Err(BadState::OtherDag);
        }
        let machine = Self::read(dag, &mut at).ok_or(BadState::Impossible("numbers out of their range"))?;
        if !at.is_empty() {
            return Err(BadState::Impossible("more than a state"));
        }
        machine.check(dag)?;
        Ok(machine)
    }

    fn read(dag: &Compiled, at: &mut Reader<'_>) -> Option<Self> {
        let mut machine = Self::new(dag, 0);
        machine.status = match at.byte()? {
            0 => Status::Pending,
            1 => Status::Running,
            code @ 2..6 => Status::Stopping(end(code - 2)?),
            code @ 6..10 => Status::Ended(end(code - 6)?),
            _ => return None,
        };
        machine.keep_history = match at.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        machine.random = at.fixed()?;
        machine.serial = at.number()?;
        machine.legs = at.small(u32::MAX)?;
        machine.dropped = at.number()?;
        let len = at.small(limits::REASON as u32)?;
        machine.reason = std::str::from_utf8(at.take(len as usize)?).ok()?.to_owned();
        let sites = u32::try_from(dag.sites.len()).ok()?.checked_sub(1)?;
        for _ in 0..at.small(limits::HISTORY as u32)? {
            machine.executed.push_back(at.small(sites)?);
        }
        for _ in 0..at.small(limits::HISTORY as u32)? {
            machine.skipped.push(at.small(sites)?);
        }
        for _ in 0..at.small(dag.flows.len() as u32)? {
            let flow = at.small(dag.flows.len() as u32 - 1)?;
            machine.current[flow as usize] = at.small(sites)?;
        }
        for _ in 0..at.small(dag.sites.len() as u32)? {
            let site = at.small(sites)?;
            machine.slots[site as usize] = machine.read_slot(at)?;
        }
        for _ in 0..at.small(dag.sites.len() as u32)? {
            let site = at.small(sites)?;
            let count = at.small(limits::ITEMS)?;
            let mut fan = Fan { count, ..Fan::default() };
            for _ in 0..at.small(count)? {
                let slot = machine.read_slot(at)?;
                fan.ended += u32::from(slot.ended());
                fan.bad += u32::from(slot.ended() && slot.bad());
                fan.items.push(slot);
            }
            machine.fans.insert(site, fan);
        }
        let items = machine.fans.values().flat_map(|fan| &fan.items);
        machine.open = machine.slots.iter().chain(items).filter(|slot| slot.phase == Phase::Running).count() as u32;
        Some(machine)
    }

    fn read_slot(&self, at: &mut Reader<'_>) -> Option<Slot> {
        let tag = at.byte()?;
        let phase = match tag & 15 {
            1 => Phase::Ready,
            2 => Phase::Running,
            3 => Phase::Backoff,
            4 => Phase::Group,
            5 => Phase::Done,
            6 => Phase::Threw,
            _ => return None,
        };
        let role = match tag >> 4 {
            0 => Role::Node,
            1 => Role::Items,
            2 => Role::FanIn,
            3 => Role::Combine,
            _ => return None,
        };
        let attempt = at.small(limits::ATTEMPTS as u32)?;
        if attempt == 0 && phase != Phase::Ready {
            return None;
        }
        let mut slot =
            Slot { phase, role, attempt, delay: at.number().filter(|ms| *ms <= limits::MILLIS)?, ..Slot::IDLE };
        match phase {
            Phase::Running | Phase::Backoff | Phase::Group => slot.serial = self.serial.wrapping_sub(at.number()?),
            Phase::Done => slot.port = PortId((at.small(u16::MAX.into())? as u16).wrapping_sub(1)),
            Phase::Threw => slot.port = PortId::ERROR,
            _ => {}
        }
        Some(slot)
    }

    /// Whether a machine can be in this state: what runs is where a flow stands, and nowhere else.
    fn check(&self, dag: &Compiled) -> Result<(), BadState> {
        let mut seen = Seen { sites: vec![false; dag.sites.len()], flows: vec![false; dag.flows.len()] };
        let stands = self.current[0] != NONE;
        if stands == matches!(self.status, Status::Pending | Status::Ended(End::Completed)) {
            return Err(BadState::Impossible("a flow that stands nowhere"));
        }
        if stands {
            self.check_flow(dag, 0, &mut seen).ok_or(BadState::Impossible("a placement in a wrong state"))?;
        }
        let lost = |what| Err(BadState::Impossible(what));
        if self.slots.iter().zip(&seen.sites).any(|(slot, seen)| slot.phase != Phase::Idle && !seen) {
            return lost("a placement that runs where no flow stands");
        }
        if self.current.iter().zip(&seen.flows).any(|(site, seen)| *site != NONE && !seen) {
            return lost("a sub-DAG that runs where no flow stands");
        }
        if self.fans.keys().any(|site| !seen.sites[*site as usize]) {
            return lost("items of a fan-out that does not run");
        }
        match self.status {
            Status::Stopping(End::Completed | End::Failed) => lost("a wrong end"),
            Status::Stopping(_) if self.open == 0 => lost("a flow that waits for nothing"),
            Status::Ended(_) if self.open > 0 => lost("a flow that has ended and runs"),
            _ => Ok(()),
        }
    }

    fn check_flow(&self, dag: &Compiled, flow: u32, seen: &mut Seen) -> Option<()> {
        seen.flows[flow as usize] = true;
        let at = self.current[flow as usize];
        dag.site(at).filter(|site| site.flow == flow && site.owner == NONE)?;
        (self.slots[at as usize].phase != Phase::Done).then_some(())?;
        self.check_site(dag, at, seen)
    }

    fn check_site(&self, dag: &Compiled, at: u32, seen: &mut Seen) -> Option<()> {
        use Phase::{Backoff, Done, Group, Idle, Ready, Running, Threw};
        seen.sites[at as usize] = true;
        let slot = &self.slots[at as usize];
        let runs = self.status == Status::Running;
        let fan = self.fans.get(&at);
        let right = match (&dag.sites[at as usize].kind, slot.phase) {
            (_, Backoff) if !runs => false,
            (SiteKind::Single, Ready | Running | Backoff | Done | Threw) => slot.role == Role::Node,
            (SiteKind::Parallel { .. }, Running) => slot.role == Role::Combine,
            (SiteKind::Parallel { .. }, Ready | Group | Done | Threw) => true,
            (SiteKind::FanOut { .. }, Running) if slot.role == Role::Items => fan.is_none(),
            (SiteKind::FanOut { fan_in: FanIn::Custom { .. }, .. }, Running | Backoff) => {
                slot.role == Role::FanIn && fan.is_some_and(|fan| fan.ended == fan.count)
            }
            (SiteKind::FanOut { .. }, Group) => fan.is_some(),
            (SiteKind::FanOut { .. }, Done) => fan.is_none(),
            // With items it is a fan-in that was cut short or failed.
            (SiteKind::FanOut { .. }, Ready | Threw) => {
                fan.is_none_or(|fan| slot.attempt > 0 && slot.role == Role::FanIn && fan.ended == fan.count)
            }
            (SiteKind::Deep { flow, .. }, Group) => self.current[*flow as usize] != NONE,
            (SiteKind::Deep { flow, .. }, Ready | Backoff | Done) => self.current[*flow as usize] == NONE,
            (SiteKind::Deep { .. }, Threw) => true,
            _ => false,
        };
        right.then_some(())?;
        if let Some(fan) = fan {
            let whole = fan.count > 0
                && matches!(dag.sites[at as usize].kind, SiteKind::FanOut { .. })
                && fan.items.iter().all(|item| {
                    item.role == Role::Node
                        && item.attempt > 0
                        && match item.phase {
                            Ready | Running | Done | Threw => true,
                            Backoff => runs,
                            Idle | Group => false,
                        }
                });
            whole.then_some(())?;
        }
        match &dag.sites[at as usize].kind {
            SiteKind::Parallel { members, .. } => {
                let fresh = slot.attempt == 0;
                members.iter().try_for_each(|member| match self.slots[*member as usize].phase {
                    Idle => fresh.then_some(()),
                    _ => self.check_site(dag, *member, seen).filter(|()| !fresh),
                })
            }
            SiteKind::Deep { flow, .. } if self.current[*flow as usize] != NONE => self.check_flow(dag, *flow, seen),
            _ => Some(()),
        }
    }
}

struct Seen {
    sites: Vec<bool>,
    flows: Vec<bool>,
}

fn end(code: u8) -> Option<End> {
    Some(match code {
        0 => End::Completed,
        1 => End::Failed,
        2 => End::Cancelled,
        3 => End::TimedOut,
        _ => return None,
    })
}
