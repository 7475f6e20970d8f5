//! Statements.

use super::builder::Exit;
use super::{Compiler, ConstKey, Place};
use crate::ast::{Case, Expr, Fun, Stmt, StmtKind, Tree, UseKind, VarDecl};
use crate::code::Op;
use crate::resolve::Use;

impl Compiler<'_> {
    /// Runs `inside` and gives back the registers that it took.
    pub(super) fn scope(&mut self, inside: impl FnOnce(&mut Self)) {
        let mark = self.mark();
        self.scope_at(mark, inside);
    }

    /// Like `scope`, but afterwards registers are free from `mark` on.
    pub(super) fn scope_at(&mut self, mark: usize, inside: impl FnOnce(&mut Self)) {
        let (spill, locals) = (self.state().spill, self.state().function.locals.len());
        inside(self);
        self.state().end_locals(locals);
        self.state().spill = spill;
        self.free_to(mark);
    }

    /// A block, or the body of something.
    pub(super) fn block_body(&mut self, body: &[Stmt]) {
        self.scope(|c| {
            c.early_names(body);
            c.statements(body);
        });
    }

    pub(super) fn scoped(&mut self, statement: &Stmt) {
        self.scope(|c| c.statement(statement));
    }

    pub(super) fn statements(&mut self, body: &[Stmt]) {
        for statement in body {
            self.statement(statement);
        }
    }

    pub(super) fn statement(&mut self, statement: &Stmt) {
        self.at(statement.span);
        self.state().span = statement.span;
        match &statement.kind {
            StmtKind::Empty => {}
            StmtKind::Say(e) => {
                let mark = self.mark();
                let a = self.any(e);
                self.at(statement.span);
                self.emit(Op::Say { a });
                self.free_to(mark);
            }
            StmtKind::Var { is_static, decl } => self.var(decl, *is_static),
            StmtKind::If { branches, otherwise } => self.if_(branches, otherwise.as_deref()),
            StmtKind::While { test, body } => self.while_(test, body),
            StmtKind::DoWhile { body, test } => self.do_while(body, test),
            StmtKind::For(f) => self.for_(f),
            StmtKind::ForIn { name, object, body, .. } => self.for_in(name, object, body),
            StmtKind::Class(class) => self.class(class),
            StmtKind::Use(kind) => self.use_(kind),
            StmtKind::Fun(fun) => self.fun_statement(fun),
            StmtKind::Return(value) => self.return_(value.as_ref()),
            StmtKind::Break | StmtKind::Continue => {
                if let Some(depth) = self.loop_depth() {
                    let is_break = matches!(statement.kind, StmtKind::Break);
                    self.exit(if is_break { Exit::Break(depth) } else { Exit::Continue(depth) }, None);
                }
            }
            StmtKind::Match { subject, cases, default } => self.match_(subject, cases, default.as_deref()),
            StmtKind::Try(t) => self.try_(t),
            StmtKind::Throw(e) => {
                let mark = self.mark();
                let a = self.any(e);
                self.at(statement.span);
                self.emit(Op::Throw { a });
                self.free_to(mark);
            }
            StmtKind::Retry { count, body, catch } => self.retry(count, body, catch),
            StmtKind::Enum { name, members } => self.enum_(name, members),
            StmtKind::Block(body) => self.block_body(body),
            StmtKind::Expr(e) => self.discard(e),
        }
    }

    fn if_(&mut self, branches: &[(Expr, Stmt)], otherwise: Option<&Stmt>) {
        let mut ends = Vec::new();
        for (i, (test, then)) in branches.iter().enumerate() {
            self.at(test.span);
            let no = self.jump_if(test, false);
            self.scoped(then);
            if i + 1 < branches.len() || otherwise.is_some() {
                ends.push(self.emit(Op::Jump { to: 0 }));
            }
            self.patch_all(no);
        }
        if let Some(otherwise) = otherwise {
            self.scoped(otherwise);
        }
        self.patch_all(ends);
    }

    fn return_(&mut self, value: Option<&Expr>) {
        let mark = self.mark();
        let result = self.state().result;
        let line = self.state().line;
        let reg = value.map(|e| if result.is_some() { self.fresh(e) } else { self.any(e) });
        if let Some(ty) = result {
            let name = self.state().function.name.to_string();
            let reg = reg.unwrap_or_else(|| {
                let nil = self.temp();
                self.emit(Op::Nil { a: nil });
                nil
            });
            self.check_type(reg, ty, &format!("result of {name}"));
        }
        self.state().line = line;
        self.exit(Exit::Return, reg);
        self.free_to(mark);
    }

    /// A function that falls off its end.
    pub(super) fn return_nil(&mut self) {
        self.return_(None);
    }

    fn match_(&mut self, subject: &Expr, cases: &[Case], default: Option<&Stmt>) {
        let mark = self.mark();
        let a = self.fresh(subject);
        let mut ends = Vec::new();
        for case in cases {
            let inner = self.mark();
            self.at(case.value.span);
            let b = self.any(&case.value);
            let mut no = vec![self.emit(Op::JumpNe { a, b, to: 0 })];
            self.free_to(inner);
            if let Some(guard) = &case.guard {
                no.extend(self.jump_if(guard, false));
            }
            self.scoped(&case.body);
            ends.push(self.emit(Op::Jump { to: 0 }));
            self.patch_all(no);
        }
        if let Some(default) = default {
            self.scoped(default);
        }
        self.patch_all(ends);
        self.free_to(mark);
    }

    fn var(&mut self, decl: &VarDecl, is_static: bool) {
        if is_static && self.fns.len() > 1 {
            return self.static_var(decl);
        }
        match decl {
            VarDecl::Names(ty, vars) => {
                for var in vars {
                    self.at(var.name.span);
                    let reg = self.temp();
                    match &var.value {
                        Some(e) => self.into(e, reg, true),
                        None => {
                            self.emit(Op::Nil { a: reg });
                        }
                    }
                    if let Some(ty) = ty {
                        self.at(var.name.span);
                        if var.value.is_some() {
                            self.check_type(reg, *ty, &format!("variable {}", var.name.name));
                        }
                        self.set_type(&var.name, *ty);
                    }
                    self.declare_and_trim(&var.name, reg);
                }
            }
            VarDecl::Array(names, value) => {
                let source = self.fresh(value);
                let index = self.temp();
                for (i, name) in names.iter().enumerate() {
                    let reg = self.temp();
                    self.emit(Op::Int { a: index, v: i as i32 });
                    self.emit(Op::GetIndex { a: reg, b: source, c: index });
                    self.declare_and_trim(name, reg);
                }
                // The registers below the variables stay taken; they should not keep the array alive.
                self.emit(Op::Nil { a: source });
            }
            VarDecl::Object(names, value) => {
                let source = self.fresh(value);
                for (key, name) in names {
                    let reg = self.temp();
                    let s = self.site(key);
                    self.emit(Op::GetMember { a: reg, b: source, s });
                    self.declare_and_trim(name, reg);
                }
                self.emit(Op::Nil { a: source });
            }
        }
    }

    /// Declares, and frees the register if the variable did not keep it.
    pub(super) fn declare_and_trim(&mut self, name: &crate::ast::Ident, reg: u8) {
        self.declare(name, reg);
        let kept = match self.place(name) {
            Some(Place::Reg(own) | Place::Cell(own) | Place::Spill(own, _) | Place::SpillCell(own, _)) => own == reg,
            _ => false,
        };
        if !kept && self.mark() == reg as usize + 1 {
            self.free_to(reg as usize);
        }
    }

    /// Jumps if a hidden variable has a value.
    fn jump_if_set(&mut self, g: u32) -> usize {
        let a = self.temp();
        self.emit(Op::IsSet { a, g });
        self.free_to(a as usize);
        self.emit(Op::JumpIf { a, to: 0 })
    }

    /// Initialised by the first run that comes by; one for all calls.
    fn static_var(&mut self, decl: &VarDecl) {
        let VarDecl::Names(ty, vars) = decl else {
            let span = self.state().span;
            let problem = crate::diagnostic::Problem::new(span, "a static variable is declared by its name");
            self.problems.push(problem);
            return;
        };
        for var in vars {
            let mark = self.mark();
            let name = format!("{}.{}", self.state().function.name, var.name.name);
            let g = self.hidden_global(name);
            if let Use::Local(id) = self.use_of(&var.name) {
                self.state().places.insert(id, Place::Global(g));
            }
            if let Some(ty) = ty {
                self.set_type(&var.name, *ty);
            }
            let known = self.jump_if_set(g);
            let reg = self.temp();
            match &var.value {
                Some(e) => self.into(e, reg, true),
                None => {
                    self.emit(Op::Nil { a: reg });
                }
            }
            if let (Some(ty), Some(_)) = (ty, &var.value) {
                self.check_type(reg, *ty, &format!("variable {}", var.name.name));
            }
            self.emit(Op::DefGlobal { a: reg, g });
            self.patch(known);
            self.free_to(mark);
        }
    }

    fn fun_statement(&mut self, fun: &Fun) {
        let Some(name) = &fun.name else { return };
        if matches!(self.use_of(name), Use::Top(_)) {
            // Made at the beginning of the file.
            return;
        }
        let reg = self.temp();
        // The function may call itself: where it is captured, its cell exists before its closure.
        self.closure(fun, &name.name, false, reg);
        self.declare_and_trim(name, reg);
    }

    /// Functions of the top level may be called from its first line on.
    pub(super) fn hoist_functions(&mut self, body: &[Stmt]) {
        let mut mains = body.iter().filter(|s| s.early_name().is_some_and(|n| &*n.name == "main"));
        let is_main = |s: &Stmt| matches!(&s.kind, StmtKind::Fun(f) if f.params.iter().all(|p| p.default.is_some()));
        if self.is_entry && mains.next_back().is_some_and(is_main) {
            self.main_mark = Some(self.hidden_global(crate::vm::MAIN_MARK.into()));
        }
        // Functions are compiled before the variables that they assign to.
        for statement in body {
            if let StmtKind::Var { decl: VarDecl::Names(Some(ty), vars), .. } = &statement.kind {
                vars.iter().for_each(|var| self.set_type(&var.name, *ty));
            }
        }
        for statement in body {
            let StmtKind::Fun(fun) = &statement.kind else { continue };
            let Some(name) = &fun.name else { continue };
            let Use::Top(top) = self.use_of(name) else { continue };
            self.at(statement.span);
            let reg = self.temp();
            self.closure(fun, &name.name, false, reg);
            let g = self.slots[top as usize];
            self.emit(Op::DefGlobal { a: reg, g });
            self.free_to(reg as usize);
        }
    }

    /// `main()` at the end of a script that defines it and did not call it.
    pub(super) fn call_main(&mut self, tree: &Tree) {
        let Some(mark) = self.main_mark else { return };
        let Some(top) = self.names.by_name.get("main") else { return };
        let g = self.slots[*top as usize];
        let done = self.jump_if_set(mark);
        let base = self.temp();
        self.at(tree.end);
        self.emit(Op::CallGlobal { a: base, n: 0, g });
        self.free_to(base as usize);
        self.patch(done);
    }

    fn use_(&mut self, kind: &UseKind) {
        match kind {
            UseKind::Module { module, name } => {
                let reg = self.temp();
                let k = self.constant(ConstKey::Module(module.name.clone()));
                self.emit(Op::Const { a: reg, k });
                self.declare_and_trim(name, reg);
            }
            UseKind::Members { module, names } => {
                for name in names {
                    let reg = self.temp();
                    let k = self.constant(ConstKey::Module(module.name.clone()));
                    self.emit(Op::Const { a: reg, k });
                    let s = self.site(&name.name);
                    self.emit(Op::GetMember { a: reg, b: reg, s });
                    self.declare_and_trim(name, reg);
                }
            }
            UseKind::File { path, .. } | UseKind::FileMembers { path, .. } => {
                let Some(unit) = self.files.get(path).copied() else { return };
                let mark = match self.unit_marks.get(&unit) {
                    Some(mark) => *mark,
                    None => {
                        let mark = self.hidden_global(format!("(file {path} ran)"));
                        self.unit_marks.insert(unit, mark);
                        mark
                    }
                };
                let done = self.jump_if_set(mark);
                self.emit(Op::SetMark { g: mark });
                let base = self.temp();
                self.emit(Op::RunUnit { a: base, u: unit });
                self.free_to(base as usize);
                self.patch(done);
            }
        }
    }
}
