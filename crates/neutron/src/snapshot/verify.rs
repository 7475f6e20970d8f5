//! Checks a program from a snapshot so that running it can break nothing: every number that an instruction holds is
//! in range, and no path leaves a function other than by returning.

use super::{Read, damaged};
use crate::code::{Const, FieldKind, Function, Op, Program, REGISTER_PARAMS, WINDOW};

pub(super) fn program(p: &Program) -> Read<()> {
    if p.units.is_empty() || p.entry as usize >= p.units.len() || p.functions.is_empty() {
        return damaged("the program has no files");
    }
    for unit in &p.units {
        let Some(main) = p.functions.get(unit.main as usize) else {
            return damaged("a file's function does not exist");
        };
        if main.params != 0 {
            return damaged("a file's function takes parameters");
        }
    }
    p.functions.iter().try_for_each(|f| function(p, f))
}

fn function(p: &Program, f: &Function) -> Read<()> {
    let fits = if f.params as usize > REGISTER_PARAMS {
        f.registers as usize > REGISTER_PARAMS + 1
    } else {
        f.params < f.registers
    };
    if f.registers as usize > WINDOW || f.required > f.params || f.params > 65_535 || !fits {
        return damaged(format!("the function {} has a wrong number of registers", f.name));
    }
    if f.unit as usize >= p.units.len() {
        return damaged("a function's file does not exist");
    }
    let last = f.ops.last();
    if !matches!(
        last,
        Some(Op::Return { .. } | Op::ReturnNil {} | Op::Jump { .. } | Op::Throw { .. } | Op::Rethrow { .. })
    ) {
        return damaged(format!("the function {} does not end", f.name));
    }
    let len = f.ops.len() as i64;
    for (at, op) in f.ops.iter().enumerate() {
        let mut wrong = None;
        op.fields(&mut |kind, n| {
            let fine = match kind {
                FieldKind::Reg => n < i64::from(f.registers),
                FieldKind::Byte | FieldKind::Imm8 | FieldKind::Imm16 | FieldKind::Imm | FieldKind::Up => true,
                FieldKind::Jump => (0..len).contains(&(at as i64 + 1 + n)),
                FieldKind::Const => n < p.consts.len() as i64,
                FieldKind::Global => n < p.globals.len() as i64,
                FieldKind::Site => n < p.sites.len() as i64,
                FieldKind::Fun => n < p.functions.len() as i64,
                FieldKind::Unit => n < p.units.len() as i64,
            };
            if !fine {
                wrong = Some(kind);
            }
        });
        if let Some(kind) = wrong {
            return damaged(format!("an instruction of {} has a wrong {kind:?}", f.name));
        }
        if !together(p, f, op) {
            return damaged(format!("an instruction of {} does not fit", f.name));
        }
    }
    for h in &f.handlers {
        if h.start > h.end || i64::from(h.end) > len || i64::from(h.target) >= len || h.reg as usize + 3 > WINDOW {
            return damaged(format!("a handler of {} does not fit", f.name));
        }
    }
    Ok(())
}

/// What fields must be in common.
fn together(p: &Program, f: &Function, op: &Op) -> bool {
    let registers = f.registers as usize;
    match *op {
        Op::Call { a, n } | Op::CallGlobal { a, n, .. } | Op::Invoke { a, n, .. } | Op::SuperInvoke { a, n, .. } => {
            (a as usize + n as usize) < registers
        }
        Op::CallSpread { a } | Op::InvokeSpread { a, .. } | Op::SuperInvokeSpread { a, .. } => {
            a as usize + 2 <= registers
        }
        Op::Concat { b, n, .. } => b as usize + n as usize <= registers,
        Op::ForPrep { a } | Op::ForNext { a, .. } => a as usize + 3 <= registers,
        Op::Rethrow { a } => a as usize + 2 <= registers,
        Op::Class { k, .. } | Op::Method { k, .. } | Op::CheckType { k, .. } => {
            matches!(p.consts[k as usize], Const::Text(_))
        }
        _ => true,
    }
}
