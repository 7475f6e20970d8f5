//! The machine for a caller in another language: bytes in, bytes out, nothing remembered between calls.
//!
//! Everything is 32-bit words, little endian. An event and an action are [`WORDS`] words each; numbers of 64 bits take
//! two, the low one first. The tables below are the interface: words that are not named are 0.
//!
//! ```text
//! event     0 tag  1 site  2 item  3,4 serial  5 argument            then text, for Start, Resume and Cancel
//!   0 Start     5: 0 for the entrypoint, else 1 + the length of the text, a cursor
//!   1 Resume    the same
//!   2 Finished  5: port            3 Failed  5: 1 if fatal           4 Aborted
//!   5 Items     5: count           6 Timer
//!   7 Cancel    5: 1 + the length of the text, the reason            8 Deadline
//!
//! action    0 tag  1 site (or flow)  2 item  3,4 serial  5,6,7 arguments
//!   0 FlowStart (flow)             1 NodeStart
//!   2 Run       5: attempt  6: role (0 node, 1 items, 2 fan-in, 3 combine)
//!   3 StartTimer  5,6: ms  7: 0 back-off, 1 timeout                  4 StopTimer       5 Cancel
//!   6 NodeError 5: attempt · 256 + cause (0 threw, 1 timeout, 2 unwired, 3 child, 4 members)
//!               6,7: 1 + ms until the next attempt, 0 if there is none
//!   7 NodeEnd   5: port            8 Merge            9 Enter (flow)
//!  10 Leave (flow)  5: 1 if completed                11 FlowEnd (flow)  5: end
//!  12 Finished  5: end (0 completed, 1 failed, 2 cancelled, 3 timed out)                             13 Forget
//!  14 Foreseen  5: port  6: how many words of actions follow, if the event Finished of this call and port is next
//! ```

use serde_json::{Value, json};

use crate::compiled::{Compiled, NONE, PortId, SiteKind};
use crate::document::{Combine, FanIn};
use crate::machine::{Action, BadState, Call, Cause, End, Event, Machine, Role, Status, StepError, TimerKind};

/// The length of an event or action, in words.
pub const WORDS: usize = 8;

/// Why a step was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The state is damaged, or of another DAG.
    #[error("the state was refused: {0}")]
    State(#[from] BadState),
    /// The event cannot be taken now.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The bytes are no event.
    #[error("the event cannot be read")]
    Event,
}

/// What a step gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stepped {
    /// The state from here on.
    pub state: Vec<u8>,
    /// What is to be done: [`WORDS`] words for each.
    pub actions: Vec<u8>,
    /// Whether the event was taken; the state is the same if not.
    pub taken: bool,
}

/// The state of a flow that has not begun. Without history, the caller collects it from `NodeEnd`.
pub fn new_state(dag: &Compiled, seed: u64, history: bool) -> Vec<u8> {
    let machine = Machine::new(dag, seed);
    if history { machine.save() } else { machine.without_history().save() }
}

/// Takes one or several events, one behind the other.
pub fn step(dag: &Compiled, state: &[u8], events: &[u8]) -> Result<Stepped, WireError> {
    let (mut machine, mut out, mut actions) = (Machine::load(dag, state)?, Vec::new(), Vec::new());
    let taken = take(dag, &mut machine, events, &mut out)?;
    put(&out, &mut actions);
    Ok(Stepped { state: machine.save(), actions, taken })
}

/// The most events that [`advance`] looks ahead.
const AHEAD: u32 = 64;

/// As [`step`], and then looks up to `ahead` events ahead, so that a caller whose nodes end as they mostly do need not
/// ask for each of them. What is foreseen stands behind the actions, as `Foreseen` with the actions of that event; it is
/// not in the state. The first `known` bytes of `events` were foreseen and are done: their actions are left out. A state
/// of 8 bytes is the seed of a flow that has not begun and keeps no history.
pub fn advance(dag: &Compiled, state: &[u8], events: &[u8], known: usize, ahead: u32) -> Result<Stepped, WireError> {
    let (before, events) = events.split_at_checked(known).ok_or(WireError::Event)?;
    let mut machine = match <[u8; 8]>::try_from(state) {
        Ok(seed) => Machine::new(dag, u64::from_le_bytes(seed)).without_history(),
        Err(_) => Machine::load(dag, state)?,
    };
    let (mut out, mut actions) = (Vec::new(), Vec::new());
    take(dag, &mut machine, before, &mut out)?;
    out.clear();
    let taken = take(dag, &mut machine, events, &mut out)?;
    put(&out, &mut actions);
    let state = machine.save();
    look_ahead(dag, &mut machine, ahead.min(AHEAD), &mut actions);
    Ok(Stepped { state, actions, taken })
}

fn take(dag: &Compiled, machine: &mut Machine, events: &[u8], out: &mut Vec<Action>) -> Result<bool, WireError> {
    let (mut taken, mut rest) = (false, events);
    while !rest.is_empty() {
        let (event, after) = read_event(rest).ok_or(WireError::Event)?;
        taken |= machine.step(dag, &event, out)?;
        rest = after;
    }
    Ok(taken)
}

fn put(actions: &[Action], bytes: &mut Vec<u8>) {
    bytes.reserve(actions.len() * WORDS * 4);
    for action in actions {
        put_words(words(action), bytes);
    }
}

fn put_words(words: [u32; WORDS], bytes: &mut Vec<u8>) {
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
}

/// Only where one node runs and nothing else is out: then it is the next to end, if nobody interferes.
fn look_ahead(dag: &Compiled, machine: &mut Machine, events: u32, bytes: &mut Vec<u8>) {
    let mut out = Vec::new();
    machine.outstanding(dag, &mut out);
    for _ in 0..events {
        let Some((call, port)) = next_end(dag, &out) else { return };
        out.clear();
        if machine.step(dag, &Event::Finished { call, port }, &mut out) != Ok(true) {
            return;
        }
        let len = (out.len() * WORDS) as u32;
        let (low, high) = (call.serial as u32, (call.serial >> 32) as u32);
        put_words([14, call.site, call.item, low, high, port.0.into(), len, 0], bytes);
        put(&out, bytes);
    }
}

/// The only run among actions that start no timer, and its likely port: `success`, or the only one that is wired.
fn next_end(dag: &Compiled, actions: &[Action]) -> Option<(Call, PortId)> {
    let mut run = None;
    for action in actions {
        match action {
            Action::Run { call, role: Role::Node, .. } if run.is_none() && call.item == NONE => run = Some(*call),
            Action::Run { .. } | Action::StartTimer { .. } | Action::Cancel { .. } => return None,
            _ => {}
        }
    }
    let call = run?;
    let routes = dag.sites().get(call.site as usize)?.routes();
    let port = match routes {
        [(port, _)] => *port,
        _ => routes.iter().map(|(port, _)| *port).find(|port| *port == PortId::SUCCESS)?,
    };
    Some((call, port))
}

/// What is out, for a caller that has lost it; see [`Machine::outstanding`].
pub fn outstanding(dag: &Compiled, state: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    Machine::load(dag, state)?.outstanding(dag, &mut out);
    Ok(out.iter().flat_map(words).flat_map(u32::to_le_bytes).collect())
}

/// What a state says, for people and for results of a run: `{status, end, cursor, reason, legs, executed, skipped}`.
pub fn look(dag: &Compiled, state: &[u8]) -> Result<Value, WireError> {
    let machine = Machine::load(dag, state)?;
    let path = |site: u32| dag.sites()[site as usize].path.to_string();
    let status = match machine.status() {
        Status::Pending => "pending",
        Status::Running => "running",
        Status::Stopping(_) => "stopping",
        Status::Ended(_) => "ended",
    };
    Ok(json!({
        "status": status,
        "end": machine.end(),
        "cursor": machine.cursor(dag),
        "reason": machine.reason(),
        "legs": machine.legs(),
        "executed": machine.executed().map(path).collect::<Vec<_>>(),
        "skipped": machine.skipped().iter().map(|site| path(*site)).collect::<Vec<_>>(),
    }))
}

/// What a caller needs to know of a compiled DAG, once: the tables that the numbers in events and actions index.
pub fn tables(dag: &Compiled) -> Value {
    let index = |number: u32| if number == NONE { Value::Null } else { number.into() };
    let sites = dag.sites().iter().map(|site| {
        let mut entry = json!({
            "name": site.name,
            "path": site.path,
            "flow": site.flow,
            "owner": index(site.owner),
        });
        let more = match &site.kind {
            SiteKind::Single => json!({ "kind": "single", "node": site.node }),
            SiteKind::Parallel { members, combine } => {
                let custom = matches!(combine, Combine::Custom(_));
                json!({ "kind": "parallel", "members": members, "combine": combine.as_str(), "custom": custom })
            }
            SiteKind::FanOut { source, item_key, fan_in, .. } => {
                let mut more = json!({ "kind": "fan-out", "node": site.node, "source": source, "itemKey": item_key });
                more["fanIn"] = match fan_in {
                    FanIn::Append { target } => json!({ "strategy": "append", "target": target }),
                    FanIn::Partition { partitions } => json!({ "strategy": "partition", "partitions": partitions }),
                    FanIn::Custom { node } => json!({ "strategy": "custom", "customNode": node }),
                };
                more
            }
            SiteKind::Deep { flow, mapping } => {
                let mut more = json!({ "kind": "deep", "child": flow, "mapping": null });
                if let Some(mapping) = mapping {
                    more["mapping"] = json!({ "input": mapping.input, "output": mapping.output });
                }
                more
            }
        };
        if let Value::Object(more) = more {
            crate::state::update(&mut entry, more);
        }
        entry
    });
    let flows = dag.flows().iter().map(|flow| json!({ "dag": flow.dag.name, "parent": index(flow.parent) }));
    json!({
        "name": dag.name(),
        "fingerprint": format!("{:016x}", dag.fingerprint()),
        "ports": dag.ports().collect::<Vec<_>>(),
        "sites": sites.collect::<Vec<_>>(),
        "flows": flows.collect::<Vec<_>>(),
    })
}

/// An event as bytes.
pub fn event(event: &Event) -> Vec<u8> {
    let none = Call { site: 0, item: 0, serial: 0 };
    let text = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() as u32 + 1);
    let (tag, call, argument, tail) = match event {
        Event::Start { cursor } => (0, none, text(cursor), cursor.as_deref()),
        Event::Resume { cursor } => (1, none, text(cursor), cursor.as_deref()),
        Event::Finished { call, port } => (2, *call, port.0.into(), None),
        Event::Failed { call, fatal } => (3, *call, (*fatal).into(), None),
        Event::Aborted { call } => (4, *call, 0, None),
        Event::Items { call, count } => (5, *call, *count, None),
        Event::Timer { call } => (6, *call, 0, None),
        Event::Cancel { reason } => (7, none, reason.len() as u32 + 1, Some(reason.as_str())),
        Event::Deadline => (8, none, 0, None),
    };
    let words = [tag, call.site, call.item, call.serial as u32, (call.serial >> 32) as u32, argument, 0, 0];
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend_from_slice(tail.unwrap_or_default().as_bytes());
    bytes
}

fn read_event(bytes: &[u8]) -> Option<(Event, &[u8])> {
    let (head, rest) = bytes.split_at_checked(WORDS * 4)?;
    let word = |at: usize| head.get(at * 4..at * 4 + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
    let call = Call { site: word(1), item: word(2), serial: u64::from(word(3)) | u64::from(word(4)) << 32 };
    let text = |rest: &'_ [u8]| -> Option<(Option<String>, usize)> {
        let Some(len) = word(5).checked_sub(1) else { return Some((None, 0)) };
        let text = std::str::from_utf8(rest.get(..len as usize)?).ok()?;
        Some((Some(text.to_owned()), len as usize))
    };
    let mut used = 0;
    let event = match word(0) {
        tag @ (0 | 1 | 7) => {
            let (text, len) = text(rest)?;
            used = len;
            match tag {
                0 => Event::Start { cursor: text },
                1 => Event::Resume { cursor: text },
                _ => Event::Cancel { reason: text.unwrap_or_default() },
            }
        }
        2 => Event::Finished { call, port: PortId(u16::try_from(word(5)).unwrap_or(u16::MAX)) },
        3 => Event::Failed { call, fatal: word(5) != 0 },
        4 => Event::Aborted { call },
        5 => Event::Items { call, count: word(5) },
        6 => Event::Timer { call },
        8 => Event::Deadline,
        _ => return None,
    };
    Some((event, &rest[used..]))
}

fn words(action: &Action) -> [u32; WORDS] {
    let of_call = |tag, call: &Call, a, b, c| {
        [tag, call.site, call.item, call.serial as u32, (call.serial >> 32) as u32, a, b, c]
    };
    let of_end = |end: &End| *end as u32;
    match action {
        Action::FlowStart { flow } => [0, *flow, 0, 0, 0, 0, 0, 0],
        Action::NodeStart { site, item } => [1, *site, *item, 0, 0, 0, 0, 0],
        Action::Run { call, attempt, role } => {
            let role = match role {
                Role::Node => 0,
                Role::Items => 1,
                Role::FanIn => 2,
                Role::Combine => 3,
            };
            of_call(2, call, *attempt, role, 0)
        }
        Action::StartTimer { call, ms, kind } => {
            of_call(3, call, *ms as u32, (*ms >> 32) as u32, u32::from(*kind == TimerKind::Timeout))
        }
        Action::StopTimer { call } => of_call(4, call, 0, 0, 0),
        Action::Cancel { call } => of_call(5, call, 0, 0, 0),
        Action::NodeError { call, attempt, cause, retry_ms } => {
            let cause = match cause {
                Cause::Threw => 0,
                Cause::Timeout => 1,
                Cause::Unwired => 2,
                Cause::Child => 3,
                Cause::Members => 4,
            };
            let ms = retry_ms.map_or(0, |ms| ms.saturating_add(1));
            of_call(6, call, attempt << 8 | cause, ms as u32, (ms >> 32) as u32)
        }
        Action::NodeEnd { site, item, port } => [7, *site, *item, 0, 0, port.0.into(), 0, 0],
        Action::Merge { site } => [8, *site, 0, 0, 0, 0, 0, 0],
        Action::Enter { flow } => [9, *flow, 0, 0, 0, 0, 0, 0],
        Action::Leave { flow, completed } => [10, *flow, 0, 0, 0, (*completed).into(), 0, 0],
        Action::FlowEnd { flow, end } => [11, *flow, 0, 0, 0, of_end(end), 0, 0],
        Action::Forget { site } => [13, *site, 0, 0, 0, 0, 0, 0],
        Action::Finished { end } => [12, 0, 0, 0, 0, of_end(end), 0, 0],
    }
}
