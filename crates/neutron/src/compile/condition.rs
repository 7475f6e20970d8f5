//! Conditions: compare and jump in one instruction.

use super::Compiler;
use super::expression::small;
use crate::ast::{Binary, BinaryOp, Expr, ExprKind, Unary};
use crate::code::Op;

impl Compiler<'_> {
    /// Jumps, to be patched, that are taken if the truth of `e` is `when`; falls through otherwise.
    pub(super) fn jump_if(&mut self, e: &Expr, when: bool) -> Vec<usize> {
        match &e.kind {
            ExprKind::Bool(b) if *b == when => vec![self.emit(Op::Jump { to: 0 })],
            ExprKind::Bool(_) => Vec::new(),
            ExprKind::Unary(Unary::Not, inner) => self.jump_if(inner, !when),
            ExprKind::And(pair) => self.jump_if_both(&pair.0, &pair.1, false, when),
            ExprKind::Or(pair) => self.jump_if_both(&pair.0, &pair.1, true, when),
            ExprKind::Binary(b) => match self.compare(b, e, when) {
                Some(jump) => vec![jump],
                None => vec![self.truth(e, when)],
            },
            _ => vec![self.truth(e, when)],
        }
    }

    /// `stop` decides when the left side alone settles the matter.
    fn jump_if_both(&mut self, left: &Expr, right: &Expr, stop: bool, when: bool) -> Vec<usize> {
        if stop == when {
            let mut jumps = self.jump_if(left, when);
            jumps.extend(self.jump_if(right, when));
            return jumps;
        }
        let settled = self.jump_if(left, stop);
        let jumps = self.jump_if(right, when);
        self.patch_all(settled);
        jumps
    }

    fn truth(&mut self, e: &Expr, when: bool) -> usize {
        let mark = self.mark();
        let a = self.any(e);
        self.free_to(mark);
        self.emit(if when { Op::JumpIf { a, to: 0 } } else { Op::JumpIfNot { a, to: 0 } })
    }

    fn compare(&mut self, binary: &Binary, e: &Expr, when: bool) -> Option<usize> {
        use BinaryOp::*;
        if !matches!(binary.op, Eq | Ne | Lt | Le | Gt | Ge) {
            return None;
        }
        let mark = self.mark();
        let a = self.any_kept(&binary.left, binary.right_changes);
        let to = 0;
        let op = if let Some(v) = small(&binary.right).and_then(|v| i16::try_from(v).ok()) {
            self.at(e.span);
            match (binary.op, when) {
                (Eq, true) | (Ne, false) => Op::JumpEqImm { a, v, to },
                (Eq, false) | (Ne, true) => Op::JumpNeImm { a, v, to },
                (Lt, true) => Op::JumpLtImm { a, v, to },
                (Lt, false) => Op::JumpNotLtImm { a, v, to },
                (Le, true) => Op::JumpLeImm { a, v, to },
                (Le, false) => Op::JumpNotLeImm { a, v, to },
                (Gt, true) => Op::JumpGtImm { a, v, to },
                (Gt, false) => Op::JumpNotGtImm { a, v, to },
                (Ge, true) => Op::JumpGeImm { a, v, to },
                (_, _) => Op::JumpNotGeImm { a, v, to },
            }
        } else {
            let b = self.any(&binary.right);
            self.at(e.span);
            match (binary.op, when) {
                (Eq, true) | (Ne, false) => Op::JumpEq { a, b, to },
                (Eq, false) | (Ne, true) => Op::JumpNe { a, b, to },
                (Lt, true) => Op::JumpLt { a, b, to },
                (Lt, false) => Op::JumpNotLt { a, b, to },
                (Le, true) => Op::JumpLe { a, b, to },
                (Le, false) => Op::JumpNotLe { a, b, to },
                (Gt, true) => Op::JumpLt { a: b, b: a, to },
                (Gt, false) => Op::JumpNotLt { a: b, b: a, to },
                (Ge, true) => Op::JumpLe { a: b, b: a, to },
                (_, _) => Op::JumpNotLe { a: b, b: a, to },
            }
        };
        self.free_to(mark);
        Some(self.emit(op))
    }
}
