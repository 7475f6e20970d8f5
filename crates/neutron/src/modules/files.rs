//! `sys`: files and folders.

use serde_json::{Value as Tree, json};

use super::Cx;
use crate::fault::{R, fail, kind, shown};
use crate::heap::Map;
use crate::value::Value;

fn path(cx: &mut Cx<'_>, args: &[Value], at: usize) -> R<String> {
    let path = cx.owned(args, at, "a path")?;
    cx.world.absolute(&path, cx.port)
}

/// The text of a file; a buffer if it is no text.
pub(super) fn read(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = path(cx, args, 0)?;
    let (_, bytes) = cx.operation("fs.readFile", json!({ "path": path }))?;
    let bytes = bytes.unwrap_or_default();
    Ok(match std::str::from_utf8(&bytes) {
        Ok(text) => cx.new_text(text),
        Err(_) => cx.heap.bytes_value(bytes.to_vec()),
    })
}

/// What is written for a value: strings and buffers as they are, others as they print.
fn content(cx: &Cx<'_>, value: Value) -> R<Vec<u8>> {
    match cx.heap.as_bytes(value) {
        Some(bytes) => Ok(bytes.to_vec()),
        None => shown(cx.heap, value).map(String::into_bytes),
    }
}

fn put(cx: &mut Cx<'_>, args: &[Value], flag: &str) -> R<Value> {
    let path = path(cx, args, 0)?;
    let content = content(cx, args[1])?;
    cx.world.operation("fs.writeFile", json!({ "path": path, "flag": flag }), Some(content), cx.port)?;
    Ok(Value::TRUE)
}

pub(super) fn write(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    put(cx, args, "w")
}

pub(super) fn append(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    put(cx, args, "a")
}

pub(super) fn cp(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (from, to) = (path(cx, args, 0)?, path(cx, args, 1)?);
    cx.operation("fs.copyFile", json!({ "from": from, "to": to, "exclusive": false }))?;
    Ok(Value::TRUE)
}

pub(super) fn mv(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let (from, to) = (path(cx, args, 0)?, path(cx, args, 1)?);
    cx.operation("fs.rename", json!({ "from": from, "to": to }))?;
    Ok(Value::TRUE)
}

pub(super) fn rm(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = path(cx, args, 0)?;
    cx.operation("fs.unlink", json!({ "path": path }))?;
    Ok(Value::TRUE)
}

pub(super) fn exists(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = path(cx, args, 0)?;
    match cx.operation("fs.stat", json!({ "path": path, "follow": true })) {
        Ok(_) => Ok(Value::TRUE),
        Err(fault) => match *fault {
            // Nobody may look: that is not the same as nothing being there.
            crate::fault::Fault::Error(kind::IO, _) => Ok(Value::FALSE),
            other => Err(Box::new(other)),
        },
    }
}

pub(super) fn mkdir(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = path(cx, args, 0)?;
    cx.operation("fs.mkdir", json!({ "path": path, "recursive": true }))?;
    Ok(Value::TRUE)
}

pub(super) fn rmdir(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = path(cx, args, 0)?;
    cx.operation("fs.rmdir", json!({ "path": path }))?;
    Ok(Value::TRUE)
}

/// The names in a folder, sorted.
pub(super) fn listdir(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = if args.is_empty() { cx.world.folder(cx.port)? } else { path(cx, args, 0)? };
    let (entries, _) = cx.operation("fs.readdir", json!({ "path": path }))?;
    let entries = entries.as_array().cloned().unwrap_or_default();
    let mut names: Vec<&str> = entries.iter().filter_map(|e| e.get("name").and_then(Tree::as_str)).collect();
    names.sort_unstable();
    Ok(cx.texts(names.into_iter()))
}

/// `{size, is_file, is_dir, mode, modified}`; `modified` in milliseconds since the epoch.
pub(super) fn stat(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = path(cx, args, 0)?;
    let (stat, _) = cx.operation("fs.stat", json!({ "path": path, "follow": true }))?;
    let result = cx.heap.map(Map::with_capacity(5));
    let number = |name: &str| Value::number(stat.get(name).and_then(Tree::as_f64).unwrap_or(0.0));
    let kind = stat.get("kind").and_then(Tree::as_str).unwrap_or("other");
    cx.heap.set_member(result, "size", number("size"));
    cx.heap.set_member(result, "is_file", Value::bool(kind == "file"));
    cx.heap.set_member(result, "is_dir", Value::bool(kind == "dir"));
    let mode = stat.get("mode").and_then(Tree::as_u64).unwrap_or(0) & 0o7777;
    cx.heap.set_member(result, "mode", Value::number(mode as f64));
    cx.heap.set_member(result, "modified", number("mtimeMs"));
    Ok(result)
}

/// The mode as a number, or as octal text: `"755"`.
pub(super) fn chmod(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = path(cx, args, 0)?;
    let mode = match cx.heap.as_str(args[1]) {
        Some(text) => i64::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
        None => Some(cx.integer(args, 1, "a mode")?),
    };
    let Some(mode) = mode.filter(|m| (0..=0o7777).contains(m)) else {
        return fail(kind::VALUE, "a mode is from 0 to 4095, or octal text such as \"644\"");
    };
    cx.operation("fs.chmod", json!({ "path": path, "mode": mode }))?;
    Ok(Value::TRUE)
}

/// A new, empty file in the system's folder for such files; its path.
pub(super) fn tmpfile(cx: &mut Cx<'_>, _: &[Value]) -> R<Value> {
    let (info, _) = cx.operation("process.info", json!({}))?;
    let folder = info.get("tmpdir").and_then(Tree::as_str).unwrap_or("/tmp").to_owned();
    cx.world.temporary += 1;
    let mut random = [0; 12];
    cx.world.random_bytes(&mut random);
    let name: String =
        random.iter().map(|b| char::from(b"abcdefghijklmnopqrstuvwxyz012345"[(b & 31) as usize])).collect();
    let path = format!("{}/neutron-{name}", folder.trim_end_matches('/'));
    cx.world.operation("fs.writeFile", json!({ "path": path, "flag": "wx" }), Some(Vec::new()), cx.port)?;
    Ok(cx.new_text(path))
}
