//! Snapshots for people: call stack, variables, heap.

use run::Json;
use serde_json::{Map as Members, Value as Tree, json};

use super::{BadSnapshot, decode};
use crate::ast::{Expr, ExprKind};
use crate::heap::{Frame, Heap, NONE, Obj, Task, Waits};
use crate::number;
use crate::value::{Kind, Value};
use crate::vm::Vm;

/// Elements of an array or object that are shown.
const ELEMENTS: usize = 50;
/// Levels of nesting that are shown.
const DEPTH: usize = 4;
/// Characters of a string that are shown.
const CHARS: usize = 500;
/// Calls that are shown.
const CALLS: usize = 200;

/// What a snapshot file holds: `{format, size, file, line, tasks: [{id, state, calls: [{function, file, line,
/// variables}]}], globals, heap: {objects, bytes, kinds}}`.
pub fn describe(snapshot: &[u8]) -> Result<Json, BadSnapshot> {
    let vm = decode(snapshot, usize::MAX)?;
    let mut tree = overview(&vm);
    tree["format"] = super::FORMAT.into();
    tree["size"] = snapshot.len().into();
    Ok(tree.into())
}

/// The overview, or the value of an expression made of names, members and indexes.
pub(crate) fn inspect(vm: &mut Vm, expression: Option<&str>) -> Result<Json, String> {
    vm.park();
    let Some(text) = expression else { return Ok(overview(vm).into()) };
    let (tree, problems) = crate::parser::parse(&format!("{text};"));
    if let Some(problem) = problems.first() {
        return Err(format!("{text:?} is no expression: {}", problem.message));
    }
    let [crate::ast::Stmt { kind: crate::ast::StmtKind::Expr(e), .. }] = tree.body.as_slice() else {
        return Err(format!("{text:?} is no expression"));
    };
    let value = find(vm, e)?;
    Ok(show(&vm.heap, value, 0).into())
}

fn overview(vm: &Vm) -> Tree {
    let tasks: Vec<Tree> = vm.tasks.iter().filter_map(|h| vm.heap.task(*h)).map(|t| task(vm, t)).collect();
    let mut globals = Members::new();
    for (global, value) in vm.program.globals.iter().zip(&vm.globals) {
        let library = global.unit == 0 || global.name.starts_with('(');
        let code = matches!(value.kind(), Some(Kind::Module | Kind::Native));
        if !library && !code && *value != Value::EMPTY {
            globals.insert(global.name.to_string(), show(&vm.heap, *value, 0));
        }
    }
    let entry = &vm.program.units[vm.program.entry as usize].source.name;
    let line = tasks.first().and_then(|t| t["calls"][0]["line"].as_u64());
    json!({ "file": entry, "line": line, "tasks": tasks, "globals": globals, "heap": heap(&vm.heap) })
}

fn task(vm: &Vm, task: &Task) -> Tree {
    let state = match &task.waits {
        Waits::Nothing => "ready".into(),
        Waits::Effect { what, .. } => match what {
            crate::heap::Asked::Timer { .. } => "sleeping".into(),
            crate::heap::Asked::Line { .. } => "waiting for input".into(),
            crate::heap::Asked::Call { op } => format!("waiting for {op}"),
        },
        Waits::Task(other) => format!("waiting for task {}", vm.heap.task(*other).map_or(0, |t| t.id)),
        Waits::Message => "waiting for a message".into(),
        Waits::Ended => "ended".into(),
    };
    let calls: Vec<Tree> = task.frames.iter().rev().take(CALLS).map(|f| call(vm, task, f)).collect();
    json!({ "id": task.id, "state": state, "depth": task.frames.len(), "calls": calls })
}

fn call(vm: &Vm, task: &Task, frame: &Frame) -> Tree {
    let f = vm.function_of(frame);
    let source = &vm.program.units[f.unit as usize].source.name;
    let mut variables = Members::new();
    for (name, value) in locals(vm, task, frame) {
        variables.insert(name.to_string(), show(&vm.heap, value, 0));
    }
    json!({ "function": &*f.name, "file": source, "line": f.line(frame.pc.saturating_sub(1)), "variables": variables })
}

/// The variables of a call that have a value, inner ones last.
fn locals<'a>(vm: &'a Vm, task: &'a Task, frame: &'a Frame) -> Vec<(&'a str, Value)> {
    let pc = frame.pc.saturating_sub(1);
    let f = vm.function_of(frame);
    let seen = f.locals.iter().filter(|l| l.start <= pc && pc < l.end);
    let value = |reg: u8| {
        let value = task.stack.get(frame.base as usize + reg as usize).copied().unwrap_or(Value::EMPTY);
        match value.as_handle(Kind::Cell).map(|h| &vm.heap.slots[h as usize]) {
            Some(Obj::Cell(inner)) => *inner,
            _ => value,
        }
    };
    let mut found: Vec<_> = seen.map(|l| (&*l.name, value(l.reg))).filter(|(_, v)| *v != Value::EMPTY).collect();
    if f.is_method {
        found.insert(0, ("this", value(0)));
    }
    found
}

fn heap(heap: &Heap) -> Tree {
    let mut kinds = std::collections::BTreeMap::<&str, u64>::new();
    for obj in &heap.slots {
        let name = match obj {
            Obj::Free => continue,
            Obj::Text { .. } | Obj::Beginning { .. } | Obj::Growing(_) => "string",
            Obj::Array(_) => "array",
            Obj::Map(_) => "object",
            Obj::Closure(_) | Obj::Bound { .. } => "function",
            Obj::Cell(_) => "captured variable",
            Obj::Class(_) => "class",
            Obj::Instance { .. } => "instance",
            Obj::Bytes(_) => "buffer",
            Obj::Task(_) => "task",
        };
        *kinds.entry(name).or_default() += 1;
    }
    json!({ "objects": kinds.values().sum::<u64>(), "bytes": heap.bytes, "kinds": kinds })
}

/// A value as JSON, cut where it is long or deep. What JSON has no form for is its printed text.
fn show(heap: &Heap, value: Value, depth: usize) -> Tree {
    if let Some(n) = value.as_number() {
        return match number::index(n) {
            Some(i) => i.into(),
            None => serde_json::Number::from_f64(n).map_or_else(|| number::text(n).into(), Tree::Number),
        };
    }
    let more = |n: usize| format!("… {n} more");
    match value.kind() {
        Some(Kind::Special) => value.as_bool().map_or(Tree::Null, Tree::Bool),
        Some(Kind::Text) => {
            let text = heap.str(value);
            match text.char_indices().nth(CHARS) {
                Some((at, _)) => format!("{}… ({} characters)", &text[..at], heap.chars(value)).into(),
                None => text.into(),
            }
        }
        Some(Kind::Array) if depth < DEPTH => {
            let items = heap.items(value);
            let mut out: Vec<Tree> = items.iter().take(ELEMENTS).map(|v| show(heap, *v, depth + 1)).collect();
            if items.len() > ELEMENTS {
                out.push(more(items.len() - ELEMENTS).into());
            }
            out.into()
        }
        Some(Kind::Map | Kind::Instance) if depth < DEPTH => members(heap, value, depth, &more),
        Some(Kind::Array) => "[…]".into(),
        Some(Kind::Map) => "{…}".into(),
        _ => heap.show(value).into(),
    }
}

fn members(heap: &Heap, value: Value, depth: usize, more: &dyn Fn(usize) -> String) -> Tree {
    let mut out = Members::new();
    match &heap.slots[value.payload() as usize] {
        Obj::Map(map) => {
            for (key, value) in map.iter().take(ELEMENTS) {
                out.insert(heap.str_at(key).to_owned(), show(heap, value, depth + 1));
            }
            if map.len() > ELEMENTS {
                out.insert("…".into(), more(map.len() - ELEMENTS).into());
            }
        }
        Obj::Instance { class, fields } => {
            out.insert("(class)".into(), heap.class_name(value).into());
            for (name, slot) in heap.class(*class).into_iter().flat_map(|c| c.layout.iter()).take(ELEMENTS) {
                let field = fields.get(slot.as_number().unwrap_or(0.0) as usize);
                if let Some(field) = field.filter(|v| **v != Value::EMPTY) {
                    out.insert(heap.str_at(name).to_owned(), show(heap, *field, depth + 1));
                }
            }
        }
        _ => {}
    }
    out.into()
}

/// The value of names, members and indexes, without running anything.
fn find(vm: &Vm, e: &Expr) -> Result<Value, String> {
    match &e.kind {
        ExprKind::Name(name) => variable(vm, &name.name).ok_or_else(|| format!("there is no variable {}", name.name)),
        ExprKind::This => variable(vm, "this").ok_or_else(|| "there is no this".to_owned()),
        ExprKind::Member(m) => member(vm, find(vm, &m.object)?, &m.name),
        ExprKind::Index(i) => {
            let object = find(vm, &i.object)?;
            match &i.index.kind {
                ExprKind::Text(name) => member(vm, object, name),
                ExprKind::Number(n) => {
                    let items = vm.heap.items(object);
                    let at = if *n < 0.0 { *n + items.len() as f64 } else { *n };
                    let found = if at >= 0.0 && at == at.trunc() { items.get(at as usize) } else { None };
                    found.copied().ok_or_else(|| format!("there is no element {}", number::text(*n)))
                }
                _ => Err("an index is a number or a string here".into()),
            }
        }
        _ => Err("only names, members and indexes can be looked at".into()),
    }
}

fn variable(vm: &Vm, name: &str) -> Option<Value> {
    let tasks = vm.tasks.iter().filter_map(|h| vm.heap.task(*h));
    for task in tasks {
        for frame in task.frames.iter().rev() {
            let found = locals(vm, task, frame).into_iter().rev().find(|(n, _)| *n == name);
            if let Some((_, value)) = found {
                return Some(value);
            }
        }
    }
    let entry = vm.program.entry;
    let at = vm.program.globals.iter().position(|g| &*g.name == name && g.unit == entry)?;
    vm.globals.get(at).copied().filter(|v| *v != Value::EMPTY)
}

fn member(vm: &Vm, object: Value, name: &str) -> Result<Value, String> {
    let heap = &vm.heap;
    let found = match object.heap_index().filter(|h| *h != NONE).map(|h| &heap.slots[h as usize]) {
        Some(Obj::Map(_)) => heap.member(object, name),
        Some(Obj::Instance { class, fields }) => {
            let key = heap.find_interned(name);
            let slot = key.and_then(|key| heap.class(*class)?.layout.get(key)).and_then(Value::as_number);
            slot.and_then(|slot| fields.get(slot as usize).copied())
        }
        Some(Obj::Array(items)) if name == "length" => Some(Value::number(items.len() as f64)),
        _ => None,
    };
    found.filter(|v| *v != Value::EMPTY).ok_or_else(|| format!("there is no member {name}"))
}
