//! Methods of arrays and buffers. Those that take functions are in `library.nt`.

use super::cx::cut;
use super::{Cx, MANY, Native};
use crate::fault::{R, fail, kind, room, shown};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("array.push", 1, MANY, push),
    Native::new("array.pop", 0, 0, pop),
    Native::new("array.slice", 0, 2, slice),
    Native::new("array.indexOf", 1, 1, index_of),
    Native::new("array.join", 0, 1, join),
    Native::new("array.reverse", 0, 0, reverse),
    Native::new("array.contains", 1, 1, contains),
];

pub(super) static BUFFER_FUNCTIONS: &[Native] =
    &[Native::new("buffer.slice", 0, 2, buffer_slice), Native::new("buffer.toString", 0, 0, buffer_text)];

/// Appends; gives the new length.
pub(super) fn push(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    for value in &args[1..] {
        cx.heap.push(array, *value);
    }
    Ok(Value::number(cx.heap.items(array).len() as f64))
}

pub(super) fn pop(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    match cx.heap.items_mut(array).and_then(Vec::pop) {
        Some(value) => Ok(value),
        None => fail(kind::INDEX, "pop from an empty array"),
    }
}

/// The two ends of a slice.
pub(super) fn ends(cx: &Cx<'_>, args: &[Value], len: usize) -> R<(usize, usize)> {
    let given = |at: usize| args.len() > at && !args[at].is_nil();
    let from = if given(1) { cut(cx.integer(args, 1, "a start")?, len) } else { 0 };
    let to = if given(2) { cut(cx.integer(args, 2, "an end")?, len) } else { len };
    Ok((from, to.max(from)))
}

pub(super) fn slice(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    let (from, to) = ends(cx, args, cx.heap.items(array).len())?;
    let items = cx.heap.items(array)[from..to].to_vec();
    Ok(cx.heap.array(items))
}

fn find(cx: &Cx<'_>, args: &[Value]) -> R<Option<usize>> {
    let array = cx.array(args, 0, "the first argument")?;
    Ok(cx.heap.items(array).iter().position(|item| cx.heap.equal(*item, args[1])))
}

/// The place of the first element that equals a value, or -1.
pub(super) fn index_of(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    Ok(Value::number(find(cx, args)?.map_or(-1.0, |at| at as f64)))
}

pub(super) fn contains(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    Ok(Value::bool(find(cx, args)?.is_some()))
}

pub(super) fn join(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    let separator = if args.len() > 1 { cx.owned(args, 1, "a separator")? } else { ",".into() };
    let mut out = String::new();
    for (i, item) in cx.heap.items(array).iter().enumerate() {
        if i > 0 {
            out.push_str(&separator);
        }
        match cx.heap.as_str(*item) {
            Some(text) => out.push_str(text),
            None => out.push_str(&shown(cx.heap, *item)?),
        }
        room(cx.heap, out.len())?;
    }
    Ok(cx.new_text(out))
}

/// In place.
pub(super) fn reverse(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    if let Some(items) = cx.heap.items_mut(array) {
        items.reverse();
    }
    Ok(array)
}

fn buffer_slice(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let bytes = cx.bytes(args, 0, "the buffer")?;
    let (from, to) = ends(cx, args, bytes.len())?;
    Ok(cx.heap.bytes_value(bytes[from..to].to_vec()))
}

/// The text that the bytes spell in UTF-8.
fn buffer_text(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let bytes = cx.bytes(args, 0, "the buffer")?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(cx.new_text(text)),
        Err(reason) => fail(kind::VALUE, format!("the buffer is not UTF-8 text: {reason}")),
    }
}
