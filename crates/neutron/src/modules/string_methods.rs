//! Methods of strings: searching, cutting, replacing. Places count characters.

use unicode_normalization::UnicodeNormalization;

use super::array_methods::ends;
use super::cx::cut;
use super::{Cx, MANY, Native, format};
use crate::fault::{CHARACTER, R, fail, kind, room};
use crate::heap::Heap;
use crate::value::Value;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("string.contains", 1, 1, contains),
    Native::new("string.split", 0, 2, split),
    Native::new("string.substring", 1, 2, slice),
    Native::new("string.slice", 0, 2, slice),
    Native::new("string.find", 1, 2, find),
    Native::new("string.rfind", 1, 1, rfind),
    Native::new("string.index", 1, 2, |cx, args| must(find(cx, args)?, cx, args)),
    Native::new("string.rindex", 1, 1, |cx, args| must(rfind(cx, args)?, cx, args)),
    Native::new("string.strip", 0, 1, |cx, args| strip(cx, args, true, true)),
    Native::new("string.lstrip", 0, 1, |cx, args| strip(cx, args, true, false)),
    Native::new("string.rstrip", 0, 1, |cx, args| strip(cx, args, false, true)),
    Native::new("string.replace", 2, 3, replace),
    Native::new("string.normalize", 0, 1, normalize),
    Native::new("string.encode", 0, 1, encode),
    Native::new("string.isunicode", 0, 0, is_unicode),
    Native::new("string.format", 0, MANY, format::format),
    Native::new("string.startsWith", 1, 1, starts_with),
    Native::new("string.endsWith", 1, 1, ends_with),
    Native::new("string.repeat", 1, 1, repeat),
];

pub(super) fn contains(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, part) = (cx.text(args, 0, "the text")?, cx.text(args, 1, "what is looked for")?);
    Ok(Value::bool(text.contains(part)))
}

pub(super) fn starts_with(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, part) = (cx.text(args, 0, "the text")?, cx.text(args, 1, "a beginning")?);
    Ok(Value::bool(text.starts_with(part)))
}

pub(super) fn ends_with(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, part) = (cx.text(args, 0, "the text")?, cx.text(args, 1, "an end")?);
    Ok(Value::bool(text.ends_with(part)))
}

/// `(separator?, limit?)`: without a separator at white space; at an empty one between characters.
pub(super) fn split(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.owned(args, 0, "the text")?;
    if args.len() < 2 || args[1].is_nil() {
        return Ok(cx.texts(text.split_whitespace()));
    }
    let separator = cx.owned(args, 1, "a separator")?;
    let limit = if args.len() > 2 { cx.count(args, 2, "a limit")? } else { usize::MAX };
    if separator.is_empty() {
        room(cx.heap, cx.heap.chars(args[0]).saturating_mul(CHARACTER))?;
        let chars: Vec<String> = text.chars().map(String::from).collect();
        return Ok(cx.texts(chars.iter().map(String::as_str)));
    }
    Ok(cx.texts(text.splitn(limit.saturating_add(1), &*separator)))
}

/// Characters `from..to`; negative places count from the end.
pub(super) fn slice(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    cx.text(args, 0, "the text")?;
    let (from, to) = ends(cx, args, cx.heap.chars(args[0]))?;
    Ok(cx.heap.substring(args[0], from, to))
}

fn byte_place(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(i, _)| i)
}

/// `(part, from?)`: the place of the first occurrence, or -1.
pub(super) fn find(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, part) = (cx.text(args, 0, "the text")?, cx.text(args, 1, "what is looked for")?);
    let start = if args.len() > 2 { cut(cx.integer(args, 2, "a start")?, cx.heap.chars(args[0])) } else { 0 };
    let start = byte_place(text, start);
    let at = text[start..].find(part).map(|at| Heap::char_place(text, start + at));
    Ok(Value::number(at.map_or(-1.0, |at| at as f64)))
}

/// The place of the last occurrence, or -1.
pub(super) fn rfind(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, part) = (cx.text(args, 0, "the text")?, cx.text(args, 1, "what is looked for")?);
    let at = text.rfind(part).map(|at| Heap::char_place(text, at));
    Ok(Value::number(at.map_or(-1.0, |at| at as f64)))
}

fn must(found: Value, cx: &Cx<'_>, args: &[Value]) -> R<Value> {
    if found.as_number().is_some_and(|n| n < 0.0) {
        return fail(kind::VALUE, format!("{} does not occur in the string", cx.heap.show_short(args[1])));
    }
    Ok(found)
}

/// Takes white space, or the given characters, off the ends.
pub(super) fn strip(cx: &mut Cx<'_>, args: &[Value], left: bool, right: bool) -> R<Value> {
    let text = cx.text(args, 0, "the text")?;
    let set = if args.len() > 1 { Some(cx.text(args, 1, "the characters")?) } else { None };
    let gone = |c: char| set.map_or(c.is_whitespace(), |set| set.contains(c));
    let mut rest = text;
    if left {
        rest = rest.trim_start_matches(gone);
    }
    if right {
        rest = rest.trim_end_matches(gone);
    }
    let rest: Box<str> = rest.into();
    Ok(cx.new_text(rest))
}

/// `(old, new, count?)`: all occurrences, or the first few.
pub(super) fn replace(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (text, old) = (cx.text(args, 0, "the text")?, cx.text(args, 1, "what is replaced")?);
    let new = cx.text(args, 2, "the replacement")?;
    let count = if args.len() > 3 { cx.count(args, 3, "a count")? } else { usize::MAX };
    let replaced = text.matches(old).take(count).count();
    room(cx.heap, text.len().saturating_add(replaced.saturating_mul(new.len())))?;
    let text = text.replacen(old, new, count);
    Ok(cx.new_text(text))
}

/// To one of the Unicode normal forms; NFC unless another is named.
fn normalize(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "the text")?;
    let form = if args.len() > 1 { cx.text(args, 1, "a normal form")? } else { "NFC" };
    // Compatible forms may be eighteen times as long.
    room(cx.heap, text.len().saturating_mul(if form.starts_with("NFK") { 18 } else { 4 }))?;
    let text: String = match form {
        "NFC" => text.nfc().collect(),
        "NFD" => text.nfd().collect(),
        "NFKC" => text.nfkc().collect(),
        "NFKD" => text.nfkd().collect(),
        _ => return fail(kind::VALUE, format!("the normal forms are NFC, NFD, NFKC and NFKD, not {form}")),
    };
    Ok(cx.new_text(text))
}

/// The bytes of the text.
fn encode(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "the text")?;
    let encoding = if args.len() > 1 { cx.text(args, 1, "an encoding")?.to_lowercase() } else { "utf-8".into() };
    let bytes = match &*encoding {
        "utf-8" | "utf8" => text.as_bytes().to_vec(),
        "ascii" | "latin1" | "latin-1" | "iso-8859-1" => {
            let limit = if encoding == "ascii" { 0x80 } else { 0x100 };
            match text.chars().find(|c| *c as u32 >= limit) {
                Some(c) => return fail(kind::VALUE, format!("the character {c} does not exist in {encoding}")),
                None => text.chars().map(|c| c as u8).collect(),
            }
        }
        "utf-16" | "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => return fail(kind::VALUE, format!("the encodings are utf-8, utf-16, ascii and latin1, not {encoding}")),
    };
    Ok(cx.heap.bytes_value(bytes))
}

/// Whether the text has characters beyond ASCII.
fn is_unicode(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    Ok(Value::bool(!cx.text(args, 0, "the text")?.is_ascii()))
}

pub(super) fn repeat(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    cx.text(args, 0, "the text")?;
    let n = cx.number(args, 1, "a count")?;
    crate::vm::repeat(cx.heap, args[0], n)
}
