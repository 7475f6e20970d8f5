//! Classes and enums.

use std::rc::Rc;

use super::Compiler;
use crate::ast::{Class, Expr, Ident};
use crate::code::Op;

impl Compiler<'_> {
    pub(super) fn class(&mut self, class: &Class) {
        let mark = self.mark();
        let reg = self.temp();
        let k = self.text_constant(&class.name.name);
        if let Some(parent) = &class.parent {
            let parent = Expr { kind: crate::ast::ExprKind::Name(parent.clone()), span: parent.span, height: 1 };
            let b = self.fresh(&parent);
            self.emit(Op::Class { a: reg, k });
            self.emit(Op::Inherit { a: reg, b });
        } else {
            self.emit(Op::Class { a: reg, k });
        }
        self.free_to(mark + 1);
        self.declare_and_trim(&class.name, reg);
        let hand = self.temp();
        if let Some(place) = self.place(&class.name) {
            self.load_place(place, hand);
        }
        if !class.fields.is_empty() {
            let method = self.temp();
            let name = format!("{}.(fields)", class.name.name);
            self.closure_of(&name, class.name.span, method, |c| c.fields(class));
            self.emit(Op::Fields { a: hand, b: method });
            self.free_to(hand as usize + 1);
        }
        for fun in &class.methods {
            let Some(name) = &fun.name else { continue };
            let method = self.temp();
            self.closure(fun, &format!("{}.{}", class.name.name, name.name), true, method);
            let k = self.text_constant(&name.name);
            self.emit(Op::Method { a: hand, b: method, k });
            self.free_to(hand as usize + 1);
        }
        self.free_to(hand as usize);
    }

    fn fields(&mut self, class: &Class) {
        if class.parent.is_some() {
            let base = self.temp();
            self.emit(Op::Move { a: base, b: 0 });
            self.emit(Op::SuperFields { a: base });
            self.free_to(base as usize);
        }
        for (var, ty) in class.fields.iter().zip(&class.field_types) {
            let mark = self.mark();
            self.at(var.name.span);
            let value = match &var.value {
                Some(e) => self.fresh(e),
                None => {
                    let nil = self.temp();
                    self.emit(Op::Nil { a: nil });
                    nil
                }
            };
            if let (Some(ty), Some(_)) = (ty, &var.value) {
                self.check_type(value, *ty, &format!("field {}", var.name.name));
            }
            let s = self.site(&var.name.name);
            self.emit(Op::SetMember { a: 0, b: value, s });
            self.free_to(mark);
        }
    }

    /// An object that counts from 0; a given number starts the count anew.
    pub(super) fn enum_(&mut self, name: &Ident, members: &[(Rc<str>, Option<Expr>)]) {
        let object = self.temp();
        self.emit(Op::Object { a: object });
        let count = self.temp();
        self.emit(Op::Int { a: count, v: 0 });
        for (i, (member, value)) in members.iter().enumerate() {
            match value {
                Some(value) => self.into(value, count, true),
                None if i > 0 => {
                    self.emit(Op::SubImm { a: count, b: count, v: -1 });
                }
                None => {}
            }
            let s = self.site(member);
            self.emit(Op::SetMember { a: object, b: count, s });
        }
        self.free_to(object as usize + 1);
        self.declare_and_trim(name, object);
    }
}
