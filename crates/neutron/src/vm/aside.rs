//! What the loop of common instructions calls, apart from it so that it stays small. `None`: the case is not common, and
//! nothing was done.

use run::Port;

use super::fast::Window;
use super::{World, arith, member};
use crate::code::{Capture, Program};
use crate::fault::R;
use crate::heap::{Closure, Heap, Obj};
use crate::modules::{self, Cx};
use crate::value::{Kind, Value};

#[inline(never)]
pub(super) fn add(heap: &mut Heap, x: Value, y: Value) -> Option<Value> {
    if x.is(Kind::Text) || y.is(Kind::Text) { arith::add(heap, x, y).ok() } else { None }
}

#[inline(never)]
pub(super) fn element(heap: &mut Heap, object: Value, index: Value) -> Option<Value> {
    if object.is(Kind::Map) {
        let key = member::map_key(heap, index).ok()?;
        return Some(heap.as_map(object)?.get(key).unwrap_or(Value::NIL));
    }
    let at = index.as_number().filter(|n| *n >= 0.0 && *n == n.trunc() && *n < heap.chars(object) as f64)? as usize;
    Some(heap.substring(object, at, at + 1))
}

#[inline(never)]
pub(super) fn set_element(heap: &mut Heap, object: Value, index: Value, value: Value) -> Option<()> {
    let key = if object.is(Kind::Map) { member::map_key(heap, index).ok()? } else { return None };
    heap.set_entry(object, key, value);
    Some(())
}

#[inline(never)]
pub(super) fn closure(heap: &mut Heap, program: &Program, regs: &Window, own: u32, f: u32) -> Option<Value> {
    let captures = &program.functions.get(f as usize)?.captures;
    let outer = heap.closure(own);
    let home = outer.map_or(crate::heap::NONE, |c| c.home);
    let cell = |capture: &Capture| match capture {
        Capture::Reg(reg) => regs[*reg as usize].as_handle(Kind::Cell),
        Capture::Up(u) => outer.and_then(|c| c.cells.get(*u as usize)).copied(),
    };
    let cells: Option<Box<[u32]>> = captures.iter().map(cell).collect();
    let made = Obj::Closure(Closure { function: f, home, cells: cells? });
    Some(Value::new(Kind::Closure, heap.alloc(made)))
}

#[inline(never)]
pub(super) fn native(
    heap: &mut Heap,
    world: &mut World,
    port: &mut dyn Port,
    id: u32,
    args: &[Value],
) -> Option<R<Value>> {
    let native = modules::native(id)?;
    let args = if native.is_method() { args } else { args.get(1..)? };
    let given = args.len() - usize::from(native.is_method());
    if given < native.min as usize || given > native.max as usize {
        return None;
    }
    Some((native.call)(&mut Cx { heap, world, port }, args))
}

#[inline(never)]
pub(super) fn array(heap: &mut Heap, n: i32) -> Value {
    heap.array(Vec::with_capacity(n.clamp(0, 1 << 20) as usize))
}

#[inline(never)]
pub(super) fn cell(heap: &mut Heap, value: Value) -> Value {
    heap.cell(value)
}

/// A new instance and its constructor. `None` where `run` must look: fields to be set, no constructor.
#[inline(never)]
pub(super) fn instance(heap: &mut Heap, callee: Value, init: u32) -> Option<(Value, u32, u32)> {
    let handle = callee.as_handle(Kind::Class)?;
    let class = heap.class(handle)?;
    let init = class.methods.get(init)?.as_handle(Kind::Closure)?;
    if !class.fields.is_nil() {
        return None;
    }
    let fields = Vec::with_capacity(class.layout.len());
    let function = heap.closure(init)?.function;
    let made = heap.alloc(Obj::Instance { class: handle, fields });
    Some((Value::new(Kind::Instance, made), init, function))
}
