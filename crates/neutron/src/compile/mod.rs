//! Trees to instructions.

mod assign;
mod builder;
mod call;
mod class;
mod condition;
mod expression;
mod flow;
mod function;
mod statement;
mod units;

use std::collections::HashMap;
use std::rc::Rc;

pub use units::Loaded;
pub(crate) use units::Units;

use crate::ast::{Ident, Tree};
use crate::code::{Const, Function, Global, Op, Program};
use crate::diagnostic::Problem;
use crate::resolve::{Names, Resolved, Use};
use crate::source::{Lines, Span};
use builder::FnState;

/// Compiles one file into a program.
pub(crate) struct Compiler<'a> {
    program: &'a mut Program,
    unit: u32,
    names: &'a Names,
    resolved: Resolved,
    lines: Lines,
    /// By place in `names`: the global slot.
    slots: Vec<u32>,
    /// Path in a `using` statement → the unit.
    files: &'a HashMap<Rc<str>, u32>,
    /// Functions around this place, innermost last.
    fns: Vec<FnState>,
    problems: Vec<Problem>,
    consts: HashMap<ConstKey, u32>,
    /// Set when `main` runs, so that it is not called again at the end.
    main_mark: Option<u32>,
    is_entry: bool,
    unit_marks: &'a mut HashMap<u32, u32>,
}

#[derive(PartialEq, Eq, Hash)]
enum ConstKey {
    Number(u64),
    Text(Rc<str>),
    Module(Rc<str>),
    Say,
}

/// Where a variable lives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Reg(u8),
    /// A register that holds a cell.
    Cell(u8),
    /// A captured variable of a function around this one.
    Up(u32),
    Global(u32),
    /// Slot of the array in a register.
    Spill(u8, i32),
    SpillCell(u8, i32),
}

/// Top-level variables beyond these are globals even when no function uses them.
const TOP_REGISTERS: usize = 100;

pub(crate) struct Job<'a> {
    pub program: &'a mut Program,
    pub unit: u32,
    pub tree: &'a Tree,
    pub text: &'a str,
    pub names: &'a Names,
    pub resolved: Resolved,
    pub slots: Vec<u32>,
    pub files: &'a HashMap<Rc<str>, u32>,
    pub is_entry: bool,
    pub unit_marks: &'a mut HashMap<u32, u32>,
    /// In a session: the statement with which each input begins. Only the last input is run.
    pub inputs: Option<&'a [usize]>,
}

/// Compiles a file and gives its top-level function.
pub(crate) fn compile(job: Job<'_>) -> (u32, Vec<Problem>) {
    let mut resolved = job.resolved;
    resolved.global.resize(job.names.all.len(), true);
    for flag in resolved.global.iter_mut().filter(|g| !**g).skip(TOP_REGISTERS) {
        *flag = true;
    }
    let problems = std::mem::take(&mut resolved.problems);
    let mut compiler = Compiler {
        program: job.program,
        unit: job.unit,
        names: job.names,
        resolved,
        lines: Lines::of(job.text),
        slots: job.slots,
        files: job.files,
        fns: Vec::new(),
        problems,
        consts: HashMap::new(),
        main_mark: None,
        is_entry: job.is_entry,
        unit_marks: job.unit_marks,
    };
    let main = compiler.top(job.tree, job.inputs);
    (main, compiler.problems)
}

impl Compiler<'_> {
    fn state(&mut self) -> &mut FnState {
        self.fns.last_mut().expect("the top level is a function too")
    }

    fn emit(&mut self, op: Op) -> usize {
        self.state().emit(op)
    }

    fn at(&mut self, span: Span) {
        let line = self.lines.line(span.start);
        self.state().line = line;
    }

    fn constant(&mut self, key: ConstKey) -> u32 {
        if let Some(known) = self.consts.get(&key) {
            return *known;
        }
        let at = self.program.consts.len() as u32;
        self.program.consts.push(match &key {
            ConstKey::Number(bits) => Const::Number(f64::from_bits(*bits)),
            ConstKey::Text(text) => Const::Text((&**text).into()),
            ConstKey::Module(name) => Const::Module((&**name).into()),
            ConstKey::Say => Const::Say,
        });
        self.consts.insert(key, at);
        at
    }

    fn text_constant(&mut self, text: &str) -> u32 {
        self.constant(ConstKey::Text(text.into()))
    }

    fn site(&mut self, name: &str) -> u32 {
        self.program.sites.push(name.into());
        (self.program.sites.len() - 1) as u32
    }

    /// A slot for something that has no name in the program.
    fn hidden_global(&mut self, name: String) -> u32 {
        self.program.globals.push(Global { name: name.into(), unit: self.unit });
        (self.program.globals.len() - 1) as u32
    }

    /// A register of its own; the last one is given twice when there are no more, and the program is refused.
    fn temp(&mut self) -> u8 {
        let state = self.state();
        if let Some(reg) = state.temp() {
            return reg;
        }
        if !std::mem::replace(&mut state.full, true) {
            let span = state.span;
            let problem = Problem::new(span, "this function holds too many values at once");
            self.problems.push(problem.hint("split it, or give parts of the expression names"));
        }
        (crate::code::WINDOW - 1) as u8
    }

    fn free_to(&mut self, mark: usize) {
        self.state().next = mark;
    }

    fn mark(&mut self) -> usize {
        self.state().next
    }

    fn here(&mut self) -> usize {
        self.state().function.ops.len()
    }

    fn patch(&mut self, jump: usize) {
        let target = self.here();
        self.state().patch_to(jump, target);
    }

    fn patch_all(&mut self, jumps: Vec<usize>) {
        for jump in jumps {
            self.patch(jump);
        }
    }

    fn is_captured(&self, id: u32) -> bool {
        self.resolved.captured.get(id as usize).copied().unwrap_or(false)
    }

    fn use_of(&self, ident: &Ident) -> Use {
        self.resolved.uses.get(ident.id as usize).copied().unwrap_or(Use::Unknown)
    }

    fn push_function(&mut self, function: Function) -> u32 {
        self.program.functions.push(function);
        (self.program.functions.len() - 1) as u32
    }
}
