//! Rows on the TypeScript guest alone: no journal, no store.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use run::{
    Code, Effect, Guest, Json, Outcome as EffectOutcome, Payload, Port, Program, Seed, Stop, TurnEnd, Wake,
    limits::Limits,
    program::{Module, ProgramError},
};

use crate::measure::{Measure, Outcome, median};

const SUSPENDED: &str = concat!(include_str!("../../programs/suspended.js"), "\nexport default flow;\n");
const CPU: &str = include_str!("../../programs/cpu.js");
const ENTRY: &str = "file:///bench.js";
const NOW: u64 = 1_772_793_000_000;

fn guest() -> Result<Box<dyn Guest>, String> {
    Ok(Box::new(typescript::TypeScript::new().map_err(|e| e.to_string())?))
}

/// A fresh VM, the module loaded, and its one line run.
pub fn start() -> Outcome {
    let guest = guest()?;
    let code = code("export default async () => 1+1;");
    timed(
        200,
        || Ok(()),
        |()| {
            let (_, end, _) = begin(&*guest, &code)?;
            match end {
                TurnEnd::Done(value) if value.json.get() == "2" => Ok(()),
                other => Err(format!("1+1 ended as {other:?}")),
            }
        },
    )
}

/// The image of a suspended generator, as it is stored.
pub fn snapshot_size() -> Outcome {
    let image = first_image(&mut *suspended(&*guest()?)?)?;
    Ok(Measure::bytes(image.len() as f64))
}

/// The time to take that image, compression included. Each round has a fresh program: a second image of the same
/// program would hold just what changed.
pub fn snapshot_time() -> Outcome {
    let guest = guest()?;
    timed(30, || suspended(&*guest), |mut program| first_image(&mut *program).map(drop))
}

/// The time to get a program back from that image.
pub fn restore() -> Outcome {
    let guest = guest()?;
    let code = code(SUSPENDED);
    let images = [first_image(&mut *suspended(&*guest)?)?];
    let again = || guest.restore(&code, &Limits::default(), &images).map_err(|e| e.to_string());
    // What was restored must go on, or the time means nothing.
    let (end, _) = turn(&mut *again()?, answer())?;
    if !matches!(&end, TurnEnd::Done(value) if value.json.get().contains("\"total\":45")) {
        return Err(format!("the restored program ended as {end:?}"));
    }
    timed(50, || Ok(()), |()| again().map(drop))
}

/// The time of one turn that makes this call.
pub fn cpu(call: &str) -> Outcome {
    let guest = guest()?;
    let code = code(&format!(
        "{CPU}\nexport default async function* () {{ yield {{ ask: 'confirm', message: '' }}; return {call}; }}"
    ));
    let ready = || {
        let (program, end, effects) = begin(&*guest, &code)?;
        if end == TurnEnd::Idle && effects == 1 { Ok(program) } else { Err(format!("{call}: {end:?}")) }
    };
    timed(15, ready, |mut program| match turn(&mut *program, answer())?.0 {
        TurnEnd::Done(_) => Ok(()),
        other => Err(format!("{call} ended as {other:?}")),
    })
}

fn code(source: &str) -> Arc<Code> {
    let module = Module { source: source.into(), original: None, imports: BTreeMap::new(), map: None };
    Arc::new(Code {
        guest: "typescript".into(),
        entry: ENTRY.into(),
        modules: [(ENTRY.into(), module)].into(),
        about: None,
    })
}

fn begin(guest: &dyn Guest, code: &Arc<Code>) -> Result<(Box<dyn Program>, TurnEnd, u64), String> {
    let mut program = guest.load(code, &Limits::default()).map_err(|e| e.to_string())?;
    let params = Json::parse("{}".into()).map_err(|e| e.to_string())?;
    let start =
        Wake::Start { method: None, params, seed: Seed([7; 32]), run: "bench".into(), instance: None, now: NOW };
    let (end, effects) = turn(&mut *program, start)?;
    Ok((program, end, effects))
}

fn suspended(guest: &dyn Guest) -> Result<Box<dyn Program>, String> {
    let (program, end, effects) = begin(guest, &code(SUSPENDED))?;
    if end == TurnEnd::Idle && effects == 1 { Ok(program) } else { Err(format!("it did not wait: {end:?}")) }
}

fn first_image(program: &mut dyn Program) -> Result<Bytes, String> {
    let image = program.snapshot().map_err(|e| e.to_string())?.ok_or("the guest gives no snapshot")?;
    Ok(image.bytes)
}

fn answer() -> Wake {
    Wake::Result { n: 0, outcome: Ok(Payload::from(serde_json::Value::Bool(true))), now: NOW + 1 }
}

/// One turn, and how many effects the program has asked for in it.
fn turn(program: &mut dyn Program, wake: Wake) -> Result<(TurnEnd, u64), String> {
    let mut port = Counting(0);
    let end = program.turn(wake, &mut port).map_err(|e| e.to_string())?;
    Ok((end, port.0))
}

/// Numbers effects and performs none.
struct Counting(u64);

impl Port for Counting {
    fn effect(&mut self, _effect: Effect) -> Result<u64, Stop> {
        self.0 += 1;
        Ok(self.0 - 1)
    }

    fn call(&mut self, op: String, _args: Payload) -> Result<(u64, EffectOutcome), Stop> {
        Err(Stop(ProgramError::new("error", format!("the benchmark has no {op}"))))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        None
    }
}

/// The median time of `work`; `before` is not timed.
fn timed<T>(
    rounds: usize,
    mut before: impl FnMut() -> Result<T, String>,
    mut work: impl FnMut(T) -> Result<(), String>,
) -> Outcome {
    let mut times: Vec<Duration> = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let input = before()?;
        let start = Instant::now();
        work(input)?;
        times.push(start.elapsed());
    }
    Ok(median(&times))
}
