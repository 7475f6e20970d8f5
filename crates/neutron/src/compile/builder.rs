//! The function that is being compiled: its instructions, registers and variables.

use std::collections::HashMap;

use super::Place;
use crate::ast::Type;
use crate::code::{Capture, Function, Local, Op, WINDOW};
use crate::source::Span;

/// What is captured: a variable, or the object of a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Captured {
    Variable(u32),
    This,
}

/// What `break`, `continue` and `return` must go through.
pub(super) enum Around {
    Loop {
        breaks: Vec<usize>,
        continues: Vec<usize>,
    },
    /// A `finally`: `reg` says why it runs; `entries` jump to its beginning.
    Finally {
        reg: u8,
        entries: Vec<usize>,
        exits: Vec<Exit>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    Return,
    /// To the loop at this depth of `around`.
    Break(usize),
    Continue(usize),
}

pub(super) struct FnState {
    pub function: Function,
    /// By declaration.
    pub places: HashMap<u32, Place>,
    pub types: HashMap<u32, Type>,
    /// Top-level variables that live in registers, by their place in `Names`.
    pub tops: HashMap<u32, Place>,
    pub top_types: HashMap<u32, Type>,
    pub ups: Vec<Captured>,
    /// The next free register.
    pub next: usize,
    pub line: u32,
    pub around: Vec<Around>,
    pub result: Option<Type>,
    /// The array for variables beyond the registers, and how many it holds.
    pub spill: Option<(u8, i32)>,
    /// An error about registers was reported.
    pub full: bool,
    pub span: Span,
}

impl FnState {
    pub fn new(name: &str, unit: u32, span: Span) -> Self {
        Self {
            function: Function { name: name.into(), unit, registers: 1, ..Function::default() },
            places: HashMap::new(),
            types: HashMap::new(),
            tops: HashMap::new(),
            top_types: HashMap::new(),
            ups: Vec::new(),
            next: 1,
            line: 0,
            around: Vec::new(),
            result: None,
            spill: None,
            full: false,
            span,
        }
    }

    pub fn emit(&mut self, op: Op) -> usize {
        let at = self.function.ops.len();
        if self.function.lines.last().is_none_or(|(_, line)| *line != self.line) {
            self.function.lines.push((at as u32, self.line));
        }
        self.function.ops.push(op);
        at
    }

    pub fn temp(&mut self) -> Option<u8> {
        if self.next >= WINDOW {
            return None;
        }
        self.next += 1;
        self.function.registers = self.function.registers.max(self.next as u32);
        Some((self.next - 1) as u8)
    }

    /// Sets the target of a jump.
    pub fn patch_to(&mut self, jump: usize, target: usize) {
        let offset = target as i32 - jump as i32 - 1;
        use Op::*;
        match &mut self.function.ops[jump] {
            Jump { to }
            | JumpIf { to, .. }
            | JumpIfNot { to, .. }
            | JumpIfNil { to, .. }
            | JumpIfSet { to, .. }
            | JumpEq { to, .. }
            | JumpNe { to, .. }
            | JumpLt { to, .. }
            | JumpNotLt { to, .. }
            | JumpLe { to, .. }
            | JumpNotLe { to, .. }
            | JumpEqImm { to, .. }
            | JumpNeImm { to, .. }
            | JumpLtImm { to, .. }
            | JumpNotLtImm { to, .. }
            | JumpLeImm { to, .. }
            | JumpNotLeImm { to, .. }
            | JumpGtImm { to, .. }
            | JumpNotGtImm { to, .. }
            | JumpGeImm { to, .. }
            | JumpNotGeImm { to, .. }
            | AddJumpLt { to, .. }
            | AddJumpLe { to, .. }
            | AddImmJumpLt { to, .. }
            | AddImmJumpLe { to, .. }
            | SubImmJumpLt { to, .. }
            | SubImmJumpLe { to, .. }
            | ForNext { to, .. } => *to = offset,
            _ => {}
        }
    }

    /// Notes a variable's register for people.
    pub fn local(&mut self, name: &str, reg: u8) {
        let start = self.function.ops.len() as u32;
        self.function.locals.push(Local { name: name.into(), reg, start, end: u32::MAX });
    }

    /// Variables noted since then are out of scope.
    pub fn end_locals(&mut self, first: usize) {
        let end = self.function.ops.len() as u32;
        for local in &mut self.function.locals[first..] {
            if local.end == u32::MAX {
                local.end = end;
            }
        }
    }

    pub fn finish(mut self) -> (Function, Vec<Captured>) {
        self.end_locals(0);
        self.function.captures.reserve(self.ups.len());
        (self.function, self.ups)
    }

    pub fn capture(&mut self, what: Captured) -> u32 {
        if let Some(at) = self.ups.iter().position(|u| *u == what) {
            return at as u32;
        }
        self.ups.push(what);
        (self.ups.len() - 1) as u32
    }

    pub fn captures(&mut self, captures: Vec<Capture>) {
        self.function.captures = captures;
    }
}
