//! Calls. The callee (or the object of a method) and the arguments lie in consecutive registers, which become the
//! first registers of what is called; the result replaces the callee.

use super::{Compiler, Place};
use crate::ast::{Arg, Call, Expr, ExprKind};
use crate::code::Op;

/// Calls with more arguments pass them in an array.
const REGISTER_ARGS: usize = 60;

impl Compiler<'_> {
    /// Calls and puts the result into `dst`, a fresh register.
    pub(super) fn call(&mut self, call: &Call, e: &Expr, dst: u8) {
        let mark = self.mark();
        // `dst` itself serves if nothing was allocated above it.
        let base = if dst as usize + 1 == mark { dst } else { self.temp() };
        let spread = call.args.len() > REGISTER_ARGS || call.args.iter().any(|a| a.spread);
        let mut skip = None;
        match &call.callee.kind {
            ExprKind::Member(m) => {
                self.into(&m.object, base, true);
                if m.optional {
                    skip = Some(self.emit(Op::JumpIfNil { a: base, to: 0 }));
                }
                let n = self.args(&call.args, spread);
                self.at(e.span_of_call());
                let s = self.site(&m.name);
                self.emit(if spread { Op::InvokeSpread { a: base, s } } else { Op::Invoke { a: base, n, s } });
            }
            ExprKind::SuperGet(name) => {
                self.this(base);
                let n = self.args(&call.args, spread);
                self.at(e.span_of_call());
                let s = self.site(name);
                self.emit(if spread {
                    Op::SuperInvokeSpread { a: base, s }
                } else {
                    Op::SuperInvoke { a: base, n, s }
                });
            }
            _ => {
                let global = match &call.callee.kind {
                    ExprKind::Name(name) if !spread => match self.place(name) {
                        Some(Place::Global(g)) => Some(g),
                        _ => None,
                    },
                    _ => None,
                };
                if global.is_none() {
                    self.into(&call.callee, base, true);
                }
                let n = self.args(&call.args, spread);
                self.at(e.span_of_call());
                self.emit(match global {
                    Some(g) => Op::CallGlobal { a: base, n, g },
                    None if spread => Op::CallSpread { a: base },
                    None => Op::Call { a: base, n },
                });
            }
        }
        if let Some(skip) = skip {
            self.patch(skip);
        }
        if base != dst {
            self.emit(Op::Move { a: dst, b: base });
        }
        self.free_to(mark);
    }

    /// Arguments behind the callee: one each, or all in one array.
    fn args(&mut self, args: &[Arg], spread: bool) -> u8 {
        if spread {
            let array = self.temp();
            self.array(args, array);
            return 1;
        }
        for arg in args {
            self.fresh(&arg.value);
        }
        args.len() as u8
    }
}

impl Expr {
    /// The line that a call is reported with: where its last part begins, for chains over several lines.
    fn span_of_call(&self) -> crate::source::Span {
        match &self.kind {
            ExprKind::Call(call) => match &call.callee.kind {
                ExprKind::Member(_) => crate::source::Span {
                    start: call.callee.span.end.saturating_sub(1).max(call.callee.span.start),
                    end: self.span.end,
                },
                _ => self.span,
            },
            _ => self.span,
        }
    }
}
