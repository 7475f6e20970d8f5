//! Operators where the fast path of the machine does not apply.

use crate::fault::{R, fail, kind};
use crate::heap::Heap;
use crate::number;
use crate::value::{Kind, Value};

fn pair(heap: &Heap, what: &str, a: Value, b: Value) -> String {
    format!("cannot {what} {} and {}", heap.type_name(a), heap.type_name(b))
}

#[cold]
fn wrong<T>(heap: &Heap, what: &str, a: Value, b: Value) -> R<T> {
    fail(kind::TYPE, pair(heap, what, a, b))
}

#[inline(never)]
pub(super) fn add(heap: &mut Heap, a: Value, b: Value) -> R<Value> {
    if let (Some(x), Some(y)) = (a.as_number(), b.as_number()) {
        return Ok(Value::number(x + y));
    }
    if !a.is(Kind::Text) && !b.is(Kind::Text) {
        return wrong(heap, "add", a, b);
    }
    let joined = if a.is(Kind::Text) && b.is(Kind::Text) { heap.concat(a, b) } else { heap.join(&[a, b]) };
    match joined {
        Some(text) => Ok(text),
        None => fail(kind::MEMORY, "this string would be longer than the program may use memory"),
    }
}

#[inline(never)]
pub(super) fn sub(heap: &Heap, a: Value, b: Value) -> R<Value> {
    match (a.as_number(), b.as_number()) {
        (Some(x), Some(y)) => Ok(Value::number(x - y)),
        _ => wrong(heap, "subtract", a, b),
    }
}

#[inline(never)]
pub(super) fn mul(heap: &mut Heap, a: Value, b: Value) -> R<Value> {
    match (a.as_number(), b.as_number()) {
        (Some(x), Some(y)) => Ok(Value::number(x * y)),
        (Some(n), None) if b.is(Kind::Text) => repeat(heap, b, n),
        (None, Some(n)) if a.is(Kind::Text) => repeat(heap, a, n),
        _ => wrong(heap, "multiply", a, b),
    }
}

/// `text` n times.
pub(crate) fn repeat(heap: &mut Heap, text: Value, n: f64) -> R<Value> {
    let Some(times) = number::index(n).and_then(|n| usize::try_from(n).ok()) else {
        return fail(kind::VALUE, format!("a string cannot be repeated {} times", number::text(n)));
    };
    if heap.str(text).len().saturating_mul(times) > crate::heap::MAX_TEXT.min(heap.limit) {
        return fail(kind::MEMORY, "this string would be longer than the program may use memory");
    }
    let repeated = heap.str(text).repeat(times);
    Ok(heap.text(repeated))
}

#[inline(never)]
pub(super) fn div(heap: &Heap, a: Value, b: Value) -> R<Value> {
    match (a.as_number(), b.as_number()) {
        (Some(_), Some(0.0)) => fail(kind::ZERO, "division by zero"),
        (Some(x), Some(y)) => Ok(Value::number(x / y)),
        _ => wrong(heap, "divide", a, b),
    }
}

#[inline(never)]
pub(super) fn rem(heap: &Heap, a: Value, b: Value) -> R<Value> {
    match (a.as_number(), b.as_number()) {
        (Some(_), Some(0.0)) => fail(kind::ZERO, "remainder of a division by zero"),
        (Some(x), Some(y)) => Ok(Value::number(x % y)),
        _ => wrong(heap, "divide", a, b),
    }
}

#[derive(Clone, Copy)]
pub(super) enum Bit {
    And,
    Or,
    Xor,
    Shl,
    Shr,
}

#[inline(never)]
pub(super) fn bits(heap: &Heap, op: Bit, a: Value, b: Value) -> R<Value> {
    let (Some(x), Some(y)) = (a.as_number(), b.as_number()) else {
        return wrong(heap, "combine the bits of", a, b);
    };
    let (Some(x), Some(y)) = (number::integer(x), number::integer(y)) else {
        let (x, y) = (number::text(x), number::text(y));
        return fail(kind::VALUE, format!("bit operators take whole numbers of 64 bits, not {x} and {y}"));
    };
    let result = match op {
        Bit::And => x & y,
        Bit::Or => x | y,
        Bit::Xor => x ^ y,
        Bit::Shl | Bit::Shr => {
            let Some(by) = u32::try_from(y).ok().filter(|by| *by < 64) else {
                return fail(kind::VALUE, format!("a shift goes by 0 to 63 bits, not {y}"));
            };
            if matches!(op, Bit::Shl) { x << by } else { x >> by }
        }
    };
    Ok(Value::number(result as f64))
}

#[inline(never)]
pub(super) fn complement(heap: &Heap, a: Value) -> R<Value> {
    let Some(x) = a.as_number() else {
        return fail(kind::TYPE, format!("~ takes a number, not {}", heap.type_name(a)));
    };
    match number::integer(x) {
        Some(x) => Ok(Value::number(!x as f64)),
        None => fail(kind::VALUE, format!("bit operators take whole numbers of 64 bits, not {}", number::text(x))),
    }
}

#[inline(never)]
pub(super) fn neg(heap: &Heap, a: Value) -> R<Value> {
    match a.as_number() {
        Some(x) => Ok(Value::number(-x)),
        None => fail(kind::TYPE, format!("- takes a number, not {}", heap.type_name(a))),
    }
}

/// `a < b`, or `a <= b`.
#[inline(never)]
pub(super) fn less(heap: &Heap, a: Value, b: Value, or_equal: bool) -> R<bool> {
    if let (Some(x), Some(y)) = (a.as_number(), b.as_number()) {
        return Ok(if or_equal { x <= y } else { x < y });
    }
    match (heap.as_str(a), heap.as_str(b)) {
        (Some(x), Some(y)) => Ok(if or_equal { x <= y } else { x < y }),
        _ => wrong(heap, "compare", a, b),
    }
}
