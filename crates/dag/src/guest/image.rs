//! The image of a DAG's run: the machine, the state, what is waited for, and the images of the nodes' programs.
//!
//! `QSDG`, format (u8), then LEB128 numbers and texts with their lengths. Its checksum is the snapshot container's.

use std::sync::Arc;

use bytes::Bytes;
use run::limits::Limits;
use run::{GuestError, Seed};

use super::bundle::Unpacked;
use super::program::{Inner, Running, Wait};
use crate::bytes::{Reader, put};
use crate::held::Held;
use crate::machine::{Action, Call, Machine, Role};

const MAGIC: &[u8; 4] = b"QSDG";
pub(super) const FORMAT: u8 = 1;

/// `None` if a node's program has no image.
pub(super) fn encode(running: &mut Running) -> Result<Option<Vec<u8>>, GuestError> {
    let mut out = MAGIC.to_vec();
    out.push(FORMAT);
    out.extend_from_slice(&running.seed.0);
    let json = |value: Result<Vec<u8>, serde_json::Error>| value.map_err(|e| GuestError::Engine(e.to_string()));
    let waits: Vec<(u64, Wait)> = running.waits.iter().map(|(n, wait)| (*n, *wait)).collect();
    text(&mut out, running.run.as_bytes());
    text(&mut out, running.error.as_bytes());
    text(&mut out, &running.machine.save());
    text(&mut out, &json(serde_json::to_vec(&running.held))?);
    text(&mut out, &json(serde_json::to_vec(&waits))?);
    text(&mut out, &json(serde_json::to_vec(&(running.gate, &running.gated, running.now)))?);
    put(&mut out, running.inner.len() as u64);
    for (call, inner) in &mut running.inner {
        // The image must be whole: the one before may have been saved by nobody.
        inner.program.forget_parent();
        let Some(image) = inner.program.snapshot()? else { return Ok(None) };
        for number in [call.site.into(), call.item.into(), call.serial, inner.role as u64] {
            put(&mut out, number);
        }
        text(&mut out, &image.bytes);
    }
    Ok(Some(out))
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn decode(image: &Bytes, dag: Arc<Unpacked>, limits: Limits) -> Result<Running, GuestError> {
    let cut = || GuestError::Refused("the image of the DAG is cut off".into());
    let bad = |what: &str, why: &dyn std::fmt::Display| GuestError::Refused(format!("{what}: {why}"));
    let mut at = Reader::new(image);
    if at.take(4) != Some(MAGIC) || at.byte() != Some(FORMAT) {
        return Err(GuestError::Refused("it is not the image of a DAG, or of another format".into()));
    }
    let mut running = Running::new(dag.clone(), limits.clone());
    running.seed = Seed(at.take(32).and_then(|seed| seed.try_into().ok()).ok_or_else(cut)?);
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|e| bad("a text", &e));
    running.run = utf8(field(&mut at).ok_or_else(cut)?)?;
    running.error = utf8(field(&mut at).ok_or_else(cut)?)?;
    let machine = field(&mut at).ok_or_else(cut)?;
    running.machine = Machine::load(&dag.compiled, machine).map_err(|e| bad("the DAG's state", &e))?;
    let held = field(&mut at).ok_or_else(cut)?;
    let held: Held = serde_json::from_slice(held).map_err(|e| bad("the state", &e))?;
    if !held.fits(&dag.compiled) {
        return Err(GuestError::Refused("the state belongs to another DAG".into()));
    }
    running.held = held;
    let waits: Vec<(u64, Wait)> =
        serde_json::from_slice(field(&mut at).ok_or_else(cut)?).map_err(|e| bad("what is waited for", &e))?;
    let sites = dag.compiled.sites().len() as u32;
    for (n, wait) in waits {
        if let Wait::Inner(call, _)
        | Wait::Timer(call)
        | Wait::Shell(call, _)
        | Wait::Http(call, _)
        | Wait::Photon(call, _) = wait
            && call.site >= sites
        {
            return Err(GuestError::Refused("something is waited for that the DAG does not have".into()));
        }
        running.waits.insert(n, wait);
    }
    (running.gate, running.gated, running.now) =
        serde_json::from_slice(field(&mut at).ok_or_else(cut)?).map_err(|e| bad("what is to begin", &e))?;
    let sound = |action: &Action| matches!(action, Action::Run { call, .. } if call.site < sites);
    if !running.gated.iter().all(|(_, action)| sound(action)) {
        return Err(GuestError::Refused("something is to begin that the DAG does not have".into()));
    }
    for _ in 0..at.number().ok_or_else(cut)? {
        let call = Call {
            site: at.small(sites.saturating_sub(1)).ok_or_else(cut)?,
            item: at.small(u32::MAX).ok_or_else(cut)?,
            serial: at.number().ok_or_else(cut)?,
        };
        let role = match at.number() {
            Some(0) => Role::Node,
            Some(2) => Role::FanIn,
            Some(3) => Role::Combine,
            _ => return Err(cut()),
        };
        let (guest, code) = dag.program(call.site, role)?;
        let image = Bytes::copy_from_slice(field(&mut at).ok_or_else(cut)?);
        let program = guest.restore(code, &limits, &[image])?;
        running.inner.insert(call, Inner { role, program });
    }
    if !at.is_empty() {
        return Err(GuestError::Refused("the image of the DAG holds more than it should".into()));
    }
    Ok(running)
}

fn field<'b>(at: &mut Reader<'b>) -> Option<&'b [u8]> {
    let len = usize::try_from(at.number()?).ok()?;
    at.take(len)
}
