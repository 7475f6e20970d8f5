//! `random`: a generator whose state is part of the program.

use super::{Cx, Native};
use crate::fault::{R, fail, kind};
use crate::number;
use crate::value::Value;
use crate::vm::Rng;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("random.random", 0, 0, |cx, _| Ok(Value::number(cx.world.rng.unit()))),
    Native::new("random.uniform", 2, 2, uniform),
    Native::new("random.randint", 2, 2, randint),
    Native::new("random.choice", 1, 1, choice),
    Native::new("random.shuffle", 1, 1, super::arrays::shuffle),
    Native::new("random.sample", 2, 2, sample),
    Native::new("random.seed", 0, 1, seed),
    Native::new("random.gauss", 0, 2, gauss),
    Native::new("random.expovariate", 1, 1, expovariate),
    Native::new("random.triangular", 0, 3, triangular),
    Native::new("random.getrandbits", 1, 1, bits),
];

fn uniform(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (low, high) = (cx.number(args, 0, "the lower end")?, cx.number(args, 1, "the upper end")?);
    Ok(Value::foreign_number(low + (high - low) * cx.world.rng.unit()))
}

/// Both ends may come.
fn randint(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (low, high) = (cx.integer(args, 0, "the lower end")?, cx.integer(args, 1, "the upper end")?);
    if low > high {
        return fail(kind::VALUE, format!("there is no whole number from {low} to {high}"));
    }
    let n = cx.world.rng.below((high - low) as u64 + 1);
    Ok(Value::number((low + n as i64) as f64))
}

fn choice(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    if cx.heap.as_str(args[0]).is_some() {
        let n = cx.heap.chars(args[0]);
        if n == 0 {
            return fail(kind::VALUE, "cannot choose from an empty string");
        }
        let at = cx.world.rng.below(n as u64) as usize;
        return Ok(cx.heap.substring(args[0], at, at + 1));
    }
    let array = cx.array(args, 0, "what is chosen from")?;
    let items = cx.heap.items(array);
    if items.is_empty() {
        return fail(kind::VALUE, "cannot choose from an empty array");
    }
    Ok(items[cx.world.rng.below(items.len() as u64) as usize])
}

/// Some elements, each at most once.
fn sample(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let array = cx.array(args, 0, "what is chosen from")?;
    let n = cx.count(args, 1, "the number of elements")?;
    let mut items = cx.heap.items(array).to_vec();
    if n > items.len() {
        return fail(kind::VALUE, format!("cannot choose {n} of {} elements", items.len()));
    }
    for i in 0..n {
        let j = i + cx.world.rng.below((items.len() - i) as u64) as usize;
        items.swap(i, j);
    }
    items.truncate(n);
    Ok(cx.heap.array(items))
}

/// Makes what follows the same each time; without a number, unforeseeable again.
fn seed(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    if args.is_empty() || args[0].is_nil() {
        let mut bytes = [0; 8];
        cx.world.random_bytes(&mut bytes);
        cx.world.rng = Rng::from_number(u64::from_le_bytes(bytes), false);
        return Ok(Value::NIL);
    }
    let seed = match cx.heap.as_str(args[0]) {
        // FNV-1a: any text is a seed.
        Some(text) => text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        None => cx.number(args, 0, "the seed")?.to_bits(),
    };
    cx.world.rng = Rng::from_number(seed, true);
    Ok(Value::NIL)
}

/// Normal deviates by the polar method, which gives two at a time.
fn gauss(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mean = if args.is_empty() { 0.0 } else { cx.number(args, 0, "the mean")? };
    let deviation = if args.len() > 1 { cx.number(args, 1, "the deviation")? } else { 1.0 };
    let rng = &mut cx.world.rng;
    let z = match rng.spare.take() {
        Some(z) => z,
        None => loop {
            let (u, v) = (2.0 * rng.unit() - 1.0, 2.0 * rng.unit() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let scale = (-2.0 * s.ln() / s).sqrt();
                rng.spare = Some(v * scale);
                break u * scale;
            }
        },
    };
    Ok(Value::foreign_number(mean + deviation * z))
}

fn expovariate(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let rate = cx.number(args, 0, "the rate")?;
    if rate == 0.0 {
        return fail(kind::ZERO, "the rate of expovariate is zero");
    }
    Ok(Value::foreign_number(-(1.0 - cx.world.rng.unit()).ln() / rate))
}

/// `(low = 0, high = 1, mode = middle)`.
fn triangular(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let low = if args.is_empty() { 0.0 } else { cx.number(args, 0, "the lower end")? };
    let high = if args.len() > 1 { cx.number(args, 1, "the upper end")? } else { 1.0 };
    let mode = if args.len() > 2 { cx.number(args, 2, "the mode")? } else { (low + high) / 2.0 };
    if low == high {
        return Ok(Value::number(low));
    }
    let (u, c) = (cx.world.rng.unit(), (mode - low) / (high - low));
    let x = if u < c {
        low + ((high - low) * (mode - low) * u).sqrt()
    } else {
        high - ((high - low) * (high - mode) * (1.0 - u)).sqrt()
    };
    Ok(Value::foreign_number(x))
}

fn bits(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let n = cx.number(args, 0, "the number of bits")?;
    match number::index(n) {
        Some(n @ 1..=53) => Ok(Value::number((cx.world.rng.bits() >> (64 - n)) as f64)),
        _ => fail(kind::VALUE, format!("the number of bits is from 1 to 53, not {}", number::text(n))),
    }
}
