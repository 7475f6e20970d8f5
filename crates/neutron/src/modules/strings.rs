//! `strings`: functions whose first argument is the text.

use super::{Cx, MANY, Native, string_case as case, string_methods as methods};
use crate::fault::{R, fail, kind};
use crate::heap::Heap;
use crate::value::Value;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("strings.split", 1, 3, methods::split),
    Native::new("strings.join", 1, 2, super::array_methods::join),
    Native::new("strings.trim", 1, 2, |cx, args| methods::strip(cx, args, true, true)),
    Native::new("strings.trim_left", 1, 2, |cx, args| methods::strip(cx, args, true, false)),
    Native::new("strings.trim_right", 1, 2, |cx, args| methods::strip(cx, args, false, true)),
    Native::new("strings.upper", 1, 1, case::upper),
    Native::new("strings.lower", 1, 1, case::lower),
    Native::new("strings.replace", 3, 3, methods::replace),
    Native::new("strings.replace_first", 3, 3, replace_first),
    Native::new("strings.contains", 2, 2, methods::contains),
    Native::new("strings.starts_with", 2, 2, methods::starts_with),
    Native::new("strings.ends_with", 2, 2, methods::ends_with),
    Native::new("strings.index_of", 2, 3, methods::find),
    Native::new("strings.last_index_of", 2, 2, methods::rfind),
    Native::new("strings.substring", 2, 3, methods::slice),
    Native::new("strings.repeat", 2, 2, methods::repeat),
    Native::new("strings.reverse", 1, 1, reverse),
    Native::new("strings.length", 1, 1, length),
    Native::new("strings.count", 2, 2, count),
    Native::new("strings.char_at", 2, 2, char_at),
    Native::new("strings.char_code", 1, 2, char_code),
    Native::new("strings.from_char_code", 1, MANY, from_char_code),
    Native::new("strings.is_empty", 1, 1, |cx, args| Ok(Value::bool(cx.text(args, 0, "the text")?.is_empty()))),
    Native::new("strings.is_alpha", 1, 1, |cx, args| case::all(cx, args, char::is_alphabetic)),
    Native::new("strings.is_digit", 1, 1, |cx, args| case::all(cx, args, char::is_numeric)),
    Native::new("strings.is_alnum", 1, 1, |cx, args| case::all(cx, args, char::is_alphanumeric)),
];

fn replace_first(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    methods::replace(cx, &[args[0], args[1], args[2], Value::number(1.0)])
}

fn reverse(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text: String = cx.text(args, 0, "the text")?.chars().rev().collect();
    Ok(cx.new_text(text))
}

fn length(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    cx.text(args, 0, "the text")?;
    Ok(Value::number(cx.heap.chars(args[0]) as f64))
}

/// Occurrences that do not overlap.
fn count(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, part) = (cx.text(args, 0, "the text")?, cx.text(args, 1, "what is counted")?);
    Ok(Value::number(if part.is_empty() { 0.0 } else { text.matches(part).count() as f64 }))
}

fn place(cx: &Cx<'_>, args: &[Value]) -> R<usize> {
    cx.text(args, 0, "the text")?;
    let len = cx.heap.chars(args[0]);
    let index = if args.len() > 1 { cx.integer(args, 1, "an index")? } else { 0 };
    let at = if index < 0 { index + len as i64 } else { index };
    if !(0..len as i64).contains(&at) {
        return fail(kind::INDEX, format!("index {index} is out of range for a string of length {len}"));
    }
    Ok(at as usize)
}

fn char_at(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let at = place(cx, args)?;
    Ok(cx.heap.substring(args[0], at, at + 1))
}

/// The Unicode number of a character; of the first, if no place is given.
fn char_code(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let at = place(cx, args)?;
    let c = Heap::str(cx.heap, args[0]).chars().nth(at).unwrap_or('\0');
    Ok(Value::number(f64::from(c as u32)))
}

fn from_char_code(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut text = String::new();
    for at in 0..args.len() {
        let code = cx.integer(args, at, "a character's number")?;
        match u32::try_from(code).ok().and_then(char::from_u32) {
            Some(c) => text.push(c),
            None => return fail(kind::VALUE, format!("there is no character with the number {code}")),
        }
    }
    Ok(cx.new_text(text))
}
