//! `sys`: checkpoints, arguments, environment, commands. Files are in `files`.

use run::Effect;
use serde_json::{Value as Tree, json};

use super::{Cx, Native, files, question};
use crate::fault::{Control, R, control, fail, kind, shown};
use crate::heap::{Asked, Map};
use crate::value::{Kind, Value};

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("sys.checkpoint", 1, 1, checkpoint),
    Native::new("sys.alloc", 1, 1, alloc),
    Native::new("sys.read", 1, 1, files::read),
    Native::new("sys.write", 2, 2, files::write),
    Native::new("sys.append", 2, 2, files::append),
    Native::new("sys.cp", 2, 2, files::cp),
    Native::new("sys.mv", 2, 2, files::mv),
    Native::new("sys.rm", 1, 1, files::rm),
    Native::new("sys.exists", 1, 1, files::exists),
    Native::new("sys.mkdir", 1, 1, files::mkdir),
    Native::new("sys.rmdir", 1, 1, files::rmdir),
    Native::new("sys.listdir", 0, 1, files::listdir),
    Native::new("sys.stat", 1, 1, files::stat),
    Native::new("sys.chmod", 2, 2, files::chmod),
    Native::new("sys.tmpfile", 0, 0, files::tmpfile),
    Native::new("sys.cwd", 0, 0, cwd),
    Native::new("sys.chdir", 1, 1, chdir),
    Native::new("sys.env", 0, 1, env),
    Native::new("sys.args", 0, 0, args),
    Native::new("sys.info", 0, 0, info),
    Native::new("sys.input", 0, 1, input),
    Native::new("sys.sleep", 1, 1, super::time::sleep),
    Native::new("sys.exit", 0, 1, exit),
    Native::new("sys.exec", 1, 1, exec),
];

pub(super) static SAY: &[Native] = &[Native::new("say", 1, 1, say)];

fn say(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let message = shown(cx.heap, args[0])?;
    cx.world.say(message, "info", cx.port)?;
    Ok(Value::NIL)
}

fn checkpoint(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    control(Control::Checkpoint(cx.owned(args, 0, "the path of a checkpoint")?))
}

/// A buffer of zeros.
fn alloc(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let size = cx.count(args, 0, "the size of a buffer")?;
    Ok(cx.heap.bytes_value(vec![0; size]))
}

fn cwd(cx: &mut Cx<'_>, _: &[Value]) -> R<Value> {
    let folder = cx.world.folder(cx.port)?;
    Ok(cx.new_text(folder))
}

fn chdir(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let path = cx.owned(args, 0, "the path")?;
    let path = cx.world.absolute(&path, cx.port)?;
    let (stat, _) = cx.operation("fs.stat", json!({ "path": path, "follow": true }))?;
    if stat.get("kind").and_then(Tree::as_str) != Some("dir") {
        return fail(kind::IO, format!("{path} is not a folder"));
    }
    cx.world.cwd = Some(path);
    cx.world.cwd_chosen = true;
    Ok(Value::NIL)
}

/// A variable of the environment, or nil; without a name, all of them.
fn env(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    if args.is_empty() {
        let (all, _) = cx.operation("env.list", json!({}))?;
        return Ok(super::json::from_tree(cx.heap, &all));
    }
    let name = cx.owned(args, 0, "the name of a variable")?;
    let (value, _) = cx.operation("env.get", json!({ "name": name }))?;
    Ok(match value.as_str() {
        Some(text) => cx.new_text(text),
        None => Value::NIL,
    })
}

fn args(cx: &mut Cx<'_>, _: &[Value]) -> R<Value> {
    let args = cx.world.args.clone();
    Ok(cx.texts(args.iter().map(String::as_str)))
}

fn info(cx: &mut Cx<'_>, _: &[Value]) -> R<Value> {
    let (info, _) = cx.operation("process.info", json!({}))?;
    let result = cx.heap.map(Map::with_capacity(6));
    for name in ["platform", "arch", "hostname", "homedir", "tmpdir"] {
        let text = cx.new_text(info.get(name).and_then(Tree::as_str).unwrap_or(""));
        cx.heap.set_member(result, name, text);
    }
    let pid = info.get("pid").and_then(Tree::as_f64).unwrap_or(0.0);
    cx.heap.set_member(result, "pid", Value::number(pid));
    let version = cx.new_text(env!("CARGO_PKG_VERSION"));
    cx.heap.set_member(result, "version", version);
    Ok(result)
}

fn input(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let prompt = if args.is_empty() { String::new() } else { shown(cx.heap, args[0])? };
    control(Control::Ask(question(&prompt), Asked::Line { prompt }))
}

fn exit(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let code = if args.is_empty() { 0 } else { cx.integer(args, 0, "an exit code")? };
    match i32::try_from(code) {
        Ok(code) if (0..256).contains(&code) => control(Control::Exit(code)),
        _ => fail(kind::VALUE, format!("an exit code is from 0 to 255, not {code}")),
    }
}

/// Runs a command line, or a program with arguments given as an array; gives what it printed.
fn exec(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut request = json!({});
    if args[0].is(Kind::Array) {
        let words: Vec<String> =
            cx.heap.items(args[0]).to_vec().iter().map(|v| shown(cx.heap, *v)).collect::<R<_>>()?;
        if words.is_empty() {
            return fail(kind::VALUE, "sys.exec needs a command");
        }
        request["argv"] = words.into();
    } else {
        request["command"] = cx.owned(args, 0, "a command")?.into();
    }
    request["cwd"] = cx.world.folder(cx.port)?.into();
    let effect = Effect::Call { op: "process.exec".into(), args: request.into() };
    control(Control::Ask(effect, Asked::Call { op: "sys.exec".into() }))
}
