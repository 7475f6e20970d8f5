//! Assignments, `++` and `--`.

use super::{Compiler, Place};
use crate::ast::{Assign, Expr, ExprKind, Ident, Step};
use crate::code::Op;

impl Compiler<'_> {
    /// `target = value` and `target op= value`; the value goes to `dst` too, if that is wanted.
    pub(super) fn assign(&mut self, assign: &Assign, e: &Expr, dst: Option<u8>) {
        match &assign.target.kind {
            ExprKind::Name(name) => self.assign_name(name, assign, e, dst),
            ExprKind::Member(m) => {
                let object = self.any_kept(&m.object, assign.value_changes);
                let value = if let Some(op) = assign.op {
                    let value = self.temp();
                    let s = self.site(&m.name);
                    self.emit(Op::GetMember { a: value, b: object, s });
                    self.operation(op, value, &assign.value, e, value);
                    value
                } else {
                    self.any(&assign.value)
                };
                self.at(e.span);
                let s = self.site(&m.name);
                self.emit(Op::SetMember { a: object, b: value, s });
                self.copy(value, dst);
            }
            ExprKind::Index(i) => {
                let object = self.any_kept(&i.object, i.index_changes || assign.value_changes);
                let index = self.any_kept(&i.index, assign.value_changes);
                let value = if let Some(op) = assign.op {
                    let value = self.temp();
                    self.emit(Op::GetIndex { a: value, b: object, c: index });
                    self.operation(op, value, &assign.value, e, value);
                    value
                } else {
                    self.any(&assign.value)
                };
                self.at(e.span);
                self.emit(Op::SetIndex { a: object, b: index, c: value });
                self.copy(value, dst);
            }
            _ => {}
        }
    }

    fn copy(&mut self, value: u8, dst: Option<u8>) {
        if let Some(dst) = dst.filter(|d| *d != value) {
            self.emit(Op::Move { a: dst, b: value });
        }
    }

    fn assign_name(&mut self, name: &Ident, assign: &Assign, e: &Expr, dst: Option<u8>) {
        let place = self.place_to_change(name);
        let ty = self.type_of(name);
        match (place, ty) {
            // Straight into the variable's register.
            (Place::Reg(reg), None) => {
                match assign.op {
                    Some(op) if assign.value_changes => {
                        let old = self.temp();
                        self.emit(Op::Move { a: old, b: reg });
                        self.operation(op, old, &assign.value, e, reg);
                    }
                    Some(op) => self.operation(op, reg, &assign.value, e, reg),
                    None => self.into(&assign.value, reg, false),
                }
                self.copy(reg, dst);
            }
            _ => {
                let value = if let Some(op) = assign.op {
                    let value = self.temp();
                    self.load_place(place, value);
                    self.operation(op, value, &assign.value, e, value);
                    value
                } else if ty.is_some() {
                    self.fresh(&assign.value)
                } else {
                    self.any(&assign.value)
                };
                self.at(e.span);
                if let Some(ty) = ty {
                    self.check_type(value, ty, &format!("variable {}", name.name));
                }
                self.store_place(place, value);
                self.copy(value, dst);
            }
        }
    }

    /// Where an assignment goes; to a slot that was never defined if nobody knows the name, which then says so.
    fn place_to_change(&mut self, name: &Ident) -> Place {
        match self.place(name) {
            Some(place) => place,
            None => Place::Global(self.hidden_global(name.name.to_string())),
        }
    }

    pub(super) fn step(&mut self, step: &Step, e: &Expr, dst: Option<u8>) {
        // Subtraction, since + would take strings too.
        let v = if step.up { -1 } else { 1 };
        self.at(e.span);
        match &step.target.kind {
            ExprKind::Name(name) => {
                let place = self.place_to_change(name);
                let ty = self.type_of(name);
                let (old, new) = match place {
                    Place::Reg(reg) if ty.is_none() && (dst.is_none() || step.prefix) => (reg, reg),
                    _ => {
                        let old = self.temp();
                        self.load_place(place, old);
                        (old, self.temp())
                    }
                };
                self.emit(Op::SubImm { a: new, b: old, v });
                if let Some(ty) = ty {
                    self.check_type(new, ty, &format!("variable {}", name.name));
                }
                self.store_place(place, new);
                self.copy(if step.prefix { new } else { old }, dst);
            }
            ExprKind::Member(m) => {
                let object = self.any(&m.object);
                let (old, new) = (self.temp(), self.temp());
                let s = self.site(&m.name);
                self.emit(Op::GetMember { a: old, b: object, s });
                self.emit(Op::SubImm { a: new, b: old, v });
                let s = self.site(&m.name);
                self.emit(Op::SetMember { a: object, b: new, s });
                self.copy(if step.prefix { new } else { old }, dst);
            }
            ExprKind::Index(i) => {
                let object = self.any_kept(&i.object, i.index_changes);
                let index = self.any(&i.index);
                let (old, new) = (self.temp(), self.temp());
                self.emit(Op::GetIndex { a: old, b: object, c: index });
                self.emit(Op::SubImm { a: new, b: old, v });
                self.emit(Op::SetIndex { a: object, b: index, c: new });
                self.copy(if step.prefix { new } else { old }, dst);
            }
            _ => {}
        }
    }
}
