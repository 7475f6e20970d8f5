//! `fmt`: conversions and questions about types.

use super::{Cx, Native};
use crate::fault::{R, fail, kind, room, shown};
use crate::number;
use crate::value::{Kind, Value};

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("fmt.to_int", 1, 2, to_int),
    Native::new("fmt.to_str", 1, 1, to_str),
    Native::new("fmt.to_bin", 1, 1, |cx, args| radix(cx, args, 2)),
    Native::new("fmt.to_float", 1, 1, to_float),
    Native::new("fmt.to_hex", 1, 1, |cx, args| radix(cx, args, 16)),
    Native::new("fmt.to_oct", 1, 1, |cx, args| radix(cx, args, 8)),
    Native::new("fmt.type", 1, 1, type_),
    Native::new("fmt.is_int", 1, 1, |_, args| is(args[0].as_number().is_some_and(|n| n == n.trunc() && n.is_finite()))),
    Native::new("fmt.is_float", 1, 1, |_, args| {
        is(args[0].as_number().is_some_and(|n| n != n.trunc() || !n.is_finite()))
    }),
    Native::new("fmt.is_string", 1, 1, |_, args| is(args[0].is(Kind::Text))),
    Native::new("fmt.is_bool", 1, 1, |_, args| is(args[0].as_bool().is_some())),
    Native::new("fmt.is_nil", 1, 1, |_, args| is(args[0].is_nil())),
    Native::new("fmt.is_array", 1, 1, |_, args| is(args[0].is(Kind::Array))),
    Native::new("fmt.is_object", 1, 1, |_, args| is(args[0].is(Kind::Map))),
    Native::new("fmt.is_callable", 1, 1, |cx, args| is(cx.heap.is_callable(args[0]))),
    Native::new("fmt.pad_left", 2, 3, |cx, args| pad(cx, args, true)),
    Native::new("fmt.pad_right", 2, 3, |cx, args| pad(cx, args, false)),
];

fn is(b: bool) -> R<Value> {
    Ok(Value::bool(b))
}

fn type_(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let name = cx.heap.type_name(args[0]);
    Ok(cx.new_text(name))
}

fn to_str(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    if args[0].is(Kind::Text) {
        return Ok(args[0]);
    }
    let text = shown(cx.heap, args[0])?;
    Ok(cx.new_text(text))
}

/// The number that a text spells.
fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let known = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|_| known)
}

/// Numbers and bools and texts to numbers.
fn convert(cx: &Cx<'_>, value: Value, to: &str) -> R<f64> {
    if let Some(n) = value.as_number() {
        return Ok(n);
    }
    if let Some(b) = value.as_bool() {
        return Ok(f64::from(u8::from(b)));
    }
    match cx.heap.as_str(value).map(parse) {
        Some(Some(n)) => Ok(n),
        Some(None) => fail(kind::VALUE, format!("{} is not a number", cx.heap.show_short(value))),
        None => fail(kind::TYPE, format!("cannot make {to} of {}", cx.heap.type_name(value))),
    }
}

/// Cuts the fraction off. A text may be in another base: `to_int("ff", 16)`.
fn to_int(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    if args.len() > 1 {
        let text = cx.text(args, 0, "the text")?.trim();
        let base = cx.integer(args, 1, "a base")?;
        let Some(base) = u32::try_from(base).ok().filter(|b| (2..=36).contains(b)) else {
            return fail(kind::VALUE, format!("a base is from 2 to 36, not {base}"));
        };
        return match i64::from_str_radix(text, base) {
            Ok(n) => Ok(Value::number(n as f64)),
            Err(_) => fail(kind::VALUE, format!("{text:?} is not a whole number in base {base}")),
        };
    }
    Ok(Value::number(convert(cx, args[0], "a whole number")?.trunc()))
}

fn to_float(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    Ok(Value::number(convert(cx, args[0], "a number")?))
}

fn radix(cx: &mut Cx<'_>, args: &[Value], base: u32) -> R<Value> {
    let n = cx.number(args, 0, "the number")?;
    let Some(i) = number::integer(n) else {
        return fail(kind::VALUE, format!("only whole numbers have digits in base {base}, not {}", number::text(n)));
    };
    let digits = i.unsigned_abs();
    let digits = match base {
        2 => format!("{digits:b}"),
        8 => format!("{digits:o}"),
        _ => format!("{digits:x}"),
    };
    let sign = if i < 0 { "-" } else { "" };
    Ok(cx.new_text(format!("{sign}{digits}")))
}

/// `(value, width, character?)`.
fn pad(cx: &mut Cx<'_>, args: &[Value], left: bool) -> R<Value> {
    let text = shown(cx.heap, args[0])?;
    let width = cx.count(args, 1, "a width")?;
    let fill = if args.len() > 2 { cx.owned(args, 2, "the padding")? } else { " ".into() };
    if fill.is_empty() {
        return fail(kind::VALUE, "the padding is empty");
    }
    let missing = width.saturating_sub(text.chars().count());
    room(cx.heap, missing.saturating_mul(4))?;
    let padding: String = fill.chars().cycle().take(missing).collect();
    Ok(cx.new_text(if left { padding + &text } else { text + &padding }))
}
