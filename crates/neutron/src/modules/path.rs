//! `path`: paths as text, with `/` on every system; both kinds of separators are understood.

use super::{Constant, Cx, MANY, Native};
use crate::fault::R;
use crate::value::Value;

pub(super) static CONSTANTS: &[(&str, Constant)] = &[("sep", Constant::Text("/")), ("delimiter", Constant::Text(":"))];

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("path.join", 1, MANY, join),
    Native::new("path.split", 1, 1, split),
    Native::new("path.dirname", 1, 1, dirname),
    Native::new("path.basename", 1, 2, basename),
    Native::new("path.extname", 1, 1, extname),
    Native::new("path.isabs", 1, 1, |cx, args| Ok(Value::bool(is_absolute(cx.text(args, 0, "the path")?)))),
    Native::new("path.normalize", 1, 1, |cx, args| changed(cx, args, normalize)),
    Native::new("path.resolve", 0, MANY, resolve),
    Native::new("path.relative", 2, 2, relative),
    Native::new("path.toUnix", 1, 1, |cx, args| changed(cx, args, |p| p.replace('\\', "/"))),
    Native::new("path.toWindows", 1, 1, |cx, args| changed(cx, args, |p| p.replace('/', "\\"))),
];

/// `/…`, `\…` or `C:\…`.
pub(crate) fn is_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    path.starts_with(['/', '\\'])
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'/' | b'\\'))
}

/// Without `.`, `..` and doubled separators, as far as the text tells.
pub(crate) fn normalize(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

fn changed(cx: &mut Cx<'_>, args: &[Value], change: fn(&str) -> String) -> R<Value> {
    let path = change(cx.text(args, 0, "the path")?);
    Ok(cx.new_text(path))
}

fn join(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut parts = Vec::new();
    for at in 0..args.len() {
        parts.push(cx.text(args, at, "a part of the path")?);
    }
    parts.retain(|part| !part.is_empty());
    let path = normalize(&parts.join("/"));
    Ok(cx.new_text(path))
}

fn ends(path: &str) -> (&str, &str) {
    let trimmed = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    match trimmed.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => (".", trimmed),
    }
}

/// `[folder, name]`.
fn split(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = cx.owned(args, 0, "the path")?;
    let (folder, name) = ends(&path);
    Ok(cx.texts([folder, name].into_iter()))
}

fn dirname(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    changed(cx, args, |path| ends(path).0.to_owned())
}

/// `(path, extension?)`: the name, without the extension if it has it.
fn basename(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = cx.text(args, 0, "the path")?;
    let name = ends(path).1;
    let extension = if args.len() > 1 { cx.text(args, 1, "the extension")? } else { "" };
    let name = name.strip_suffix(extension).filter(|rest| !rest.is_empty()).unwrap_or(name).to_owned();
    Ok(cx.new_text(name))
}

/// With its dot; empty if there is none.
fn extname(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    changed(cx, args, |path| {
        let name = ends(path).1;
        name.rfind('.').filter(|at| *at > 0).map_or("", |at| &name[at..]).to_owned()
    })
}

/// From right to left until the path is absolute; at last from the current folder.
fn resolve(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut path = String::new();
    for at in (0..args.len()).rev() {
        let part = cx.text(args, at, "a part of the path")?;
        path = if path.is_empty() { part.to_owned() } else { format!("{part}/{path}") };
        if is_absolute(part) {
            break;
        }
    }
    if !is_absolute(&path) {
        let folder = cx.world.folder(cx.port)?;
        path = format!("{folder}/{path}");
    }
    Ok(cx.new_text(normalize(&path)))
}

/// The way from one path to another.
fn relative(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (from, to) = (cx.owned(args, 0, "the start")?, cx.owned(args, 1, "the goal")?);
    let (mut from, mut to) = (normalize(&from), normalize(&to));
    if is_absolute(&from) != is_absolute(&to) {
        from = cx.world.absolute(&from, cx.port)?;
        to = cx.world.absolute(&to, cx.port)?;
    }
    let parts = |path: &str| path.split('/').filter(|p| !p.is_empty() && *p != ".").map(str::to_owned).collect();
    let (from, to): (Vec<String>, Vec<String>) = (parts(&from), parts(&to));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    let way: Vec<&str> = up.chain(to[shared..].iter().map(String::as_str)).collect();
    Ok(cx.new_text(if way.is_empty() { ".".into() } else { way.join("/") }))
}
