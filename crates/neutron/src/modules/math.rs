//! `math`.

use super::{Constant, Cx, MANY, Native};
use crate::fault::{R, fail, kind};
use crate::value::{Kind, Value};

pub(super) static CONSTANTS: &[(&str, Constant)] =
    &[("PI", Constant::Number(std::f64::consts::PI)), ("E", Constant::Number(std::f64::consts::E))];

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("math.add", 2, 2, |cx, args| two(cx, args, |x, y| x + y)),
    Native::new("math.subtract", 2, 2, |cx, args| two(cx, args, |x, y| x - y)),
    Native::new("math.multiply", 2, 2, |cx, args| two(cx, args, |x, y| x * y)),
    Native::new("math.divide", 2, 2, divide),
    Native::new("math.sqrt", 1, 1, sqrt),
    Native::new("math.pow", 2, 2, |cx, args| two(cx, args, f64::powf)),
    Native::new("math.abs", 1, 1, |cx, args| one(cx, args, f64::abs)),
    Native::new("math.ceil", 1, 1, |cx, args| one(cx, args, f64::ceil)),
    Native::new("math.floor", 1, 1, |cx, args| one(cx, args, f64::floor)),
    Native::new("math.round", 1, 2, round),
    Native::new("math.sin", 1, 1, |cx, args| one(cx, args, f64::sin)),
    Native::new("math.cos", 1, 1, |cx, args| one(cx, args, f64::cos)),
    Native::new("math.tan", 1, 1, |cx, args| one(cx, args, f64::tan)),
    Native::new("math.log", 1, 2, log),
    Native::new("math.exp", 1, 1, |cx, args| one(cx, args, f64::exp)),
    Native::new("math.min", 1, MANY, |cx, args| extreme(cx, args, "min", |x, y| x < y)),
    Native::new("math.max", 1, MANY, |cx, args| extreme(cx, args, "max", |x, y| x > y)),
    Native::new("math.random", 0, 0, |cx, _| Ok(Value::number(cx.world.rng.unit()))),
];

fn one(cx: &mut Cx<'_>, args: &[Value], f: fn(f64) -> f64) -> R<Value> {
    Ok(Value::foreign_number(f(cx.number(args, 0, "the argument")?)))
}

fn two(cx: &mut Cx<'_>, args: &[Value], f: fn(f64, f64) -> f64) -> R<Value> {
    let x = cx.number(args, 0, "the first argument")?;
    Ok(Value::foreign_number(f(x, cx.number(args, 1, "the second argument")?)))
}

fn divide(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    if cx.number(args, 1, "the second argument")? == 0.0 {
        return fail(kind::ZERO, "division by zero");
    }
    two(cx, args, |x, y| x / y)
}

fn sqrt(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let x = cx.number(args, 0, "the argument")?;
    if x < 0.0 {
        return fail(kind::VALUE, format!("{} has no square root", crate::number::text(x)));
    }
    Ok(Value::foreign_number(x.sqrt()))
}

/// `(x, digits?)`; halves away from zero.
fn round(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let x = cx.number(args, 0, "the argument")?;
    let digits = if args.len() > 1 { cx.integer(args, 1, "the number of digits")?.clamp(-300, 300) } else { 0 };
    if digits == 0 {
        return Ok(Value::foreign_number(x.round()));
    }
    let scale = 10f64.powi(digits as i32);
    let scaled = x * scale;
    Ok(Value::foreign_number(if scaled.is_finite() { scaled.round() / scale } else { x }))
}

/// The natural logarithm, or to a base.
fn log(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let x = cx.number(args, 0, "the argument")?;
    if x <= 0.0 {
        return fail(kind::VALUE, format!("{} has no logarithm", crate::number::text(x)));
    }
    if args.len() < 2 {
        return Ok(Value::foreign_number(x.ln()));
    }
    let base = cx.number(args, 1, "the base")?;
    if base <= 0.0 || base == 1.0 {
        return fail(kind::VALUE, format!("{} is no base of logarithms", crate::number::text(base)));
    }
    Ok(Value::foreign_number(if base == 10.0 {
        x.log10()
    } else if base == 2.0 {
        x.log2()
    } else {
        x.log(base)
    }))
}

/// Of the arguments, or of an array.
fn extreme(cx: &mut Cx<'_>, args: &[Value], name: &str, better: fn(f64, f64) -> bool) -> R<Value> {
    let values = if args.len() == 1 && args[0].is(Kind::Array) { cx.heap.items(args[0]) } else { args };
    let mut best = None;
    for at in 0..values.len() {
        let x = cx.number(values, at, "an argument")?;
        if best.is_none_or(|b| better(x, b)) {
            best = Some(x);
        }
    }
    match best {
        Some(x) => Ok(Value::number(x)),
        None => fail(kind::VALUE, format!("math.{name} of an empty array")),
    }
}
