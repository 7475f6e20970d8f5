//! Methods of strings: upper and lower case, kinds of characters.

use super::{Cx, Native};
use crate::fault::R;
use crate::value::Value;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("string.upper", 0, 0, upper),
    Native::new("string.lower", 0, 0, lower),
    Native::new("string.capitalize", 0, 0, capitalize),
    Native::new("string.title", 0, 0, title),
    Native::new("string.swapcase", 0, 0, swap_case),
    Native::new("string.casefold", 0, 0, case_fold),
    Native::new("string.isalnum", 0, 0, |cx, args| all(cx, args, char::is_alphanumeric)),
    Native::new("string.isalpha", 0, 0, |cx, args| all(cx, args, char::is_alphabetic)),
    Native::new("string.isdigit", 0, 0, |cx, args| all(cx, args, |c| c.is_ascii_digit() || c.is_numeric())),
    Native::new("string.islower", 0, 0, is_lower),
    Native::new("string.isupper", 0, 0, is_upper),
    Native::new("string.isspace", 0, 0, |cx, args| all(cx, args, char::is_whitespace)),
    Native::new("string.istitle", 0, 0, is_title),
];

fn changed(cx: &mut Cx<'_>, args: &[Value], change: impl FnOnce(&str) -> String) -> R<Value> {
    let text = change(cx.text(args, 0, "the text")?);
    Ok(cx.new_text(text))
}

pub(super) fn upper(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    changed(cx, args, str::to_uppercase)
}

pub(super) fn lower(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    changed(cx, args, str::to_lowercase)
}

fn capitalize(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    changed(cx, args, |text| {
        let mut chars = text.chars();
        chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect())
    })
}

/// Each word with a capital first letter.
fn title(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    changed(cx, args, |text| {
        let mut inside = false;
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if inside {
                out.extend(c.to_lowercase());
            } else {
                out.extend(c.to_uppercase());
            }
            inside = c.is_alphabetic();
        }
        out
    })
}

fn swap_case(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    changed(cx, args, |text| {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if c.is_uppercase() {
                out.extend(c.to_lowercase());
            } else {
                out.extend(c.to_uppercase());
            }
        }
        out
    })
}

/// For comparing without regard to case: ß becomes ss, as full case folding has it.
fn case_fold(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    changed(cx, args, |text| text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect())
}

/// Whether there are characters and all are of a kind.
pub(super) fn all(cx: &mut Cx<'_>, args: &[Value], is: fn(char) -> bool) -> R<Value> {
    let text = cx.text(args, 0, "the text")?;
    Ok(Value::bool(!text.is_empty() && text.chars().all(is)))
}

fn is_lower(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "the text")?;
    Ok(Value::bool(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)))
}

fn is_upper(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "the text")?;
    Ok(Value::bool(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)))
}

fn is_title(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "the text")?;
    let (mut inside, mut any) = (false, false);
    for c in text.chars().filter(|c| c.is_uppercase() || c.is_lowercase() || !c.is_alphabetic()) {
        if c.is_uppercase() == inside && c.is_alphabetic() {
            return Ok(Value::FALSE);
        }
        any |= c.is_uppercase();
        inside = c.is_alphabetic();
    }
    Ok(Value::bool(any))
}
