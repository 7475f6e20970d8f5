//! `json`: text and back, and objects by path-less keys.

use std::cell::Cell;
use std::fmt::Write;

use serde::de::DeserializeSeed;
use serde_json::Value as Tree;

use super::json_reader::Reader;
use super::{Cx, MANY, Native};
use crate::fault::{R, fail, kind, room};
use crate::heap::{Heap, Map, Obj};
use crate::value::{Kind, Value};
use crate::vm::map_key;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("json.stringify", 1, 2, stringify),
    Native::new("json.parse", 1, 1, parse),
    Native::new("json.readFile", 1, 1, read_file),
    Native::new("json.writeFile", 2, 3, write_file),
    Native::new("json.get", 2, 3, get),
    Native::new("json.set", 3, 3, set),
    Native::new("json.has", 2, 2, has),
    Native::new("json.delete", 2, 2, delete),
    Native::new("json.keys", 1, 1, keys),
    Native::new("json.values", 1, 1, values),
    Native::new("json.merge", 1, MANY, merge),
    Native::new("json.clone", 1, 1, clone),
];

/// Nesting that text may have.
const MAX_DEPTH: usize = 500;

/// A JSON tree as a value.
pub(crate) fn from_tree(heap: &mut Heap, tree: &Tree) -> Value {
    match tree {
        Tree::Null => Value::NIL,
        Tree::Bool(b) => Value::bool(*b),
        Tree::Number(n) => Value::foreign_number(n.as_f64().unwrap_or(0.0)),
        Tree::String(text) => heap.text(text.as_str()),
        Tree::Array(items) => {
            let items = items.iter().map(|item| from_tree(heap, item)).collect();
            heap.array(items)
        }
        Tree::Object(members) => {
            let mut map = Map::with_capacity(members.len());
            for (key, member) in members {
                let value = from_tree(heap, member);
                map.set(heap.intern(key), value);
            }
            heap.map(map)
        }
    }
}

/// A value as JSON text; with an indent, over several lines.
pub(crate) fn to_text(heap: &Heap, value: Value, indent: Option<usize>) -> R<String> {
    let mut out = String::new();
    write(heap, value, indent, 0, &mut out)?;
    Ok(out)
}

fn quoted(text: &str, out: &mut String) {
    // A string always has a JSON form.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

fn line(indent: Option<usize>, depth: usize, out: &mut String) {
    if let Some(width) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', width * depth));
    }
}

fn write(heap: &Heap, value: Value, indent: Option<usize>, depth: usize, out: &mut String) -> R<()> {
    // What is shared is written again each time.
    room(heap, out.len())?;
    if depth > MAX_DEPTH {
        return fail(kind::VALUE, format!("the value contains itself or is nested deeper than {MAX_DEPTH}"));
    }
    if let Some(n) = value.as_number() {
        if !n.is_finite() {
            return fail(kind::VALUE, format!("JSON has no number {}", crate::number::text(n)));
        }
        // The shortest text that reads back as the same number.
        let _ = if n == n.trunc() && n.abs() < 1e15 { write!(out, "{n:.0}") } else { write!(out, "{}", Tree::from(n)) };
        return Ok(());
    }
    match value.kind() {
        Some(Kind::Special) => out.push_str(match value.as_bool() {
            Some(true) => "true",
            Some(false) => "false",
            None => "null",
        }),
        Some(Kind::Text) => quoted(heap.str(value), out),
        Some(Kind::Array) => {
            let items = heap.items(value);
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                line(indent, depth + 1, out);
                write(heap, *item, indent, depth + 1, out)?;
            }
            if !items.is_empty() {
                line(indent, depth, out);
            }
            out.push(']');
        }
        Some(Kind::Map | Kind::Instance) => {
            let members = members(heap, value);
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                line(indent, depth + 1, out);
                quoted(heap.str_at(*key), out);
                out.push_str(if indent.is_some() { ": " } else { ":" });
                write(heap, *member, indent, depth + 1, out)?;
            }
            if !members.is_empty() {
                line(indent, depth, out);
            }
            out.push('}');
        }
        _ => return fail(kind::TYPE, format!("JSON has no form for {}", heap.type_name(value))),
    }
    Ok(())
}

/// One step from a value to a part of it.
pub(crate) enum Step {
    Index(usize),
    /// The handle of the name.
    Member(u32),
}

/// Whether there is something in a value that JSON has no form for; the way to the first, its last step first.
pub(crate) fn find_unsayable(heap: &Heap, value: Value, depth: usize, path: &mut Vec<Step>) -> bool {
    if depth > MAX_DEPTH {
        return true;
    }
    if let Some(n) = value.as_number() {
        return !n.is_finite();
    }
    match value.kind() {
        Some(Kind::Special | Kind::Text) => false,
        Some(Kind::Array) => heap.items(value).iter().enumerate().any(|(i, item)| {
            let found = find_unsayable(heap, *item, depth + 1, path);
            path.extend(found.then_some(Step::Index(i)));
            found
        }),
        Some(Kind::Map | Kind::Instance) => members(heap, value).into_iter().any(|(key, member)| {
            let found = find_unsayable(heap, member, depth + 1, path);
            path.extend(found.then_some(Step::Member(key)));
            found
        }),
        _ => true,
    }
}

/// Members of an object, or fields of an instance.
fn members(heap: &Heap, value: Value) -> Vec<(u32, Value)> {
    match &heap.slots[value.payload() as usize] {
        Obj::Map(map) => map.iter().collect(),
        Obj::Instance { class, fields } => {
            let layout = heap.class(*class).map(|c| c.layout.iter().collect::<Vec<_>>()).unwrap_or_default();
            let field = |slot: Value| fields.get(slot.as_number().unwrap_or(0.0) as usize).copied();
            let found = layout.into_iter().filter_map(|(name, slot)| field(slot).map(|v| (name, v)));
            found.filter(|(_, v)| *v != Value::EMPTY).collect()
        }
        _ => Vec::new(),
    }
}

fn indent(cx: &Cx<'_>, args: &[Value], at: usize) -> R<Option<usize>> {
    if args.len() <= at || args[at].is_nil() {
        return Ok(None);
    }
    match args[at].as_bool() {
        Some(b) => Ok(b.then_some(2)),
        None => Ok(Some(cx.count(args, at, "the indent")?.min(16)).filter(|n| *n > 0)),
    }
}

fn stringify(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = to_text(cx.heap, args[0], indent(cx, args, 1)?)?;
    Ok(cx.new_text(text))
}

/// The value that a text says. `from`: what the text is, for messages.
pub(crate) fn parse_into(heap: &mut Heap, text: &str, from: &str) -> R<Value> {
    let mut json = serde_json::Deserializer::from_str(text);
    let limit = heap.bytes.saturating_add(heap.limit);
    let full = Cell::new(false);
    let parsed =
        Reader { heap, limit, full: &full }.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    let reason = match parsed {
        Ok(value) => return Ok(value),
        Err(reason) => reason,
    };
    if full.get() {
        room(heap, usize::MAX)?;
    }
    fail(kind::VALUE, format!("{from} is not JSON: {reason}"))
}

fn parse(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.owned(args, 0, "the text")?;
    parse_into(cx.heap, &text, "the text")
}

fn read_file(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let content = super::files::read(cx, args)?;
    let text = cx.owned(&[content], 0, "the file's content")?;
    let from = format!("the file {}", cx.heap.show(args[0]));
    parse_into(cx.heap, &text, &from)
}

fn write_file(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut text = to_text(cx.heap, args[1], indent(cx, args, 2)?)?;
    text.push('\n');
    let text = cx.new_text(text);
    super::files::write(cx, &[args[0], text])
}

/// A member of an object or element of an array; otherwise what the third argument says.
fn get(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let default = args.get(2).copied().unwrap_or(Value::NIL);
    if args[0].is(Kind::Array) {
        let index = cx.integer(args, 1, "an index")?;
        let items = cx.heap.items(args[0]);
        let at = if index < 0 { index + items.len() as i64 } else { index };
        return Ok(usize::try_from(at).ok().and_then(|at| items.get(at)).copied().unwrap_or(default));
    }
    let object = cx.map(args, 0, "the first argument")?;
    let key = map_key(cx.heap, args[1])?;
    Ok(cx.heap.as_map(object).and_then(|m| m.get(key)).unwrap_or(default))
}

fn set(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let object = cx.map(args, 0, "the first argument")?;
    let key = map_key(cx.heap, args[1])?;
    let key = cx.heap.str_at(key).to_owned();
    cx.heap.set_member(object, &key, args[2]);
    Ok(object)
}

fn has(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let object = cx.map(args, 0, "the first argument")?;
    let key = map_key(cx.heap, args[1])?;
    Ok(Value::bool(cx.heap.as_map(object).is_some_and(|m| m.position(key).is_some())))
}

/// Whether it was there.
fn delete(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let object = cx.map(args, 0, "the first argument")?;
    let key = map_key(cx.heap, args[1])?;
    Ok(Value::bool(cx.heap.as_map_mut(object).and_then(|m| m.remove(key)).is_some()))
}

fn keys(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let object = cx.map(args, 0, "the first argument")?;
    let keys = cx.heap.as_map(object).map(|m| m.iter().map(|(k, _)| Value::new(Kind::Text, k)).collect());
    Ok(cx.heap.array(keys.unwrap_or_default()))
}

fn values(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let object = cx.map(args, 0, "the first argument")?;
    let values = cx.heap.as_map(object).map(|m| m.iter().map(|(_, v)| v).collect());
    Ok(cx.heap.array(values.unwrap_or_default()))
}

/// A new object with the members of all; later ones win.
fn merge(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut merged = Map::default();
    for at in 0..args.len() {
        let object = cx.map(args, at, "an argument")?;
        for (key, value) in cx.heap.as_map(object).into_iter().flat_map(Map::iter) {
            merged.set(key, value);
        }
    }
    Ok(cx.heap.map(merged))
}

/// A deep copy of arrays and objects, in which what was shared is shared.
fn clone(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut copies = hashbrown::HashMap::new();
    let mut todo = Vec::new();
    let root = copy_of(cx.heap, args[0], &mut copies, &mut todo);
    while let Some((from, to)) = todo.pop() {
        if from.is(Kind::Array) {
            let items = cx.heap.items(from).to_vec();
            for item in items {
                let item = copy_of(cx.heap, item, &mut copies, &mut todo);
                cx.heap.push(to, item);
            }
        } else {
            let members: Vec<_> = cx.heap.as_map(from).into_iter().flat_map(Map::iter).collect();
            for (key, value) in members {
                let value = copy_of(cx.heap, value, &mut copies, &mut todo);
                if let Some(map) = cx.heap.as_map_mut(to) {
                    map.set(key, value);
                }
            }
        }
    }
    Ok(root)
}

fn copy_of(
    heap: &mut Heap,
    value: Value,
    copies: &mut hashbrown::HashMap<u32, Value>,
    todo: &mut Vec<(Value, Value)>,
) -> Value {
    if !value.is(Kind::Array) && !value.is(Kind::Map) {
        return value;
    }
    if let Some(copy) = copies.get(&value.payload()) {
        return *copy;
    }
    let copy = if value.is(Kind::Array) { heap.array(Vec::new()) } else { heap.map(Map::default()) };
    copies.insert(value.payload(), copy);
    todo.push((value, copy));
    copy
}
