//! A compiled program.

use super::Op;
use crate::source::Source;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Const {
    Number(f64),
    Text(Box<str>),
    /// A standard module, by name.
    Module(Box<str>),
    /// The function `say`.
    Say,
}

/// Where an error goes: instructions `start..end` are covered. Inner handlers come before outer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handler {
    pub start: u32,
    pub end: u32,
    pub target: u32,
    /// Takes the error. For a `finally` it takes 1 (why it runs), and the next two the error and its trace.
    pub reg: u8,
    pub finally: bool,
}

/// Where a closure finds a variable when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capture {
    /// A cell in a register of the function around it.
    Reg(u8),
    /// A captured variable of the function around it.
    Up(u32),
}

/// A local variable, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub name: Box<str>,
    pub reg: u8,
    pub start: u32,
    pub end: u32,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Function {
    pub name: Box<str>,
    pub unit: u32,
    pub params: u32,
    /// Parameters without a default.
    pub required: u32,
    /// Registers in use, at most `WINDOW`.
    pub registers: u32,
    pub is_method: bool,
    pub ops: Vec<Op>,
    /// (first instruction, line), ascending.
    pub lines: Vec<(u32, u32)>,
    pub handlers: Vec<Handler>,
    pub captures: Vec<Capture>,
    pub locals: Vec<Local>,
}

impl Function {
    /// The line of an instruction.
    pub fn line(&self, pc: u32) -> u32 {
        let at = self.lines.partition_point(|(first, _)| *first <= pc);
        at.checked_sub(1).map_or(0, |i| self.lines[i].1)
    }
}

/// A variable of a file's top level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Global {
    pub name: Box<str>,
    pub unit: u32,
}

/// A compiled file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    pub source: Source,
    /// Its top level.
    pub main: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Program {
    /// The first is the library that is written in the language itself.
    pub units: Vec<Unit>,
    /// The unit to begin with.
    pub entry: u32,
    pub functions: Vec<Function>,
    pub consts: Vec<Const>,
    /// Names of members, one for each place in the code that looks one up.
    pub sites: Vec<Box<str>>,
    pub globals: Vec<Global>,
}

impl Program {
    /// The slot of a variable of the library.
    pub fn library(&self, name: &str) -> Option<u32> {
        self.globals.iter().position(|g| g.unit == 0 && &*g.name == name).map(|at| at as u32)
    }
}
