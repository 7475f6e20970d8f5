//! `time`: the turn's clock, dates as text, sleeping.

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use run::Effect;

use super::{Cx, Native};
use crate::fault::{Control, R, control, fail, kind};
use crate::heap::Asked;
use crate::value::Value;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("time.now", 0, 0, now),
    Native::new("time.format", 1, 2, format),
    Native::new("time.sleep", 1, 1, sleep),
];

fn now(cx: &mut Cx<'_>, _: &[Value]) -> R<Value> {
    Ok(Value::number(cx.world.now()))
}

/// Milliseconds since the epoch as text, in UTC; the pattern is strftime's.
fn format(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let ms = cx.number(args, 0, "a time")?;
    let pattern = if args.len() > 1 { cx.owned(args, 1, "a format")? } else { "%Y-%m-%d %H:%M:%S".into() };
    let time = if ms.is_finite() { Timestamp::from_millisecond(ms as i64).ok() } else { None };
    let Some(time) = time else {
        return fail(kind::VALUE, format!("{} is not a time", crate::number::text(ms)));
    };
    match strtime::format(&pattern, &time.to_zoned(TimeZone::UTC)) {
        Ok(text) => Ok(cx.new_text(text)),
        Err(reason) => fail(kind::VALUE, format!("the format {pattern:?} is wrong: {reason}")),
    }
}

/// Waits for some milliseconds; other tasks go on.
pub(super) fn sleep(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let ms = cx.number(args, 0, "a time in milliseconds")?;
    if !(0.0..=1e14).contains(&ms) {
        return fail(kind::VALUE, format!("cannot sleep for {} milliseconds", crate::number::text(ms)));
    }
    let due = (cx.world.clock as f64 / 1000.0 + ms).ceil();
    control(Control::Ask(Effect::Timer { due: due as u64 }, Asked::Timer { due }))
}
