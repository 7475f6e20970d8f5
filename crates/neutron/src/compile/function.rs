//! Functions, closures and the variables that they share.

use super::builder::{Captured, FnState};
use super::{Compiler, Place};
use crate::ast::{Fun, Ident, Stmt, Tree, Type};
use crate::code::{Capture, Op, REGISTER_PARAMS};
use crate::resolve::Use;
use crate::source::Span;

/// From this register on, further variables go to an array, so that expressions keep room.
const SPILL_FROM: usize = 180;

impl Compiler<'_> {
    /// The top level of the file.
    pub(super) fn top(&mut self, tree: &Tree, inputs: Option<&[usize]>) -> u32 {
        let state = FnState::new("(top level)", self.unit, Span::default());
        self.fns.push(state);
        self.state().line = 1;
        match inputs {
            Some(starts) => self.inputs(&tree.body, starts),
            None => {
                self.hoist_functions(&tree.body);
                self.statements(&tree.body);
            }
        }
        self.at(tree.end);
        self.call_main(tree);
        self.emit(Op::ReturnNil {});
        self.finish_function(Vec::new())
    }

    /// The inputs of a session, one after the other, so that what was typed later changes no function's number. The
    /// earlier ones have run already.
    fn inputs(&mut self, body: &[Stmt], starts: &[usize]) {
        let skip = self.emit(Op::Jump { to: 0 });
        for (i, start) in starts.iter().enumerate() {
            let end = starts.get(i + 1).copied().unwrap_or(body.len());
            if i + 1 == starts.len() {
                self.patch(skip);
            }
            self.hoist_functions(&body[*start..end]);
            self.statements(&body[*start..end]);
        }
    }

    fn finish_function(&mut self, captures: Vec<Capture>) -> u32 {
        let mut state = self.fns.pop().expect("a function is being compiled");
        state.captures(captures);
        let (function, _) = state.finish();
        self.push_function(function)
    }

    /// Compiles a function and puts its closure into `dst`.
    pub(super) fn closure(&mut self, fun: &Fun, name: &str, is_method: bool, dst: u8) {
        let mut state = FnState::new(name, self.unit, fun.span);
        state.function.is_method = is_method;
        state.result = fun.result;
        state.line = self.lines.line(fun.span.start);
        self.fns.push(state);
        self.params(fun);
        if let Some(mark) = self.main_mark.filter(|_| name == "main" && self.fns.len() == 2) {
            self.emit(Op::SetMark { g: mark });
        }
        self.block_body(&fun.body);
        self.at(fun.end);
        self.return_nil();
        self.make_closure(dst);
    }

    /// A function without parameters whose body is given by a function here; for the fields of a class.
    pub(super) fn closure_of(&mut self, name: &str, span: Span, dst: u8, body: impl FnOnce(&mut Self)) {
        let mut state = FnState::new(name, self.unit, span);
        state.function.is_method = true;
        state.line = self.lines.line(span.start);
        self.fns.push(state);
        body(self);
        self.emit(Op::ReturnNil {});
        self.make_closure(dst);
    }

    /// Ends the innermost function and emits, in the one around it, the making of its closure.
    fn make_closure(&mut self, dst: u8) {
        let state = self.fns.pop().expect("a function is being compiled");
        let (mut function, ups) = state.finish();
        let mark = self.mark();
        let mut captures = Vec::new();
        for up in ups {
            captures.push(self.capture_source(up));
        }
        function.captures = captures;
        let f = self.push_function(function);
        self.emit(Op::Closure { a: dst, f });
        self.free_to(mark);
    }

    /// Where this function has what an inner one captures.
    fn capture_source(&mut self, what: Captured) -> Capture {
        match what {
            Captured::This if self.fns.last().is_some_and(|s| s.function.is_method) => {
                let cell = self.temp();
                self.emit(Op::Move { a: cell, b: 0 });
                self.emit(Op::NewCell { a: cell });
                Capture::Reg(cell)
            }
            Captured::Variable(id) => match self.fns.last().and_then(|s| s.places.get(&id)).copied() {
                Some(Place::Cell(reg)) => Capture::Reg(reg),
                Some(Place::SpillCell(array, at)) => {
                    let cell = self.temp();
                    self.emit(Op::GetSpill { a: cell, b: array, v: at });
                    Capture::Reg(cell)
                }
                _ => Capture::Up(self.state().capture(what)),
            },
            Captured::This => Capture::Up(self.state().capture(what)),
        }
    }

    fn params(&mut self, fun: &Fun) {
        let n = fun.params.len();
        let required = fun.params.iter().filter(|p| p.default.is_none()).count();
        let state = self.state();
        state.function.params = n as u32;
        state.function.required = required as u32;
        let in_registers = n.min(REGISTER_PARAMS);
        for _ in 0..in_registers {
            state.temp();
        }
        if n > REGISTER_PARAMS {
            let array = self.temp();
            self.state().spill = Some((array, (n - REGISTER_PARAMS) as i32));
        }
        for (i, param) in fun.params.iter().enumerate() {
            self.at(param.name.span);
            let spilled = i >= REGISTER_PARAMS;
            let mark = self.mark();
            let array = (REGISTER_PARAMS + 1) as u8;
            let slot = i as i32 - REGISTER_PARAMS as i32;
            let reg = if spilled { self.temp() } else { (i + 1) as u8 };
            if spilled {
                self.emit(Op::GetSpill { a: reg, b: array, v: slot });
            }
            if let Some(default) = &param.default {
                let given = self.emit(Op::JumpIfSet { a: reg, to: 0 });
                self.into(default, reg, true);
                self.patch(given);
            }
            if let Some(ty) = param.ty {
                self.check_type(reg, ty, &format!("parameter {}", param.name.name));
                self.state().types.insert(param.name.id, ty);
            }
            let captured = self.is_captured(param.name.id);
            if captured {
                self.emit(Op::NewCell { a: reg });
            }
            let place = match (spilled, captured) {
                (false, false) => Place::Reg(reg),
                (false, true) => Place::Cell(reg),
                (true, false) => Place::Spill(array, slot),
                (true, true) => Place::SpillCell(array, slot),
            };
            if spilled {
                self.emit(Op::SetSpill { a: array, b: reg, v: slot });
                self.free_to(mark);
            } else {
                self.state().local(&param.name.name, reg);
            }
            self.state().places.insert(param.name.id, place);
        }
    }

    pub(super) fn check_type(&mut self, reg: u8, ty: Type, what: &str) {
        if ty != Type::Any {
            let k = self.text_constant(what);
            self.emit(Op::CheckType { a: reg, t: ty as u8, k });
        }
    }

    /// Declares a variable whose value is in `reg`, a fresh register at the top, which becomes the variable's own
    /// where it can.
    pub(super) fn declare(&mut self, name: &Ident, reg: u8) {
        let id = match self.use_of(name) {
            Use::Top(top) => return self.declare_top(name, top, reg),
            Use::Local(id) => id,
            _ => return,
        };
        if let Some(place) = self.fns.last().and_then(|s| s.places.get(&id)).copied() {
            // The second declaration in a block, or a function that was named before its turn.
            self.store_place(place, reg);
            return;
        }
        let captured = self.is_captured(id);
        if captured {
            self.emit(Op::NewCell { a: reg });
        }
        let place = self.home(&name.name, reg, captured);
        self.state().places.insert(id, place);
    }

    /// Makes `reg` a variable's home, or moves it out to the array when registers run short. Keeps `reg` allocated.
    fn home(&mut self, name: &str, reg: u8, captured: bool) -> Place {
        if (reg as usize) < SPILL_FROM {
            self.state().next = self.state().next.max(reg as usize + 1);
            self.state().local(name, reg);
            return if captured { Place::Cell(reg) } else { Place::Reg(reg) };
        }
        let (array, at) = match self.state().spill {
            Some(spill) => spill,
            None => {
                // The variable moves up by one, the array takes its register.
                let up = self.temp();
                self.emit(Op::Move { a: up, b: reg });
                self.emit(Op::Array { a: reg, n: 0 });
                self.emit(Op::SetSpill { a: reg, b: up, v: 0 });
                self.free_to(reg as usize + 1);
                self.state().spill = Some((reg, 1));
                return if captured { Place::SpillCell(reg, 0) } else { Place::Spill(reg, 0) };
            }
        };
        self.emit(Op::SetSpill { a: array, b: reg, v: at });
        self.state().spill = Some((array, at + 1));
        self.free_to(reg as usize);
        if captured { Place::SpillCell(array, at) } else { Place::Spill(array, at) }
    }

    fn declare_top(&mut self, name: &Ident, top: u32, reg: u8) {
        if self.resolved.global[top as usize] {
            let g = self.slots[top as usize];
            self.emit(Op::DefGlobal { a: reg, g });
            self.free_to(reg as usize);
            return;
        }
        match self.state().tops.get(&top).copied() {
            Some(place) => self.store_place(place, reg),
            None => {
                let place = self.home(&name.name, reg, false);
                self.state().tops.insert(top, place);
            }
        }
    }

    /// Names functions and classes of a block before their turn, where inner functions use them.
    pub(super) fn early_names(&mut self, body: &[crate::ast::Stmt]) {
        for statement in body {
            let Some(name) = statement.early_name() else { continue };
            let Use::Local(id) = self.use_of(name) else { continue };
            if id != name.id || !self.is_captured(id) || self.state().places.contains_key(&id) {
                continue;
            }
            let reg = self.temp();
            self.emit(Op::EmptyCell { a: reg });
            let place = self.home(&name.name, reg, true);
            self.state().places.insert(id, place);
        }
    }

    /// Where the variable of a name is, seen from here. `None`: nobody knows the name.
    pub(super) fn place(&mut self, name: &Ident) -> Option<Place> {
        Some(match self.use_of(name) {
            Use::Unknown => return None,
            Use::Global(slot) => Place::Global(slot),
            Use::Top(top) => match self.fns[0].tops.get(&top) {
                Some(place) if self.fns.len() == 1 => *place,
                _ => Place::Global(self.slots[top as usize]),
            },
            Use::Local(id) => match self.fns.last().and_then(|s| s.places.get(&id)) {
                Some(place) => *place,
                None => {
                    let outer = self.fns.iter().rev().skip(1).find_map(|s| s.places.get(&id));
                    match outer {
                        Some(Place::Global(slot)) => Place::Global(*slot),
                        Some(_) => Place::Up(self.state().capture(Captured::Variable(id))),
                        None => return None,
                    }
                }
            },
        })
    }

    pub(super) fn type_of(&self, name: &Ident) -> Option<Type> {
        let id = match self.use_of(name) {
            Use::Local(id) => id,
            Use::Top(top) => return self.fns[0].top_types.get(&top).copied(),
            _ => return None,
        };
        self.fns.iter().rev().find_map(|s| s.types.get(&id)).copied()
    }

    /// Notes the type that assignments to a variable must keep.
    pub(super) fn set_type(&mut self, name: &Ident, ty: Type) {
        match self.use_of(name) {
            Use::Local(id) => {
                self.state().types.insert(id, ty);
            }
            Use::Top(top) => {
                self.fns[0].top_types.insert(top, ty);
            }
            _ => {}
        }
    }

    /// Loads `this` of the method around.
    pub(super) fn this(&mut self, dst: u8) {
        if self.fns.last().is_some_and(|s| s.function.is_method) {
            self.emit(Op::Move { a: dst, b: 0 });
        } else {
            let u = self.state().capture(Captured::This);
            self.emit(Op::GetUp { a: dst, u });
        }
    }

    pub(super) fn load_place(&mut self, place: Place, dst: u8) {
        let op = match place {
            Place::Reg(b) if b == dst => return,
            Place::Reg(b) => Op::Move { a: dst, b },
            Place::Cell(b) => Op::GetCell { a: dst, b },
            Place::Up(u) => Op::GetUp { a: dst, u },
            Place::Global(g) => Op::GetGlobal { a: dst, g },
            Place::Spill(b, v) => Op::GetSpill { a: dst, b, v },
            Place::SpillCell(b, v) => {
                self.emit(Op::GetSpill { a: dst, b, v });
                Op::GetCell { a: dst, b: dst }
            }
        };
        self.emit(op);
    }

    pub(super) fn store_place(&mut self, place: Place, src: u8) {
        let op = match place {
            Place::Reg(a) if a == src => return,
            Place::Reg(a) => Op::Move { a, b: src },
            Place::Cell(a) => Op::SetCell { a, b: src },
            Place::Up(u) => Op::SetUp { a: src, u },
            Place::Global(g) => Op::SetGlobal { a: src, g },
            Place::Spill(a, v) => Op::SetSpill { a, b: src, v },
            Place::SpillCell(b, v) => {
                let mark = self.mark();
                let cell = self.temp();
                self.emit(Op::GetSpill { a: cell, b, v });
                self.emit(Op::SetCell { a: cell, b: src });
                self.free_to(mark);
                return;
            }
        };
        self.emit(op);
    }
}
