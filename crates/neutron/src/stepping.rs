//! For tests: a machine that stops after any number of instructions, and can be saved there.

use std::sync::Arc;

use run::limits::Limits;
use run::{Code, Outcome, Port, Stop, TurnEnd, Wake};

use crate::code::{FieldKind, Op};
use crate::load;
use crate::modules;
use crate::snapshot::{self, BadSnapshot};
use crate::vm::{End, Vm};

/// Number, name and fields of every instruction, as the document of the format lists them.
pub fn instructions() -> Vec<(u8, &'static str, String)> {
    let fields = |fields: &[(&str, FieldKind)]| {
        fields.iter().map(|(name, kind)| format!("{name}: {kind:?}")).collect::<Vec<_>>().join(", ")
    };
    Op::NAMES.iter().map(|(number, name, f)| (*number, *name, fields(f))).collect()
}

/// Everything that the standard modules have, as `module.name`, and every method, as `string.name` and the like.
pub fn library() -> Vec<String> {
    modules::everything()
}

/// A program that can be stopped at every boundary between two instructions.
pub struct Stepper {
    vm: Vm,
}

fn result(end: End) -> Option<TurnEnd> {
    match end {
        End::Stepped => None,
        End::Waits => Some(TurnEnd::Idle),
        End::Done(0) => Some(TurnEnd::Done(run::Payload::null())),
        End::Gave(result) => Some(TurnEnd::Done(result.into())),
        End::Done(code) => Some(TurnEnd::Failed(run::program::ProgramError::new("exit", code.to_string()))),
        End::Failed(error) => Some(TurnEnd::Failed(error)),
    }
}

impl Stepper {
    /// A program that has not begun.
    pub fn new(code: &Code) -> Self {
        Self::within(code, Limits::default().memory)
    }

    /// A program that has not begun and may use `memory` bytes.
    pub fn within(code: &Code, memory: usize) -> Self {
        let (program, _) = load::from_code(code).expect("code that compiles");
        Self { vm: Vm::new(Arc::new(program), memory) }
    }

    /// A machine from the bytes of `image`.
    pub fn restore(image: &[u8]) -> Result<Self, BadSnapshot> {
        Self::restore_within(image, Limits::default().memory)
    }

    /// A machine from the bytes of `image` that may use `memory` bytes.
    pub fn restore_within(image: &[u8], memory: usize) -> Result<Self, BadSnapshot> {
        Ok(Self { vm: snapshot::decode(image, memory)? })
    }

    /// Stops after `n` instructions from here on; 0: never.
    pub fn limit(&mut self, n: u64) {
        self.vm.steps = if n == 0 { 0 } else { n + 1 };
    }

    /// Instructions until it stops.
    pub fn left(&self) -> u64 {
        self.vm.steps.saturating_sub(1)
    }

    /// The number of the instruction that is next, while a task runs.
    pub fn next_instruction(&self) -> Option<u8> {
        let frame = self.vm.task.frames.last()?;
        Some(self.vm.function_of(frame).ops.get(frame.pc as usize)?.encode()[0])
    }

    /// Begins. `None`: stopped by the limit.
    pub fn start(&mut self, wake: Wake, port: &mut dyn Port) -> Result<Option<TurnEnd>, Stop> {
        let Wake::Start { method, params, seed, run, now, .. } = wake else { return Ok(None) };
        self.vm.start(method, &params, seed, run, now, port).map(result)
    }

    /// Goes on after the limit.
    pub fn go(&mut self, port: &mut dyn Port) -> Result<Option<TurnEnd>, Stop> {
        self.vm.go(port).map(result)
    }

    /// Delivers a result.
    pub fn deliver(
        &mut self,
        n: u64,
        outcome: Outcome,
        now: u64,
        port: &mut dyn Port,
    ) -> Result<Option<TurnEnd>, Stop> {
        self.vm.deliver(n, outcome, now, port).map(result)
    }

    /// The machine's bytes here.
    pub fn image(&mut self) -> Vec<u8> {
        self.vm.mark_live();
        snapshot::encode(&mut self.vm).expect("a small program")
    }

    /// Collects garbage now.
    pub fn collect(&mut self) {
        self.vm.collect();
    }
}
