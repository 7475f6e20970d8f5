//! Expressions. `into` puts a value into a register; `any` gives a register that has it, a variable's own if it can.

use super::{Compiler, ConstKey, Place};
use crate::ast::{Arg, Binary, BinaryOp, Expr, ExprKind, Unary};
use crate::code::Op;

/// A whole number that fits an instruction.
pub(super) fn small(e: &Expr) -> Option<i32> {
    match e.kind {
        ExprKind::Number(n) if n == n.trunc() && n.abs() < 1e9 && !(n == 0.0 && n.is_sign_negative()) => Some(n as i32),
        _ => None,
    }
}

/// Runs no code of the program but its own operators.
fn is_quiet(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Nil | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::Text(_) => true,
        ExprKind::Name(_) | ExprKind::This => true,
        ExprKind::Member(m) => is_quiet(&m.object),
        ExprKind::Index(i) => is_quiet(&i.object) && is_quiet(&i.index),
        ExprKind::Unary(_, operand) => is_quiet(operand),
        ExprKind::Binary(b) => is_quiet(&b.left) && is_quiet(&b.right),
        _ => false,
    }
}

impl Compiler<'_> {
    /// A register that holds the value until the next change of the variable it may belong to.
    pub(super) fn any(&mut self, e: &Expr) -> u8 {
        if let ExprKind::Name(name) = &e.kind
            && let Some(Place::Reg(reg)) = self.place(name)
        {
            return reg;
        }
        if matches!(e.kind, ExprKind::This) && self.fns.last().is_some_and(|s| s.function.is_method) {
            return 0;
        }
        self.fresh(e)
    }

    /// Like `any`, but safe from changes if what is evaluated next changes variables.
    pub(super) fn any_kept(&mut self, e: &Expr, next_changes: bool) -> u8 {
        if next_changes { self.fresh(e) } else { self.any(e) }
    }

    /// A part of what goes to `dst`: there, if it is free and the part has no register already. So long chains need
    /// no more registers than short ones.
    fn part(&mut self, e: &Expr, next_changes: bool, dst: u8, fresh: bool) -> u8 {
        let chain =
            matches!(e.kind, ExprKind::Binary(_) | ExprKind::Member(_) | ExprKind::Index(_) | ExprKind::Call(_));
        if fresh && chain {
            self.into(e, dst, true);
            return dst;
        }
        self.any_kept(e, next_changes)
    }

    /// A new register with the value.
    pub(super) fn fresh(&mut self, e: &Expr) -> u8 {
        let dst = self.temp();
        self.into(e, dst, true);
        dst
    }

    /// Evaluates for the effects only.
    pub(super) fn discard(&mut self, e: &Expr) {
        let mark = self.mark();
        match &e.kind {
            ExprKind::Assign(a) => self.assign(a, e, None),
            ExprKind::Step(s) => self.step(s, e, None),
            _ => {
                self.any(e);
            }
        }
        self.free_to(mark);
    }

    /// `fresh`: nobody reads `dst` before this is done, so it may hold parts on the way.
    pub(super) fn into(&mut self, e: &Expr, dst: u8, fresh: bool) {
        self.at(e.span);
        let mark = self.mark();
        match &e.kind {
            ExprKind::Nil => {
                self.emit(Op::Nil { a: dst });
            }
            ExprKind::Bool(b) => {
                self.emit(Op::Bool { a: dst, v: u8::from(*b) });
            }
            ExprKind::Number(n) => self.number(e, *n, dst),
            ExprKind::Text(text) => {
                let k = self.constant(ConstKey::Text(text.clone()));
                self.emit(Op::Const { a: dst, k });
            }
            ExprKind::Say => {
                let k = self.constant(ConstKey::Say);
                self.emit(Op::Const { a: dst, k });
            }
            ExprKind::Interpolated(parts) => self.interpolated(parts, dst),
            ExprKind::Name(name) => match self.place(name) {
                Some(place) => self.load_place(place, dst),
                None => {
                    let g = self.hidden_global(name.name.to_string());
                    self.emit(Op::GetGlobal { a: dst, g });
                }
            },
            ExprKind::This => self.this(dst),
            ExprKind::SuperGet(name) => {
                let receiver = self.temp();
                self.this(receiver);
                let s = self.site(name);
                self.emit(Op::SuperGet { a: receiver, s });
                self.emit(Op::Move { a: dst, b: receiver });
            }
            ExprKind::Lambda(fun) => self.closure(fun, "(function)", false, dst),
            ExprKind::Unary(op, operand) => self.unary(*op, operand, dst),
            ExprKind::Binary(b) => self.binary(b, e, dst, fresh),
            ExprKind::Assign(a) => self.assign(a, e, Some(dst)),
            ExprKind::Step(s) => self.step(s, e, Some(dst)),
            ExprKind::Cond(c) => {
                let no = self.jump_if(&c.0, false);
                self.into(&c.1, dst, fresh);
                let end = self.emit(Op::Jump { to: 0 });
                self.patch_all(no);
                self.into(&c.2, dst, fresh);
                self.patch(end);
            }
            ExprKind::Member(m) => {
                let b = self.part(&m.object, false, dst, fresh && !m.optional);
                self.at(e.span);
                if m.optional {
                    let out = if b == dst { self.temp() } else { dst };
                    self.emit(Op::Nil { a: out });
                    let end = self.emit(Op::JumpIfNil { a: b, to: 0 });
                    let s = self.site(&m.name);
                    self.emit(Op::GetMember { a: out, b, s });
                    self.patch(end);
                    if out != dst {
                        self.emit(Op::Move { a: dst, b: out });
                    }
                } else {
                    let s = self.site(&m.name);
                    self.emit(Op::GetMember { a: dst, b, s });
                }
            }
            ExprKind::Index(i) => {
                let b = self.part(&i.object, i.index_changes, dst, fresh);
                let c = self.any(&i.index);
                self.at(e.span);
                self.emit(Op::GetIndex { a: dst, b, c });
            }
            // These take several steps, in which the old value of `dst` may still be read.
            ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Array(_) | ExprKind::Object(_) | ExprKind::Call(_) => {
                let target = if fresh { dst } else { self.temp() };
                match &e.kind {
                    ExprKind::And(pair) => self.short_circuit(&pair.0, &pair.1, false, target),
                    ExprKind::Or(pair) => self.short_circuit(&pair.0, &pair.1, true, target),
                    ExprKind::Array(items) => self.array(items, target),
                    ExprKind::Object(members) => self.object(members, target),
                    ExprKind::Call(call) => self.call(call, e, target),
                    _ => {}
                }
                if target != dst {
                    self.emit(Op::Move { a: dst, b: target });
                }
            }
        }
        self.free_to(mark);
    }

    fn number(&mut self, e: &Expr, n: f64, dst: u8) {
        match small(e) {
            Some(v) => self.emit(Op::Int { a: dst, v }),
            None => {
                let k = self.constant(ConstKey::Number(n.to_bits()));
                self.emit(Op::Const { a: dst, k })
            }
        };
    }

    fn short_circuit(&mut self, left: &Expr, right: &Expr, stop_when: bool, dst: u8) {
        self.into(left, dst, true);
        let end = self.emit(if stop_when { Op::JumpIf { a: dst, to: 0 } } else { Op::JumpIfNot { a: dst, to: 0 } });
        self.into(right, dst, true);
        self.patch(end);
    }

    /// Pieces in groups, so that long strings need few registers.
    fn interpolated(&mut self, parts: &[Expr], dst: u8) {
        let first = self.temp();
        let mut n = 0;
        for part in parts {
            let reg = if n == 0 { first } else { self.temp() };
            self.into(part, reg, true);
            n += 1;
            if n == 16 {
                self.emit(Op::Concat { a: first, b: first, n });
                self.free_to(first as usize + 1);
                n = 1;
            }
        }
        self.emit(Op::Concat { a: dst, b: first, n });
    }

    /// Builds an array in `dst`.
    pub(super) fn array(&mut self, items: &[Arg], dst: u8) {
        self.emit(Op::Array { a: dst, n: items.len().min(1 << 20) as i32 });
        for item in items {
            let mark = self.mark();
            let b = self.any(&item.value);
            self.at(item.value.span);
            self.emit(if item.spread { Op::PushAll { a: dst, b } } else { Op::Push { a: dst, b } });
            self.free_to(mark);
        }
    }

    fn object(&mut self, members: &[(std::rc::Rc<str>, Expr)], dst: u8) {
        self.emit(Op::Object { a: dst });
        for (key, value) in members {
            let mark = self.mark();
            let b = self.any(value);
            let s = self.site(key);
            self.emit(Op::SetMember { a: dst, b, s });
            self.free_to(mark);
        }
    }

    fn unary(&mut self, op: Unary, operand: &Expr, dst: u8) {
        let b = self.any(operand);
        self.emit(match op {
            Unary::Not => Op::Not { a: dst, b },
            Unary::Neg => Op::Neg { a: dst, b },
            Unary::Complement => Op::Complement { a: dst, b },
        });
    }

    /// `a + b + c` where `a` or `b` is written as a string: all of it is one string, put together at once.
    fn concat(&mut self, binary: &Binary, e: &Expr, dst: u8) -> bool {
        let (mut parts, mut left) = (vec![&binary.right], &binary.left);
        if binary.op != BinaryOp::Add {
            return false;
        }
        while let ExprKind::Binary(inner) = &left.kind
            && inner.op == BinaryOp::Add
        {
            parts.push(&inner.right);
            left = &inner.left;
        }
        parts.push(left);
        parts.reverse();
        let is_text = |e: &Expr| matches!(e.kind, ExprKind::Text(_) | ExprKind::Interpolated(_));
        // What comes third must not change what the first two are.
        let fits = (3..=16).contains(&parts.len())
            && parts[..2].iter().any(|e| is_text(e))
            && parts[2..].iter().all(|e| is_quiet(e));
        if fits {
            let first = self.mark() as u8;
            for part in &parts {
                self.fresh(part);
            }
            self.at(e.span);
            self.emit(Op::Concat { a: dst, b: first, n: parts.len() as u8 });
        }
        fits
    }

    fn binary(&mut self, binary: &Binary, e: &Expr, dst: u8, fresh: bool) {
        if self.concat(binary, e, dst) {
            return;
        }
        let b = self.part(&binary.left, binary.right_changes, dst, fresh);
        self.operation(binary.op, b, &binary.right, e, dst);
    }

    /// `dst = b op right`.
    pub(super) fn operation(&mut self, op: BinaryOp, b: u8, right: &Expr, e: &Expr, dst: u8) {
        if let Some(v) = small(right) {
            let short = match op {
                BinaryOp::Add => Some(Op::AddImm { a: dst, b, v }),
                BinaryOp::Sub => Some(Op::SubImm { a: dst, b, v }),
                BinaryOp::Mul => Some(Op::MulImm { a: dst, b, v }),
                BinaryOp::Div => Some(Op::DivImm { a: dst, b, v }),
                BinaryOp::Rem => Some(Op::RemImm { a: dst, b, v }),
                _ => None,
            };
            if let Some(short) = short {
                self.at(e.span);
                self.emit(short);
                return;
            }
        }
        let c = self.any(right);
        self.at(e.span);
        let a = dst;
        self.emit(match op {
            BinaryOp::Add => Op::Add { a, b, c },
            BinaryOp::Sub => Op::Sub { a, b, c },
            BinaryOp::Mul => Op::Mul { a, b, c },
            BinaryOp::Div => Op::Div { a, b, c },
            BinaryOp::Rem => Op::Rem { a, b, c },
            BinaryOp::BitAnd => Op::BitAnd { a, b, c },
            BinaryOp::BitOr => Op::BitOr { a, b, c },
            BinaryOp::BitXor => Op::BitXor { a, b, c },
            BinaryOp::Shl => Op::Shl { a, b, c },
            BinaryOp::Shr => Op::Shr { a, b, c },
            BinaryOp::Eq => Op::Eq { a, b, c },
            BinaryOp::Ne => Op::Ne { a, b, c },
            BinaryOp::Lt => Op::Lt { a, b, c },
            BinaryOp::Le => Op::Le { a, b, c },
            BinaryOp::Gt => Op::Lt { a, b: c, c: b },
            BinaryOp::Ge => Op::Le { a, b: c, c: b },
        });
    }
}
