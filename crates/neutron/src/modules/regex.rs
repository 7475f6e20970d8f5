//! `regex`: `(text, pattern, …)`, in linear time whatever the pattern. Places count characters.

use regex::{Regex, RegexBuilder};

use super::{Cx, Native};
use crate::fault::{R, fail, kind, room};
use crate::heap::{Heap, Map};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("regex.test", 2, 2, test),
    Native::new("regex.search", 2, 2, search),
    Native::new("regex.find", 2, 2, find),
    Native::new("regex.findAll", 2, 2, find_all),
    Native::new("regex.replace", 3, 3, replace),
    Native::new("regex.split", 2, 2, split),
    Native::new("regex.isValid", 1, 1, is_valid),
    Native::new("regex.escape", 1, 1, escape),
];

/// What a compiled pattern may take, in bytes.
const MAX_SIZE: usize = 4 << 20;

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_SIZE).nest_limit(100).build()
}

fn parts(cx: &Cx<'_>, args: &[Value]) -> R<(String, Regex)> {
    let (text, pattern) = (cx.owned(args, 0, "the text")?, cx.text(args, 1, "the pattern")?);
    match compile(pattern) {
        Ok(regex) => Ok((text, regex)),
        Err(reason) => {
            let reason = reason.to_string();
            let last = reason.lines().last().unwrap_or("").trim_start_matches("error: ");
            fail(kind::VALUE, format!("the pattern {pattern:?} is wrong: {last}"))
        }
    }
}

/// Whether the pattern occurs.
fn test(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, regex) = parts(cx, args)?;
    Ok(Value::bool(regex.is_match(&text)))
}

/// The place of the first occurrence, or -1.
fn search(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, regex) = parts(cx, args)?;
    let at = regex.find(&text).map(|found| Heap::char_place(&text, found.start()));
    Ok(Value::number(at.map_or(-1.0, |at| at as f64)))
}

/// The first occurrence as `{text, start, end, groups}`, or nil.
fn find(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, regex) = parts(cx, args)?;
    let Some(found) = regex.captures(&text) else { return Ok(Value::NIL) };
    let Some(whole) = found.get(0) else { return Ok(Value::NIL) };
    let result = cx.heap.map(Map::with_capacity(4));
    let matched = cx.new_text(whole.as_str());
    cx.heap.set_member(result, "text", matched);
    let place = |at: usize| Value::number(Heap::char_place(&text, at) as f64);
    cx.heap.set_member(result, "start", place(whole.start()));
    cx.heap.set_member(result, "end", place(whole.end()));
    let groups: Vec<Value> =
        (1..found.len()).map(|i| found.get(i).map_or(Value::NIL, |group| cx.heap.text(group.as_str()))).collect();
    let groups = cx.heap.array(groups);
    cx.heap.set_member(result, "groups", groups);
    Ok(result)
}

/// The texts of all occurrences.
fn find_all(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, regex) = parts(cx, args)?;
    Ok(cx.texts(regex.find_iter(&text).map(|found| found.as_str())))
}

/// All occurrences; `$1` in the replacement is the first group.
fn replace(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, regex) = parts(cx, args)?;
    let replacement = cx.owned(args, 2, "the replacement")?;
    let (mut out, mut end) = (String::new(), 0);
    for found in regex.captures_iter(&text) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&text[end..whole.start()]);
        found.expand(&replacement, &mut out);
        end = whole.end();
        room(cx.heap, out.len())?;
    }
    out.push_str(&text[end..]);
    Ok(cx.new_text(out))
}

fn split(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, regex) = parts(cx, args)?;
    Ok(cx.texts(regex.split(&text)))
}

fn is_valid(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    Ok(Value::bool(compile(cx.text(args, 0, "the pattern")?).is_ok()))
}

/// A pattern that matches just the text.
fn escape(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = regex::escape(cx.text(args, 0, "the text")?);
    Ok(cx.new_text(text))
}
