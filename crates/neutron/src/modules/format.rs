//! `"…{}…".format(…)`: `{}` takes the next argument, `{0}` the first, `{name}` a member of the first; `{{` is a brace.
//! After a colon: alignment, width, precision, as in `{:>8.2}`.

use super::Cx;
use crate::fault::{R, fail, kind, room, shown};
use crate::value::Value;

/// The widest field.
const MAX_WIDTH: usize = 10_000;

pub(super) fn format(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let pattern = cx.owned(args, 0, "the pattern")?;
    let values = &args[1..];
    let mut out = String::new();
    let mut next = 0;
    let mut rest = &*pattern;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        if rest.as_bytes().first() == Some(&brace) {
            out.push(char::from(brace));
            rest = &rest[1..];
            continue;
        }
        let end = rest.find('}').filter(|_| brace == b'{');
        let Some(end) = end else {
            return fail(kind::VALUE, "the pattern has a single brace; write {{ or }} for the character");
        };
        let (name, style) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        let value = pick(cx, values, name, &mut next)?;
        let field = styled(cx, value, style)?;
        out.push_str(&field);
        room(cx.heap, out.len())?;
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(cx.new_text(out))
}

fn pick(cx: &Cx<'_>, values: &[Value], name: &str, next: &mut usize) -> R<Value> {
    let at = if name.is_empty() {
        *next += 1;
        *next - 1
    } else if let Ok(at) = name.parse::<usize>() {
        at
    } else {
        let first = values.first().copied().unwrap_or(Value::NIL);
        return match cx.heap.member(first, name) {
            Some(value) => Ok(value),
            None => fail(kind::VALUE, format!("there is no member {name} for the pattern")),
        };
    };
    match values.get(at) {
        Some(value) => Ok(*value),
        None => fail(kind::VALUE, format!("the pattern wants argument {}, but there are {}", at + 1, values.len())),
    }
}

fn styled(cx: &Cx<'_>, value: Value, style: &str) -> R<String> {
    let (align, rest) = match style.as_bytes().first() {
        Some(b'<') => ('<', &style[1..]),
        Some(b'>') => ('>', &style[1..]),
        Some(b'^') => ('^', &style[1..]),
        _ => (if value.is_number() { '>' } else { '<' }, style),
    };
    let (width, precision) = rest.split_once('.').unwrap_or((rest, ""));
    let number = |text: &str| match text.trim_end_matches('f') {
        "" => Ok(None),
        digits => match digits.parse::<usize>() {
            Ok(n) if n <= MAX_WIDTH => Ok(Some(n)),
            _ => fail(kind::VALUE, format!("{style:?} is no style; styles are like >8.2")),
        },
    };
    let zeros = width.len() > 1 && width.starts_with('0');
    let (width, precision) = (number(width)?.unwrap_or(0), number(precision)?);
    let text = match (value.as_number(), precision) {
        (Some(n), Some(digits)) => format!("{n:.digits$}"),
        (None, Some(most)) => shown(cx.heap, value)?.chars().take(most).collect(),
        _ => shown(cx.heap, value)?,
    };
    Ok(match (align, zeros) {
        (_, true) if value.is_number() => match text.strip_prefix('-') {
            Some(digits) => format!("-{digits:0>w$}", w = width.saturating_sub(1)),
            None => format!("{text:0>width$}"),
        },
        ('<', _) => format!("{text:<width$}"),
        ('^', _) => format!("{text:^width$}"),
        _ => format!("{text:>width$}"),
    })
}
