//! Runs programs to their end in a world in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use run::limits::Limits;
use run::{Code, Guest, Payload, Program, Seed, TurnEnd, Wake};

use crate::port::World;

pub const SEED: Seed = Seed([7; 32]);

/// Files beside the entry file, for `using`.
pub struct Files(pub BTreeMap<String, String>);

impl neutron::Loader for Files {
    fn load(&self, _: &str, path: &str) -> Result<neutron::Loaded, String> {
        let text = self.0.get(path).ok_or("no such file")?;
        Ok(neutron::Loaded { name: path.to_owned(), text: text.clone() })
    }
}

pub fn code(source: &str) -> Arc<Code> {
    code_with(source, BTreeMap::new())
}

pub fn code_with(source: &str, files: BTreeMap<String, String>) -> Arc<Code> {
    match neutron::compile(source, "test.nt", &Files(files)) {
        Ok(checked) => Arc::new(checked.code),
        Err(diagnostics) => {
            panic!("{}", diagnostics.iter().map(neutron::Diagnostic::render).collect::<Vec<_>>().join("\n"))
        }
    }
}

pub fn start(world: &World) -> Wake {
    Wake::Start {
        method: None,
        params: neutron::params(&["one".into(), "two".into()]),
        seed: SEED,
        run: "run".into(),
        instance: None,
        now: world.now,
    }
}

/// Runs to the end. What it printed is in the world; the end is given.
pub fn finish(program: &mut dyn Program, world: &mut World) -> TurnEnd {
    let wake = start(world);
    let end = program.turn(wake, world).expect("nothing stops it");
    wait(program, world, end)
}

/// Delivers results until the end.
pub fn wait(program: &mut dyn Program, world: &mut World, mut end: TurnEnd) -> TurnEnd {
    while end == TurnEnd::Idle {
        let (n, outcome) = world.next_result().expect("the program waits for something");
        let now = world.now;
        end = program.turn(Wake::Result { n, outcome, now }, world).expect("nothing stops it");
    }
    end
}

pub fn load(code: &Arc<Code>) -> Box<dyn Program> {
    neutron::Neutron.load(code, &Limits::default()).unwrap_or_else(|e| panic!("{e}"))
}

pub fn load_snapshot(bytes: &[u8]) -> Box<dyn Program> {
    let code = neutron::resume(bytes, "x.snap").unwrap_or_else(|e| panic!("{e}"));
    load(&Arc::new(code))
}

/// The end as the last line of an output.
pub fn line_of(end: &TurnEnd) -> Option<String> {
    match end {
        TurnEnd::Done(payload) => {
            assert_eq!(*payload, Payload::null());
            None
        }
        TurnEnd::Failed(error) if error.kind == "exit" => Some(format!("exit {}", error.message)),
        TurnEnd::Failed(error) => error.stack.clone(),
        TurnEnd::Idle => Some("it waits".into()),
    }
}

/// What a program printed, and how it ended.
pub fn text(world: &World, end: &TurnEnd) -> String {
    let mut lines = world.out.clone();
    lines.extend(line_of(end));
    lines.join("\n") + "\n"
}
