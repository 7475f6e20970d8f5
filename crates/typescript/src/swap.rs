//! A program whose memory is given back while it waits, and made again when it goes on.

use std::sync::Arc;

use bytes::Bytes;
use run::{Code, GuestError, Image, Json, Port, Program, Stop, TurnEnd, Wake, program::ProgramError};

use crate::{
    engine::Engine,
    image::Chain,
    program::{Limiter, Vm},
    pure::PureFunctions,
};

/// A program in memory, or what it can be made from again.
pub enum Swappable {
    /// In memory.
    In(Box<Vm>),
    /// Swapped out.
    Out(Box<Out>),
}

/// What a program can be made from again.
pub struct Out {
    engine: Arc<Engine>,
    pure: Option<Arc<dyn PureFunctions>>,
    code: Arc<Code>,
    limiter: Limiter,
    /// The size of its memory, in bytes.
    memory: usize,
    images: Vec<Bytes>,
    /// What the next image builds on. Its memory is that of the first of `images`.
    chain: Option<Chain>,
}

/// Swapping out is worth it if the memory takes at least so many times the bytes of what is kept.
const WORTH: usize = 4;

impl Out {
    fn vm(&mut self) -> Result<Vm, GuestError> {
        let mut vm = Vm::fresh(&self.engine, self.pure.clone(), &self.code, self.limiter)?;
        let Some((first, rest)) = self.images.split_first() else {
            return Err(GuestError::Refused("there is no image".into()));
        };
        let mut header = vm.put(first, None)?;
        let before = self.chain.as_ref().map(|_| vm.data().to_vec());
        for image in rest {
            header = vm.put(image, Some(&header))?;
        }
        // From here on nothing fails.
        vm.chain = self.chain.take();
        if let (Some(chain), Some(before)) = (&mut vm.chain, before) {
            chain.memory = before;
        }
        Ok(vm)
    }
}

impl Swappable {
    fn vm(&mut self) -> Result<&mut Vm, GuestError> {
        match self {
            Self::In(vm) => Ok(vm),
            Self::Out(_) => Err(GuestError::Engine("the program is swapped out".into())),
        }
    }
}

impl Program for Swappable {
    fn turn(&mut self, wake: Wake, port: &mut dyn Port) -> Result<TurnEnd, Stop> {
        let vm = self.vm().map_err(|error| Stop(ProgramError::new("error", error.to_string())))?;
        vm.turn(wake, port)
    }

    fn snapshot(&mut self) -> Result<Option<Image>, GuestError> {
        self.vm()?.snapshot()
    }

    fn forget_parent(&mut self) {
        match self {
            Self::In(vm) => vm.forget_parent(),
            // The images stay: the first is only what the second builds on.
            Self::Out(out) => out.chain = None,
        }
    }

    fn inspect(&mut self, expression: Option<&str>) -> Result<Json, GuestError> {
        self.vm()?.inspect(expression)
    }

    fn swap_out(&mut self) -> Result<bool, GuestError> {
        let Self::In(vm) = self else { return Ok(true) };
        let images = vm.pack()?;
        let memory = vm.memory();
        if images.iter().map(Bytes::len).sum::<usize>().saturating_mul(WORTH) > memory {
            return Ok(false);
        }
        let mut chain = vm.chain.take();
        if let Some(chain) = &mut chain {
            chain.memory = Vec::new();
        }
        let state = vm.state();
        let (pure, code, limiter) = (state.pure.clone(), state.code.clone(), state.limiter);
        let engine = vm.engine.clone();
        *self = Self::Out(Box::new(Out { engine, pure, code, limiter, memory, images, chain }));
        Ok(true)
    }

    fn swap_in(&mut self) -> Result<(), GuestError> {
        if let Self::Out(out) = self {
            *self = Self::In(Box::new(out.vm()?));
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        match self {
            Self::In(vm) => vm.memory(),
            Self::Out(out) => out.memory,
        }
    }
}
