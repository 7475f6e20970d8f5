//! Loops, errors, and the ways out of them.

use super::builder::{Around, Exit};
use super::{Compiler, Place};
use crate::ast::{Expr, For, Ident, Stmt, Try};
use crate::code::{Handler, Op};
use crate::resolve::Use;

impl Compiler<'_> {
    fn begin_loop(&mut self) {
        self.state().around.push(Around::Loop { breaks: Vec::new(), continues: Vec::new() });
    }

    /// `continue`s go to here.
    fn continue_here(&mut self) {
        if let Some(Around::Loop { continues, .. }) = self.state().around.last_mut() {
            let jumps = std::mem::take(continues);
            self.patch_all(jumps);
        }
    }

    fn end_loop(&mut self) {
        if let Some(Around::Loop { breaks, .. }) = self.state().around.pop() {
            self.patch_all(breaks);
        }
    }

    fn jump_back(&mut self, jumps: Vec<usize>, target: usize) {
        for jump in jumps {
            self.state().patch_to(jump, target);
        }
    }

    pub(super) fn while_(&mut self, test: &Expr, body: &Stmt) {
        self.begin_loop();
        let to_test = self.emit(Op::Jump { to: 0 });
        let start = self.here();
        self.scoped(body);
        self.continue_here();
        self.patch(to_test);
        self.at(test.span);
        let jumps = self.jump_if(test, true);
        self.jump_back(jumps, start);
        self.end_loop();
    }

    pub(super) fn do_while(&mut self, body: &Stmt, test: &Expr) {
        self.begin_loop();
        let start = self.here();
        self.scoped(body);
        self.continue_here();
        self.at(test.span);
        let jumps = self.jump_if(test, true);
        self.jump_back(jumps, start);
        self.end_loop();
    }

    pub(super) fn for_(&mut self, f: &For) {
        self.scope(|c| {
            if let Some(init) = &f.init {
                c.statement(init);
            }
            c.begin_loop();
            let to_test = c.emit(Op::Jump { to: 0 });
            let start = c.here();
            c.scoped(&f.body);
            c.continue_here();
            c.fresh_cells(&f.init);
            let step_at = c.here();
            if let Some(step) = &f.step {
                c.at(step.span);
                c.discard(step);
            }
            c.patch(to_test);
            match &f.test {
                Some(test) => {
                    c.at(test.span);
                    let jumps = c.jump_if(test, true);
                    c.jump_back(jumps, start);
                    c.fuse(to_test, step_at, start);
                }
                None => {
                    let jump = c.emit(Op::Jump { to: 0 });
                    c.jump_back(vec![jump], start);
                }
            }
            c.end_loop();
        });
    }

    /// Makes one instruction of a loop's step and test if they are one each. The jump to the first test then becomes
    /// that test.
    fn fuse(&mut self, to_test: usize, step_at: usize, start: usize) {
        let function = &mut self.state().function;
        let lines = [to_test, step_at, step_at + 1].map(|at| function.line(at as u32));
        let [.., step, test] = function.ops.as_slice() else { return };
        if function.ops.len() != step_at + 2 || lines.iter().any(|line| *line != lines[0]) {
            return;
        }
        let (is_less, a, c) = match *test {
            Op::JumpLt { a, b, .. } => (true, a, b),
            Op::JumpLe { a, b, .. } => (false, a, b),
            _ => return,
        };
        let to = start as i32 - step_at as i32 - 1;
        let short = |v: i32| i8::try_from(v).ok();
        let fused = match (*step, is_less) {
            (Op::Add { a: of, b: from, c: by }, true) if of == a && from == a => Op::AddJumpLt { a, b: by, c, to },
            (Op::Add { a: of, b: from, c: by }, false) if of == a && from == a => Op::AddJumpLe { a, b: by, c, to },
            (Op::AddImm { a: of, b: from, v }, _) if of == a && from == a => match (short(v), is_less) {
                (Some(v), true) => Op::AddImmJumpLt { a, v, c, to },
                (Some(v), false) => Op::AddImmJumpLe { a, v, c, to },
                (None, _) => return,
            },
            (Op::SubImm { a: of, b: from, v }, _) if of == a && from == a => match (short(v), is_less) {
                (Some(v), true) => Op::SubImmJumpLt { a, v, c, to },
                (Some(v), false) => Op::SubImmJumpLe { a, v, c, to },
                (None, _) => return,
            },
            _ => return,
        };
        function.ops[step_at] = fused;
        function.ops.truncate(step_at + 1);
        let to = (step_at - to_test) as i32;
        function.ops[to_test] = if is_less { Op::JumpNotLt { a, b: c, to } } else { Op::JumpNotLe { a, b: c, to } };
    }

    /// Each round has its own variable: what a function captured in one does not change in the next.
    fn fresh_cells(&mut self, init: &Option<Stmt>) {
        let Some(init) = init else { return };
        for name in crate::resolve::declared(init) {
            if let Some(Place::Cell(a)) = self.place(name) {
                self.emit(Op::FreshCell { a });
            }
        }
    }

    pub(super) fn for_in(&mut self, name: &Ident, object: &Expr, body: &Stmt) {
        self.scope(|c| {
            // Three registers: what is walked, the place in it, what is given.
            let source = c.fresh(object);
            c.temp();
            c.temp();
            c.at(object.span);
            c.emit(Op::ForPrep { a: source });
            c.begin_loop();
            let to_next = c.emit(Op::Jump { to: 0 });
            let start = c.here();
            let value = c.temp();
            c.scope(|c| {
                if c.use_of(name) == Use::Local(name.id) {
                    let item = c.temp();
                    c.emit(Op::Move { a: item, b: value });
                    c.declare_and_trim(name, item);
                } else if let Some(place) = c.place(name) {
                    c.store_place(place, value);
                }
                c.scoped(body);
            });
            c.continue_here();
            c.patch(to_next);
            c.at(object.span);
            let next = c.emit(Op::ForNext { a: source, b: value, to: 0 });
            c.jump_back(vec![next], start);
            c.end_loop();
        });
    }

    /// `break`, `continue` or `return` (with the value in a register), through every `finally` on the way.
    pub(super) fn exit(&mut self, exit: Exit, value: Option<u8>) {
        let around = &self.state().around;
        let stop = match exit {
            Exit::Return => 0,
            Exit::Break(depth) | Exit::Continue(depth) => depth,
        };
        let finally = (stop..around.len()).rev().find(|i| matches!(around[*i], Around::Finally { .. }));
        if let Some(at) = finally {
            let Around::Finally { reg, exits, .. } = &mut self.state().around[at] else { return };
            let reg = *reg;
            let known = exits.iter().position(|e| *e == exit);
            let code = known.unwrap_or_else(|| {
                exits.push(exit);
                exits.len() - 1
            });
            if exit == Exit::Return {
                match value {
                    Some(b) if b == reg + 1 => {}
                    Some(b) => {
                        self.emit(Op::Move { a: reg + 1, b });
                    }
                    None => {
                        self.emit(Op::Nil { a: reg + 1 });
                    }
                }
            }
            self.emit(Op::Int { a: reg, v: code as i32 + 2 });
            let jump = self.emit(Op::Jump { to: 0 });
            if let Around::Finally { entries, .. } = &mut self.state().around[at] {
                entries.push(jump);
            }
            return;
        }
        match exit {
            Exit::Return => match value {
                Some(a) => {
                    self.emit(Op::Return { a });
                }
                None => {
                    self.emit(Op::ReturnNil {});
                }
            },
            Exit::Break(depth) | Exit::Continue(depth) => {
                let jump = self.emit(Op::Jump { to: 0 });
                if let Around::Loop { breaks, continues } = &mut self.state().around[depth] {
                    if matches!(exit, Exit::Break(_)) { breaks.push(jump) } else { continues.push(jump) }
                }
            }
        }
    }

    /// The innermost loop.
    pub(super) fn loop_depth(&mut self) -> Option<usize> {
        self.state().around.iter().rposition(|a| matches!(a, Around::Loop { .. }))
    }

    fn handler(&mut self, start: usize, end: usize, target: usize, reg: u8, finally: bool) {
        if start < end {
            let (start, end, target) = (start as u32, end as u32, target as u32);
            self.state().function.handlers.push(Handler { start, end, target, reg, finally });
        }
    }

    pub(super) fn try_(&mut self, t: &Try) {
        let mark = self.mark();
        let finally = t.finally.as_ref().map(|body| {
            let reg = self.temp();
            for a in [reg, self.temp(), self.temp()] {
                self.emit(Op::Nil { a });
            }
            self.state().around.push(Around::Finally { reg, entries: Vec::new(), exits: Vec::new() });
            (reg, body)
        });
        let start = self.here();
        self.block_body(&t.body);
        if let Some((name, body)) = &t.catch {
            let end = self.here();
            let over = self.emit(Op::Jump { to: 0 });
            self.catch(start, end, name, body);
            self.patch(over);
        }
        if let Some((reg, body)) = finally {
            self.finally(start, reg, body);
        }
        self.free_to(mark);
    }

    fn catch(&mut self, start: usize, end: usize, name: &Ident, body: &[Stmt]) {
        self.scope(|c| {
            let reg = c.temp();
            let target = c.here();
            c.handler(start, end, target, reg, false);
            c.declare(name, reg);
            c.block_body(body);
        });
    }

    fn finally(&mut self, start: usize, reg: u8, body: &[Stmt]) {
        let end = self.here();
        self.emit(Op::Int { a: reg, v: 0 });
        let Some(Around::Finally { entries, exits, .. }) = self.state().around.pop() else { return };
        self.patch_all(entries);
        let target = self.here();
        self.handler(start, end, target, reg, true);
        self.block_body(body);
        let next = self.emit(Op::JumpNeImm { a: reg, v: 1, to: 0 });
        self.emit(Op::Rethrow { a: reg + 1 });
        self.patch(next);
        for (code, exit) in exits.into_iter().enumerate() {
            let next = self.emit(Op::JumpNeImm { a: reg, v: code as i16 + 2, to: 0 });
            self.exit(exit, Some(reg + 1));
            self.patch(next);
        }
    }

    pub(super) fn retry(&mut self, count: &Expr, body: &[Stmt], catch: &Option<(Ident, Vec<Stmt>)>) {
        let mark = self.mark();
        let left = self.fresh(count);
        self.at(count.span);
        self.emit(Op::RetryCount { a: left });
        let error = self.temp();
        self.emit(Op::Nil { a: error });
        let start = self.here();
        self.block_body(body);
        let end = self.here();
        let done = self.emit(Op::Jump { to: 0 });
        let target = self.here();
        self.handler(start, end, target, error, false);
        self.emit(Op::SubImm { a: left, b: left, v: 1 });
        let again = self.emit(Op::JumpGtImm { a: left, v: 0, to: 0 });
        self.state().patch_to(again, start);
        match catch {
            Some((name, body)) => self.scope(|c| {
                let reg = c.temp();
                c.emit(Op::Move { a: reg, b: error });
                c.declare(name, reg);
                c.block_body(body);
            }),
            None => {
                self.emit(Op::Throw { a: error });
            }
        }
        self.patch(done);
        self.free_to(mark);
    }
}
