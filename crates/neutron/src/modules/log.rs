//! `log`: lines with a level.

use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use serde_json::json;

use super::{Constant, Cx, Native};
use crate::fault::{R, fail, kind, shown};
use crate::value::Value;

const LEVELS: [(&str, &str, &str); 4] = [
    ("DEBUG", "debug", "\u{1b}[36m"),
    ("INFO", "info", "\u{1b}[32m"),
    ("WARN", "warn", "\u{1b}[33m"),
    ("ERROR", "error", "\u{1b}[31m"),
];

pub(super) static CONSTANTS: &[(&str, Constant)] = &[
    ("DEBUG", Constant::Number(0.0)),
    ("INFO", Constant::Number(1.0)),
    ("WARN", Constant::Number(2.0)),
    ("ERROR", Constant::Number(3.0)),
];

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("log.debug", 1, 1, |cx, args| line(cx, args, 0)),
    Native::new("log.info", 1, 1, |cx, args| line(cx, args, 1)),
    Native::new("log.warn", 1, 1, |cx, args| line(cx, args, 2)),
    Native::new("log.error", 1, 1, |cx, args| line(cx, args, 3)),
    Native::new("log.set_level", 1, 1, set_level),
    Native::new("log.get_level", 0, 0, |cx, _| Ok(Value::number(f64::from(cx.world.log.level)))),
    Native::new("log.set_file", 1, 1, set_file),
    Native::new("log.set_color", 1, 1, set_color),
    Native::new("log.set_timestamp", 1, 1, set_timestamp),
];

fn line(cx: &mut Cx<'_>, args: &[Value], level: u8) -> R<Value> {
    if level < cx.world.log.level {
        return Ok(Value::NIL);
    }
    let (name, word, color) = LEVELS[level as usize];
    let message = shown(cx.heap, args[0])?;
    let time = if cx.world.log.timestamp { format!("{} ", stamp(cx.world.now())) } else { String::new() };
    if let Some(file) = cx.world.log.file.clone() {
        let text = format!("{time}[{name}] {message}\n").into_bytes();
        cx.world.operation("fs.writeFile", json!({ "path": file, "flag": "a" }), Some(text), cx.port)?;
    }
    let tag = if cx.world.log.color { format!("{color}[{name}]\u{1b}[0m") } else { format!("[{name}]") };
    cx.world.say(format!("{time}{tag} {message}"), word, cx.port)?;
    Ok(Value::NIL)
}

fn stamp(ms: f64) -> String {
    let time = Timestamp::from_millisecond(ms as i64).unwrap_or(Timestamp::UNIX_EPOCH);
    strtime::format("%Y-%m-%d %H:%M:%S", &time.to_zoned(TimeZone::UTC)).unwrap_or_default()
}

/// A number, or a name in any case.
fn set_level(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let named = cx.heap.as_str(args[0]).map(str::to_uppercase);
    let level = match &named {
        Some(name) => LEVELS.iter().position(|(n, ..)| n == name),
        None => args[0].as_number().filter(|n| [0.0, 1.0, 2.0, 3.0].contains(n)).map(|n| n as usize),
    };
    let Some(level) = level else {
        let given = cx.heap.show_short(args[0]);
        return fail(kind::VALUE, format!("the levels are log.DEBUG, INFO, WARN and ERROR, not {given}"));
    };
    cx.world.log.level = level as u8;
    Ok(Value::NIL)
}

/// Lines go to the file too; nil ends that.
fn set_file(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    cx.world.log.file = if args[0].is_nil() {
        None
    } else {
        let path = cx.owned(args, 0, "the path")?;
        Some(cx.world.absolute(&path, cx.port)?)
    };
    Ok(Value::NIL)
}

fn set_color(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    cx.world.log.color = args[0].truth();
    Ok(Value::NIL)
}

fn set_timestamp(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    cx.world.log.timestamp = args[0].truth();
    Ok(Value::NIL)
}
