//! `arrays`, and what the library in the language needs of native code.

use super::array_methods as methods;
use super::cx::cut;
use super::{Cx, MANY, Native};
use crate::fault::{R, fail, kind, room, shown};
use crate::value::{Kind, Value};

/// In `library.nt`.
pub(super) static LIBRARY: &[&str] = &["map", "filter", "find", "reduce", "every", "some", "sort", "flat_map"];

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("arrays.new", 0, 2, new),
    Native::new("arrays.length", 1, 1, length),
    Native::new("arrays.push", 2, MANY, methods::push),
    Native::new("arrays.pop", 1, 1, methods::pop),
    Native::new("arrays.at", 2, 2, at),
    Native::new("arrays.set", 3, 3, set),
    Native::new("arrays.slice", 1, 3, methods::slice),
    Native::new("arrays.join", 1, 2, methods::join),
    Native::new("arrays.reverse", 1, 1, methods::reverse),
    Native::new("arrays.index_of", 2, 2, methods::index_of),
    Native::new("arrays.contains", 2, 2, methods::contains),
    Native::new("arrays.remove", 2, 2, remove),
    Native::new("arrays.remove_at", 2, 2, remove_at),
    Native::new("arrays.clear", 1, 1, clear),
    Native::new("arrays.clone", 1, 1, clone),
    Native::new("arrays.to_string", 1, 1, to_string),
    Native::new("arrays.flat", 1, 2, flat),
    Native::new("arrays.fill", 2, 4, fill),
    Native::new("arrays.range", 1, 3, range),
    Native::new("arrays.shuffle", 1, 1, shuffle),
];

pub(super) static INTERNAL: &[Native] = &[
    Native::new("(library).sort", 1, 1, sort),
    Native::new("(library).before", 1, 1, before),
    Native::new("(library).least", 2, 2, least),
    Native::new("(library).replace", 2, 2, replace),
    Native::new("(library).append", 2, 2, append),
    Native::new("(library).array", 1, 1, |cx, args| cx.array(args, 0, "the first argument")),
    Native::new("(library).is_array", 1, 1, |_, args| Ok(Value::bool(args[0].is(Kind::Array)))),
    Native::new("(library).fail", 1, 1, |cx, args| fail(kind::VALUE, cx.owned(args, 0, "a message")?)),
];

fn new(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let n = if args.is_empty() { 0 } else { cx.count(args, 0, "the length of an array")? };
    room(cx.heap, n.saturating_mul(8))?;
    Ok(cx.heap.array(vec![args.get(1).copied().unwrap_or(Value::NIL); n]))
}

fn length(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    Ok(Value::number(cx.heap.items(array).len() as f64))
}

/// The place that an index means, which must be there.
fn place(cx: &Cx<'_>, args: &[Value]) -> R<(Value, usize)> {
    let array = cx.array(args, 0, "the first argument")?;
    let index = cx.integer(args, 1, "an index")?;
    let len = cx.heap.items(array).len();
    let at = if index < 0 { index + len as i64 } else { index };
    if !(0..len as i64).contains(&at) {
        return fail(kind::INDEX, format!("index {index} is out of range for an array of length {len}"));
    }
    Ok((array, at as usize))
}

fn at(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (array, at) = place(cx, args)?;
    Ok(cx.heap.items(array)[at])
}

fn set(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (array, at) = place(cx, args)?;
    if let Some(items) = cx.heap.items_mut(array) {
        items[at] = args[2];
    }
    Ok(args[2])
}

/// Removes the first element that equals a value; whether there was one.
fn remove(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    let at = cx.heap.items(array).iter().position(|item| cx.heap.equal(*item, args[1]));
    if let (Some(at), Some(items)) = (at, cx.heap.items_mut(array)) {
        items.remove(at);
    }
    Ok(Value::bool(at.is_some()))
}

fn remove_at(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (array, at) = place(cx, args)?;
    Ok(cx.heap.items_mut(array).map_or(Value::NIL, |items| items.remove(at)))
}

fn clear(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    if let Some(items) = cx.heap.items_mut(array) {
        items.clear();
    }
    Ok(array)
}

fn clone(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    let items = cx.heap.items(array).to_vec();
    Ok(cx.heap.array(items))
}

fn to_string(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    let text = shown(cx.heap, array)?;
    Ok(cx.new_text(text))
}

/// Takes inner arrays apart, to a depth.
fn flat(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    let depth = if args.len() > 1 { cx.integer(args, 1, "a depth")? } else { 1 };
    let mut out = Vec::new();
    let mut todo: Vec<(Value, i64)> = cx.heap.items(array).iter().rev().map(|v| (*v, depth)).collect();
    while let Some((value, depth)) = todo.pop() {
        if depth > 0 && value.is(Kind::Array) {
            if depth > 10_000 {
                return fail(kind::VALUE, format!("a depth is at most 10,000, not {depth}"));
            }
            todo.extend(cx.heap.items(value).iter().rev().map(|v| (*v, depth - 1)));
        } else {
            out.push(value);
        }
        room(cx.heap, (out.len() + 2 * todo.len()).saturating_mul(8))?;
    }
    Ok(cx.heap.array(out))
}

/// `(array, value, from?, to?)`.
fn fill(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    let len = cx.heap.items(array).len();
    let from = if args.len() > 2 { cut(cx.integer(args, 2, "a start")?, len) } else { 0 };
    let to = if args.len() > 3 { cut(cx.integer(args, 3, "an end")?, len) } else { len };
    if let Some(items) = cx.heap.items_mut(array)
        && from < to
    {
        items[from..to].fill(args[1]);
    }
    Ok(array)
}

/// `(end)`, `(start, end)` or `(start, end, step)`; the end is not in it.
fn range(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let first = cx.number(args, 0, "the first argument")?;
    let (start, end) = if args.len() == 1 { (0.0, first) } else { (first, cx.number(args, 1, "the end")?) };
    let step = if args.len() > 2 { cx.number(args, 2, "the step")? } else { 1.0 };
    let n = ((end - start) / step).ceil();
    if step == 0.0 || !n.is_finite() {
        let step = crate::number::text(step);
        return fail(kind::VALUE, format!("this range never ends (step {step})"));
    }
    let n = n.max(0.0) as usize;
    room(cx.heap, n.saturating_mul(8))?;
    Ok(cx.heap.array((0..n).map(|i| Value::number(start + i as f64 * step)).collect()))
}

/// In place.
pub(super) fn shuffle(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "the first argument")?;
    if let Some(items) = cx.heap.items_mut(array) {
        for i in (1..items.len()).rev() {
            items.swap(i, cx.world.rng.below(i as u64 + 1) as usize);
        }
    }
    Ok(array)
}

/// Numbers by size, strings by their characters; in place.
fn sort(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = args[0];
    let mut items = cx.heap.items(array).to_vec();
    if items.iter().all(|v| v.is_number()) {
        items.sort_by(|a, b| a.as_number().unwrap_or(0.0).total_cmp(&b.as_number().unwrap_or(0.0)));
    } else if items.iter().all(|v| v.is(Kind::Text)) {
        items.sort_by(|a, b| cx.heap.str(*a).cmp(cx.heap.str(*b)));
    } else {
        return fail(kind::TYPE, "sort without a function takes only numbers or only strings");
    }
    if let Some(own) = cx.heap.items_mut(array) {
        *own = items;
    }
    Ok(array)
}

/// What a comparing function said: a negative number or `true` means before.
fn before(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    match (args[0].as_number(), args[0].as_bool()) {
        (Some(n), _) => Ok(Value::bool(n < 0.0)),
        (_, Some(b)) => Ok(Value::bool(b)),
        _ => {
            let given = cx.heap.type_name(args[0]);
            fail(kind::TYPE, format!("the function of sort must give a number or a bool, not {given}"))
        }
    }
}

fn least(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    Ok(Value::number(cx.number(args, 0, "a number")?.min(cx.number(args, 1, "a number")?)))
}

fn replace(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let items = cx.heap.items(args[1]).to_vec();
    if let Some(own) = cx.heap.items_mut(args[0]) {
        *own = items;
    }
    Ok(args[0])
}

fn append(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    for item in cx.heap.items(args[1]).to_vec() {
        cx.heap.push(args[0], item);
    }
    Ok(args[0])
}
