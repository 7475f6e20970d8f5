//! `collections`: sets, stacks, queues. A stack and a queue are arrays; a set is an object from a text for each element
//! to the element, so that membership costs a look-up.

use super::{Cx, Native};
use crate::fault::{R, fail, kind};
use crate::heap::Map;
use crate::number;
use crate::value::{Kind, Value};

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("collections.set_new", 0, 1, set_new),
    Native::new("collections.set_add", 2, 2, set_add),
    Native::new("collections.set_has", 2, 2, set_has),
    Native::new("collections.set_remove", 2, 2, set_remove),
    Native::new("collections.set_size", 1, 1, set_size),
    Native::new("collections.set_to_array", 1, 1, set_to_array),
    Native::new("collections.set_union", 2, 2, set_union),
    Native::new("collections.set_intersection", 2, 2, |cx, args| set_filter(cx, args, true)),
    Native::new("collections.set_difference", 2, 2, |cx, args| set_filter(cx, args, false)),
    Native::new("collections.stack_new", 0, 0, list_new),
    Native::new("collections.stack_push", 2, 2, push),
    Native::new("collections.stack_pop", 1, 1, stack_pop),
    Native::new("collections.stack_peek", 1, 1, stack_peek),
    Native::new("collections.stack_size", 1, 1, size),
    Native::new("collections.stack_is_empty", 1, 1, is_empty),
    Native::new("collections.queue_new", 0, 0, list_new),
    Native::new("collections.queue_enqueue", 2, 2, push),
    Native::new("collections.queue_dequeue", 1, 1, dequeue),
    Native::new("collections.queue_peek", 1, 1, queue_peek),
    Native::new("collections.queue_size", 1, 1, size),
    Native::new("collections.queue_is_empty", 1, 1, is_empty),
];

/// The key of an element. Arrays and objects go by their text, which equal ones share.
fn key(cx: &mut Cx<'_>, value: Value) -> R<u32> {
    let text = match value.kind() {
        None => format!("n{}", number::text(value.as_number().unwrap_or(0.0) + 0.0)),
        Some(Kind::Text) => format!("s{}", cx.heap.str(value)),
        Some(Kind::Special) => cx.heap.show(value),
        Some(Kind::Array | Kind::Map) => format!("j{}", super::json::to_text(cx.heap, value, None)?),
        _ => return fail(kind::TYPE, format!("a set cannot hold {}", cx.heap.type_name(value))),
    };
    // Numbers that print alike may differ.
    match value.as_number() {
        Some(n) if n != n.trunc() => Ok(cx.heap.intern(&format!("n{n:?}"))),
        _ => Ok(cx.heap.intern(&text)),
    }
}

fn set_new(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut map = Map::default();
    if !args.is_empty() {
        let array = cx.array(args, 0, "the elements")?;
        for item in cx.heap.items(array).to_vec() {
            map.set(key(cx, item)?, item);
        }
    }
    Ok(cx.heap.map(map))
}

fn set_add(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let set = cx.map(args, 0, "the set")?;
    let key = key(cx, args[1])?;
    let mut grown = 0;
    if let Some(map) = cx.heap.as_map_mut(set)
        && map.get(key).is_none()
    {
        let before = map.size();
        map.set(key, args[1]);
        grown = map.size().saturating_sub(before);
    }
    cx.heap.bytes += grown;
    Ok(set)
}

fn set_has(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let set = cx.map(args, 0, "the set")?;
    let key = key(cx, args[1])?;
    Ok(Value::bool(cx.heap.as_map(set).is_some_and(|m| m.get(key).is_some())))
}

/// Whether it was there.
fn set_remove(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let set = cx.map(args, 0, "the set")?;
    let key = key(cx, args[1])?;
    Ok(Value::bool(cx.heap.as_map_mut(set).and_then(|m| m.remove(key)).is_some()))
}

fn set_size(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let set = cx.map(args, 0, "the set")?;
    Ok(Value::number(cx.heap.as_map(set).map_or(0, Map::len) as f64))
}

fn set_to_array(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let set = cx.map(args, 0, "the set")?;
    let items = cx.heap.as_map(set).into_iter().flat_map(Map::iter).map(|(_, v)| v).collect();
    Ok(cx.heap.array(items))
}

fn set_union(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (a, b) = (cx.map(args, 0, "the first set")?, cx.map(args, 1, "the second set")?);
    let mut map = cx.heap.as_map(a).cloned().unwrap_or_default();
    for (key, value) in cx.heap.as_map(b).into_iter().flat_map(Map::iter) {
        map.set(key, value);
    }
    Ok(cx.heap.map(map))
}

fn set_filter(cx: &mut Cx<'_>, args: &[Value], in_both: bool) -> R<Value> {
    let (a, b) = (cx.map(args, 0, "the first set")?, cx.map(args, 1, "the second set")?);
    let mut map = Map::default();
    for (key, value) in cx.heap.as_map(a).into_iter().flat_map(Map::iter) {
        if cx.heap.as_map(b).is_some_and(|m| m.get(key).is_some()) == in_both {
            map.set(key, value);
        }
    }
    Ok(cx.heap.map(map))
}

fn list_new(cx: &mut Cx<'_>, _: &[Value]) -> R<Value> {
    Ok(cx.heap.array(Vec::new()))
}

fn push(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let list = cx.array(args, 0, "the first argument")?;
    cx.heap.push(list, args[1]);
    Ok(list)
}

fn must(value: Option<Value>, what: &str) -> R<Value> {
    match value {
        Some(value) => Ok(value),
        None => fail(kind::INDEX, format!("the {what} is empty")),
    }
}

fn stack_pop(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let list = cx.array(args, 0, "the stack")?;
    must(cx.heap.items_mut(list).and_then(Vec::pop), "stack")
}

fn stack_peek(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let list = cx.array(args, 0, "the stack")?;
    must(cx.heap.items(list).last().copied(), "stack")
}

fn dequeue(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let list = cx.array(args, 0, "the queue")?;
    let items = cx.heap.items_mut(list).filter(|items| !items.is_empty());
    must(items.map(|items| items.remove(0)), "queue")
}

fn queue_peek(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let list = cx.array(args, 0, "the queue")?;
    must(cx.heap.items(list).first().copied(), "queue")
}

fn size(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let list = cx.array(args, 0, "the first argument")?;
    Ok(Value::number(cx.heap.items(list).len() as f64))
}

fn is_empty(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let list = cx.array(args, 0, "the first argument")?;
    Ok(Value::bool(cx.heap.items(list).is_empty()))
}
