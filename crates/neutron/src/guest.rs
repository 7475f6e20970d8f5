//! Neutron as a guest of the executor.

use std::sync::Arc;

use base64_simd::STANDARD;
use bytes::Bytes;
use run::limits::Limits;
use run::{Code, Guest, GuestError, Hash, Image, Json, Payload, Port, Program, Stop, TurnEnd, Wake};

use crate::diagnostic::Severity;
use crate::load;
use crate::snapshot;
use crate::vm::{End, Vm};

/// The guest's name in pinned code.
pub const GUEST: &str = "neutron";

/// Pinned code whose entry has this ending is a snapshot file, in base64.
pub(crate) const SNAP: &str = ".snap";

/// Runs `.nt` programs, and programs continued from `.snap` files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Neutron;

struct Running {
    vm: Vm,
}

impl Running {
    fn end(end: End) -> TurnEnd {
        match end {
            End::Waits | End::Stepped => TurnEnd::Idle,
            End::Done(0) => TurnEnd::Done(Payload::null()),
            End::Gave(result) => TurnEnd::Done(result.into()),
            // The exit code is the message.
            End::Done(code) => TurnEnd::Failed(run::program::ProgramError::new("exit", code.to_string())),
            End::Failed(error) => TurnEnd::Failed(error),
        }
    }
}

impl Program for Running {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        let end = match wake {
            Wake::Start { method, params, seed, run, now, .. } => {
                self.vm.start(method, &params, seed, run, now, port)?
            }
            Wake::Result { n, outcome, now } => self.vm.deliver(n, outcome, now, port)?,
            Wake::Reseed { seed, run } => {
                self.vm.world.run = run;
                self.vm.world.reseed(seed);
                self.vm.go(port)?
            }
        };
        Ok(Self::end(end))
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        let bytes = snapshot::encode(&mut self.vm).map_err(|e| GuestError::Engine(e.to_string()))?;
        Ok(Some(Image { bytes: bytes.into(), on_parent: false }))
    }

    fn inspect(&mut self, expression: Option<&str>) -> Result<Json, GuestError> {
        snapshot::inspect(&mut self.vm, expression).map_err(GuestError::Unsupported)
    }

    fn memory(&self) -> usize {
        self.vm.heap.bytes
    }
}

impl Guest for Neutron {
    fn name(&self) -> &str {
        GUEST
    }

    fn engine(&self) -> Hash {
        // A snapshot holds its own instructions, so that only its format must fit; but a replay under another
        // compiler could ask for other things.
        Hash::of(format!("neutron {} format {}", env!("CARGO_PKG_VERSION"), snapshot::FORMAT).as_bytes())
    }

    fn load(&self, code: &Arc<Code>, limits: &Limits) -> Result<Box<dyn Program>, GuestError> {
        if code.entry.ends_with(SNAP) {
            let module = code.modules.get(&code.entry).ok_or_else(|| missing(&code.entry))?;
            let bytes = STANDARD.decode_to_vec(&module.source).map_err(|e| GuestError::Refused(e.to_string()))?;
            let vm = snapshot::decode(&bytes, limits.memory).map_err(|e| GuestError::Refused(e.to_string()))?;
            return Ok(Box::new(Running { vm }));
        }
        let (program, diagnostics) = load::from_code(code)?;
        let errors: Vec<_> = diagnostics.iter().filter(|d| d.severity == Severity::Error).map(|d| d.render()).collect();
        if !errors.is_empty() {
            return Err(GuestError::Code(errors.join("\n")));
        }
        Ok(Box::new(Running { vm: Vm::new(Arc::new(program), limits.memory) }))
    }

    fn restore(&self, _: &Arc<Code>, limits: &Limits, images: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        let [image] = images else {
            return Err(GuestError::Refused(format!("{} images where there should be one", images.len())));
        };
        let vm = snapshot::decode(image, limits.memory).map_err(|e| GuestError::Refused(e.to_string()))?;
        Ok(Box::new(Running { vm }))
    }
}

fn missing(entry: &str) -> GuestError {
    GuestError::Code(format!("the code has no module {entry}"))
}
