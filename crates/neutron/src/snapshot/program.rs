//! The compiled program: section 1.

use super::bytes::{Reader, Writer};
use super::{Read, damaged};
use crate::code::{Capture, Const, Function, Global, Handler, Local, Op, Program, Unit};
use crate::source::Source;

pub(super) fn write(program: &Program, w: &mut Writer) {
    w.len(program.units.len());
    for unit in &program.units {
        w.text(&unit.source.name);
        w.text(&unit.source.text);
        w.u32(unit.main);
    }
    w.u32(program.entry);
    w.len(program.consts.len());
    for constant in &program.consts {
        match constant {
            Const::Number(n) => {
                w.u8(0);
                w.f64(*n);
            }
            Const::Text(text) => {
                w.u8(1);
                w.text(text);
            }
            Const::Module(name) => {
                w.u8(2);
                w.text(name);
            }
            Const::Say => w.u8(3),
        }
    }
    w.len(program.sites.len());
    program.sites.iter().for_each(|name| w.text(name));
    w.len(program.globals.len());
    for global in &program.globals {
        w.text(&global.name);
        w.u32(global.unit);
    }
    w.len(program.functions.len());
    program.functions.iter().for_each(|f| write_function(f, w));
}

fn write_function(f: &Function, w: &mut Writer) {
    w.text(&f.name);
    w.u32(f.unit);
    w.u32(f.params);
    w.u32(f.required);
    w.u32(f.registers);
    w.bool(f.is_method);
    w.len(f.ops.len());
    f.ops.iter().for_each(|op| w.out.extend_from_slice(&op.encode()));
    w.len(f.lines.len());
    for (first, line) in &f.lines {
        w.u32(*first);
        w.u32(*line);
    }
    w.len(f.handlers.len());
    for h in &f.handlers {
        w.u32(h.start);
        w.u32(h.end);
        w.u32(h.target);
        w.u8(h.reg);
        w.bool(h.finally);
    }
    w.len(f.captures.len());
    for capture in &f.captures {
        match capture {
            Capture::Reg(reg) => {
                w.u8(0);
                w.u32(u32::from(*reg));
            }
            Capture::Up(up) => {
                w.u8(1);
                w.u32(*up);
            }
        }
    }
    w.len(f.locals.len());
    for local in &f.locals {
        w.text(&local.name);
        w.u8(local.reg);
        w.u32(local.start);
        w.u32(local.end);
    }
}

fn boxed(r: &mut Reader<'_>) -> Read<Box<str>> {
    Ok(r.text()?.into())
}

pub(super) fn read(r: &mut Reader<'_>) -> Read<Program> {
    let units = r.list(12, |r| {
        let source = Source { name: r.text()?.to_owned(), text: r.text()?.to_owned() };
        Ok(Unit { source, main: r.u32()? })
    })?;
    let entry = r.u32()?;
    let consts = r.list(1, |r| {
        Ok(match r.u8()? {
            0 => Const::Number(r.f64()?),
            1 => Const::Text(boxed(r)?),
            2 => Const::Module(boxed(r)?),
            3 => Const::Say,
            n => return damaged(format!("there is no constant of kind {n}")),
        })
    })?;
    let sites = r.list(4, boxed)?;
    let globals = r.list(8, |r| Ok(Global { name: boxed(r)?, unit: r.u32()? }))?;
    let functions = r.list(45, read_function)?;
    Ok(Program { units, entry, functions, consts, sites, globals })
}

fn read_function(r: &mut Reader<'_>) -> Read<Function> {
    Ok(Function {
        name: boxed(r)?,
        unit: r.u32()?,
        params: r.u32()?,
        required: r.u32()?,
        registers: r.u32()?,
        is_method: r.bool()?,
        ops: r.list(8, |r| {
            let bytes = r.u64()?.to_le_bytes();
            match Op::decode(bytes) {
                Some(op) => Ok(op),
                None => damaged(format!("there is no instruction {}", bytes[0])),
            }
        })?,
        lines: r.list(8, |r| Ok((r.u32()?, r.u32()?)))?,
        handlers: r.list(14, |r| {
            Ok(Handler { start: r.u32()?, end: r.u32()?, target: r.u32()?, reg: r.u8()?, finally: r.bool()? })
        })?,
        captures: r.list(5, |r| match (r.u8()?, r.u32()?) {
            (0, reg) if reg < 256 => Ok(Capture::Reg(reg as u8)),
            (1, up) => Ok(Capture::Up(up)),
            _ => damaged("a captured variable is of no known kind"),
        })?,
        locals: r.list(13, |r| Ok(Local { name: boxed(r)?, reg: r.u8()?, start: r.u32()?, end: r.u32()? }))?,
    })
}
