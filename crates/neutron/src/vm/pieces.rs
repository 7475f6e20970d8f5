//! Parts of instructions that the general loop does: classes, spreads, types, `for … in`, strings.

use crate::ast::Type;
use crate::fault::{CHARACTER, Fault, R, fail, kind, room};
use crate::heap::{Heap, Obj};
use crate::value::{Kind, Value};

pub(super) fn set_home(heap: &mut Heap, method: Value, class: u32) {
    if let Some(handle) = method.as_handle(Kind::Closure)
        && let Obj::Closure(closure) = &mut heap.slots[handle as usize]
    {
        closure.home = class;
    }
}

pub(super) fn inherit(heap: &mut Heap, class: Value, parent: Value) -> R<()> {
    let Some(handle) = parent.as_handle(Kind::Class) else {
        return fail(kind::TYPE, format!("a class extends a class, not {}", heap.type_name(parent)));
    };
    let Some(from) = heap.class(handle) else { return Ok(()) };
    let (methods, layout, fields) = (from.methods.clone(), from.layout.clone(), from.fields);
    if let Some(class) = heap.class_mut(class.payload()) {
        (class.parent, class.methods, class.layout, class.fields) = (handle, methods, layout, fields);
    }
    Ok(())
}

pub(super) fn push_all(heap: &mut Heap, array: Value, source: Value) -> R<()> {
    if source.is(Kind::Text) {
        room(heap, heap.chars(source).saturating_mul(CHARACTER))?;
        for c in heap.str(source).to_owned().chars() {
            let c = heap.text(c.to_string());
            heap.push(array, c);
        }
        return Ok(());
    }
    if !source.is(Kind::Array) {
        return fail(kind::TYPE, format!("... takes an array, not {}", heap.type_name(source)));
    }
    for value in heap.items(source).to_vec() {
        heap.push(array, value);
    }
    Ok(())
}

pub(super) fn has_type(value: Value, t: u8) -> bool {
    match Type::ALL.get(t as usize) {
        Some((_, Type::Int)) => value.as_number().is_some_and(|n| n == n.trunc() && n.is_finite()),
        Some((_, Type::Float)) => value.is_number(),
        Some((_, Type::String)) => value.is(Kind::Text),
        Some((_, Type::Bool)) => value.as_bool().is_some(),
        Some((_, Type::Array)) => value.is(Kind::Array),
        Some((_, Type::Object)) => value.is(Kind::Map) || value.is(Kind::Instance),
        _ => true,
    }
}

#[cold]
pub(super) fn wrong_type(heap: &Heap, what: &str, t: u8, value: Value) -> Box<Fault> {
    let name = Type::ALL.get(t as usize).map_or("any", |(name, _)| name);
    let shown = heap.show_short(value);
    let given = if value.is_number() || value.is_nil() { shown } else { format!("{} {shown}", heap.type_name(value)) };
    Box::new(Fault::Error(kind::TYPE, format!("{what} must be of type {name}, not {given}")))
}

/// What `for … in` walks: an array of what is given, or a length whose indexes are given.
pub(super) fn for_prep(heap: &mut Heap, source: Value) -> R<(Value, Value)> {
    match source.kind() {
        Some(Kind::Array) => Ok((source, Value::FALSE)),
        Some(Kind::Map) => {
            let keys = heap.as_map(source).map(|m| m.iter().map(|(k, _)| Value::new(Kind::Text, k)).collect());
            Ok((heap.array(keys.unwrap_or_default()), Value::TRUE))
        }
        Some(Kind::Text) => {
            room(heap, heap.chars(source).saturating_mul(CHARACTER))?;
            let text = heap.str(source).to_owned();
            let items = text.chars().map(|c| heap.text(c.to_string())).collect();
            Ok((heap.array(items), Value::TRUE))
        }
        Some(Kind::Bytes) => {
            let len = heap.as_bytes(source).map_or(0, <[u8]>::len);
            Ok((Value::number(len as f64), Value::FALSE))
        }
        _ => fail(kind::TYPE, format!("for … in walks objects, arrays and strings, not {}", heap.type_name(source))),
    }
}

pub(super) fn concat(heap: &mut Heap, parts: &[Value]) -> R<Value> {
    match heap.join(parts) {
        Some(text) => Ok(text),
        None => fail(kind::MEMORY, "this string would be longer than the program may use memory"),
    }
}
