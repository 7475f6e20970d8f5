//! The TypeScript guest: QuickJS-ng in WebAssembly, on wasmtime.
//!
//! Between turns no function runs, so everything that a program is — promises, generators, closures, locals — lies in
//! one linear memory, and a snapshot is the pages that differ from the image all programs start from. Clock and random
//! numbers come from the run; there is no other way to the world than a turn's `Port`. See `ABI.md` for the interface
//! between the engine's C code (`shim/`), the platform in JavaScript (`prelude/`) and this crate.

mod engine;
mod engine_config;
mod image;
mod imports;
mod program;
mod pure;
mod spare;
mod swap;

/// What the build script made.
mod built {
    include!(concat!(env!("OUT_DIR"), "/image.rs"));
}

use std::sync::Arc;

use bytes::Bytes;
use run::{Code, Guest, GuestError, Hash, Program, limits::Limits};

use crate::{
    engine::Engine,
    program::{Limiter, Vm},
    swap::Swappable,
};

pub use pure::{Answer, PureFunctions};

/// The stack, in bytes, of a thread that runs turns: room for the deepest WebAssembly recursion and for what the host's
/// functions need above it. A turn on a smaller stack may end the process when a program recurses deeply.
pub const TURN_STACK: usize = engine_config::WASM_STACK + (4 << 20);

/// The guest for `.ts` and `.js`. Cheap to make: the engine is loaded once for the process.
#[derive(Clone)]
pub struct TypeScript {
    engine: Arc<Engine>,
    pure: Option<Arc<dyn PureFunctions>>,
}

impl TypeScript {
    /// Loads the engine.
    ///
    /// # Errors
    /// `GuestError::Engine` if this machine cannot run it; the text names what is missing.
    pub fn new() -> Result<Self, GuestError> {
        Ok(Self { engine: Engine::shared()?, pure: None })
    }

    /// Has the next program's memory made ahead from now on, whenever a program has gone. For processes that serve: one
    /// that runs a program and ends would do it in vain.
    pub fn ahead(self) -> Self {
        self.engine.spare.want();
        self
    }

    /// Adds functions that libraries of the platform call (`quicksave:host`). They must fit the code that programs were
    /// pinned with, so they change only in ways that old calls do not see.
    pub fn with_pure(self, functions: Arc<dyn PureFunctions>) -> Self {
        Self { pure: Some(functions), ..self }
    }
}

impl Guest for TypeScript {
    fn name(&self) -> &str {
        "typescript"
    }

    fn engine(&self) -> Hash {
        Hash(built::IMAGE_HASH)
    }

    fn load(&self, code: &Arc<Code>, limits: &Limits) -> Result<Box<dyn Program>, GuestError> {
        let vm = Vm::fresh(&self.engine, self.pure.clone(), code, Limiter::new(limits))?;
        Ok(Box::new(Swappable::In(Box::new(vm))))
    }

    fn restore(&self, code: &Arc<Code>, limits: &Limits, images: &[Bytes]) -> Result<Box<dyn Program>, GuestError> {
        let mut vm = Vm::fresh(&self.engine, self.pure.clone(), code, Limiter::new(limits))?;
        vm.restore(images)?;
        Ok(Box::new(Swappable::In(Box::new(vm))))
    }
}
