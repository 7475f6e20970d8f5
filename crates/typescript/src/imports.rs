//! What the engine's C code calls: the functions of the module `quicksave`.

use bytes::Bytes;
use run::{Ask, Effect, Failure, Json, Payload, Port, Seed, Stop, TurnEnd, program::ProgramError};
use serde::Deserialize;
use wasmtime::{Caller, Error, Linker, Result};

use crate::{program::State, pure::Answer};

scoped_tls_hkt::scoped_thread_local!(static mut PORT: for<'a> &'a mut (dyn Port + 'a));

/// Lends `port` to the functions below while `turn` runs on this thread.
pub fn with_port<R>(port: &mut dyn Port, turn: impl FnOnce() -> R) -> R {
    PORT.set(port, turn)
}

/// Stands for "no bytes" beside a JSON text.
pub const NO_BYTES: u32 = u32::MAX;

const EMIT: i32 = 0;
const CHECKPOINT: i32 = 1;
const ASK: i32 = 2;
const TIMER: i32 = 3;
const SIGNAL: i32 = 4;
const CALL: i32 = 5;
const ABORT: i32 = 6;

type Guest<'a> = Caller<'a, State>;

/// Puts all imports into the linker.
pub fn define(linker: &mut Linker<State>) -> Result<()> {
    let module = "quicksave";
    linker.func_wrap(module, "effect", effect)?;
    linker.func_wrap(module, "call", call)?;
    linker.func_wrap(module, "pure", pure_call)?;
    linker.func_wrap(module, "end", end)?;
    linker.func_wrap(module, "random", random)?;
    linker.func_wrap(module, "interrupted", interrupted)?;
    linker.func_wrap(module, "resolve", resolve)?;
    linker.func_wrap(module, "source", source)?;
    Ok(())
}

fn port<R>(use_it: impl FnOnce(&mut dyn Port) -> Result<R, Stop>) -> Result<R> {
    if !PORT.is_set() {
        return Err(Error::msg("the engine asked for the world between turns"));
    }
    PORT.with(|port| use_it(port)).map_err(Error::new)
}

/// A block of the guest's memory. The guest's own C code computes the numbers, so a wrong one is a fault of the engine.
fn block(memory: &[u8], at: u32, len: u32) -> Result<&[u8]> {
    let at = at as usize;
    memory.get(at..at.saturating_add(len as usize)).ok_or_else(|| Error::msg("the engine named a place outside memory"))
}

fn memory<'a>(guest: &'a Guest<'_>) -> Result<&'a [u8]> {
    Ok(guest.data().memory()?.data(guest))
}

fn text(guest: &Guest<'_>, at: u32, len: u32) -> Result<String> {
    Ok(String::from_utf8_lossy(block(memory(guest)?, at, len)?).into_owned())
}

fn bytes(guest: &Guest<'_>, at: u32, len: u32) -> Result<Option<Bytes>> {
    if len == NO_BYTES {
        return Ok(None);
    }
    block(memory(guest)?, at, len).map(|b| Some(Bytes::copy_from_slice(b)))
}

/// Copies `data` into a new block of the guest's, followed by a zero byte. 0 if it has no memory left.
fn give(guest: &mut Guest<'_>, data: &[u8]) -> Result<u32> {
    let Ok(room) = u32::try_from(data.len() + 1) else { return Ok(0) };
    let alloc = guest.data().alloc()?;
    let at = alloc.call(&mut *guest, room)?;
    if at != 0 {
        let memory = guest.data().memory()?;
        memory.write(&mut *guest, at as usize, data)?;
        memory.write(&mut *guest, at as usize + data.len(), &[0])?;
    }
    Ok(at)
}

/// Fills a `Reply` of shim.h; without memory its `json` stays null, and the guest throws.
fn reply(guest: &mut Guest<'_>, at: u32, ok: bool, json: &str, data: Option<&[u8]>) -> Result<()> {
    let json_at = give(guest, json.as_bytes())?;
    let (mut data_at, mut data_len) = (0, NO_BYTES);
    if let (Some(data), true) = (data, json_at != 0) {
        data_at = give(guest, data)?;
        data_len = data.len() as u32;
    }
    let lost = json_at == 0 || (data_len != NO_BYTES && data_at == 0);
    let words = if lost { [0, 0, 0, 0, NO_BYTES] } else { [ok.into(), json_at, json.len() as u32, data_at, data_len] };
    let mut out = [0; 20];
    for (to, word) in out.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    let memory = guest.data().memory()?;
    memory.write(guest, at as usize, &out)?;
    Ok(())
}

fn reply_failure(guest: &mut Guest<'_>, at: u32, failure: &Failure) -> Result<()> {
    let json = serde_json::to_string(failure).map_err(Error::new)?;
    reply(guest, at, false, &json, None)
}

#[derive(Deserialize)]
struct Emit {
    kind: String,
    message: Option<String>,
    data: Option<Json>,
}

#[derive(Deserialize)]
struct Checkpoint {
    id: Option<String>,
    state: Option<Json>,
}

#[derive(Deserialize)]
struct Timer {
    due: f64,
}

#[derive(Deserialize)]
struct Signal {
    name: String,
}

#[derive(Deserialize)]
struct Call {
    op: String,
    args: Option<Json>,
}

#[derive(Deserialize)]
struct Abort {
    n: u64,
}

/// The effect that a kind and its JSON stand for; `None` if they do not.
fn read_effect(kind: i32, json: &str, bytes: Option<Bytes>) -> Option<Effect> {
    fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
        serde_json::from_str(json).ok()
    }
    // Values are kept on one line, as journals want them.
    let line = |json: Option<Json>| json.map_or(Some(Json::null()), |j| Json::parse(j.get().into()).ok());
    Some(match kind {
        EMIT => {
            let Emit { kind, message, data } = read(json)?;
            let data = match data {
                Some(data) => Some(line(Some(data))?),
                None => None,
            };
            Effect::Emit { kind, message, data }
        }
        CHECKPOINT => {
            let Checkpoint { id, state } = read(json)?;
            Effect::Checkpoint { id, state: line(state)?, relaxed: false }
        }
        ASK => {
            let ask: Ask = read(json)?;
            Effect::Ask(Ask { spec: line(Some(ask.spec))?, ..ask })
        }
        // The clock's fractions are ticks, not time. A time before 1970 is due at once.
        TIMER => Effect::Timer { due: read::<Timer>(json)?.due as u64 },
        SIGNAL => Effect::Signal { name: read::<Signal>(json)?.name },
        CALL => {
            let Call { op, args } = read(json)?;
            Effect::Call { op, args: Payload { json: line(args)?, bytes } }
        }
        ABORT => Effect::Abort { n: read::<Abort>(json)?.n },
        _ => return None,
    })
}

fn effect(
    mut guest: Guest<'_>,
    kind: i32,
    json: u32,
    json_len: u32,
    data: u32,
    data_len: u32,
    withdrawn: u32,
) -> Result<i64> {
    let data = bytes(&guest, data, data_len)?;
    let text = text(&guest, json, json_len)?;
    let Some(effect) = read_effect(kind, &text, data) else { return Ok(-1) };
    if let Effect::Abort { n } = effect {
        guest.data().memory()?.write(&mut guest, withdrawn as usize, &n.to_le_bytes())?;
    }
    let n = port(|port| port.effect(effect))?;
    i64::try_from(n).map_err(|_| Error::msg("effect numbers are used up"))
}

#[allow(clippy::too_many_arguments)] // the C side's own signature
fn call(
    mut guest: Guest<'_>,
    op: u32,
    op_len: u32,
    json: u32,
    json_len: u32,
    data: u32,
    data_len: u32,
    out: u32,
) -> Result<()> {
    let op = text(&guest, op, op_len)?;
    let bytes = bytes(&guest, data, data_len)?;
    let json = match Json::parse(text(&guest, json, json_len)?) {
        Ok(json) => json,
        Err(error) => {
            let failure = Failure::new("TypeError", format!("the arguments of {op} are not JSON: {error}"));
            return reply_failure(&mut guest, out, &failure);
        }
    };
    let (_, outcome) = port(|port| port.call(op, Payload { json, bytes }))?;
    match outcome {
        Ok(payload) => reply(&mut guest, out, true, payload.json.get(), payload.bytes.as_deref()),
        Err(failure) => reply_failure(&mut guest, out, &failure),
    }
}

#[allow(clippy::too_many_arguments)] // the C side's own signature
fn pure_call(
    mut guest: Guest<'_>,
    op: u32,
    op_len: u32,
    json: u32,
    json_len: u32,
    data: u32,
    data_len: u32,
    out: u32,
) -> Result<()> {
    let memory = guest.data().memory()?;
    let (whole, state) = memory.data_and_store_mut(&mut guest);
    let op = String::from_utf8_lossy(block(whole, op, op_len)?);
    let json = String::from_utf8_lossy(block(whole, json, json_len)?);
    let data = if data_len == NO_BYTES { &[][..] } else { block(whole, data, data_len)? };
    match state.pure(&op, &json, data) {
        Ok(Answer { json, bytes }) => reply(&mut guest, out, true, &json, bytes.as_deref()),
        Err(failure) => reply_failure(&mut guest, out, &failure),
    }
}

#[derive(Deserialize)]
struct Failed {
    kind: Option<String>,
    name: Option<String>,
    message: Option<String>,
    stack: Option<String>,
}

fn end(mut guest: Guest<'_>, done: i32, json: u32, json_len: u32, data: u32, data_len: u32) -> Result<i32> {
    let bytes = bytes(&guest, data, data_len)?;
    let text = text(&guest, json, json_len)?;
    let end = if done != 0 {
        let Ok(json) = Json::parse(text) else { return Ok(0) };
        TurnEnd::Done(Payload { json, bytes })
    } else {
        let Ok(failed) = serde_json::from_str::<Failed>(&text) else { return Ok(0) };
        TurnEnd::Failed(failure(failed, guest.data()))
    };
    guest.data_mut().end = Some(end);
    Ok(1)
}

fn failure(failed: Failed, state: &State) -> ProgramError {
    let Failed { kind, name, message, stack } = failed;
    let message = message.unwrap_or_default();
    // The engine's words for it name no limit; without any memory left, the error itself is `null`.
    if state.limiter.refused && (message == "out of memory" || message == "null") {
        return ProgramError { stack: stack.filter(|s| s != "null"), ..state.limiter.error() };
    }
    let message = match name {
        Some(name) if name != "Error" && message.is_empty() => name,
        Some(name) if name != "Error" => format!("{name}: {message}"),
        _ => message,
    };
    ProgramError { kind: kind.unwrap_or_else(|| "error".into()), message, stack }
}

fn random(mut guest: Guest<'_>, seed: u32, draw: u64, out: u32, len: u32) -> Result<()> {
    let seed = Seed(block(memory(&guest)?, seed, 32)?.try_into()?);
    let memory = guest.data().memory()?;
    let data = memory.data_mut(&mut guest);
    let out = data
        .get_mut(out as usize..(out as usize).saturating_add(len as usize))
        .ok_or_else(|| Error::msg("the engine named a place outside memory"))?;
    seed.fill(draw, out);
    Ok(())
}

fn interrupted(_: Guest<'_>) -> Result<()> {
    port(|port| port.interrupted().map_or(Ok(()), Err))
}

/// The module that `specifier` means to `importer`; not ok: the code does not know it.
fn resolve(mut guest: Guest<'_>, importer: u32, importer_len: u32, at: u32, len: u32, out: u32) -> Result<()> {
    let importer = text(&guest, importer, importer_len)?;
    let specifier = text(&guest, at, len)?;
    let code = guest.data().code.clone();
    let linked = code.modules.get(&importer).and_then(|module| module.imports.get(&specifier));
    let name = linked.or_else(|| code.modules.get_key_value(&specifier).map(|(name, _)| name));
    reply(&mut guest, out, name.is_some(), name.map_or("", String::as_str), None)
}

/// The source of a module; not ok: it is not part of the code.
fn source(mut guest: Guest<'_>, name: u32, name_len: u32, out: u32) -> Result<()> {
    let name = text(&guest, name, name_len)?;
    let code = guest.data().code.clone();
    let module = code.modules.get(&name);
    reply(&mut guest, out, module.is_some(), module.map_or("", |m| m.source.as_str()), None)
}
