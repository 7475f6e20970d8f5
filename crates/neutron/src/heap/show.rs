//! Values as text.

use std::fmt::Write;

use super::{Heap, Kind, Obj, Value};
use crate::number;

/// What is still to be printed.
enum Todo {
    Value(Value),
    Word(&'static str),
    Key(u32),
    Leave(u32),
}

impl Heap {
    /// The text that `say` prints, not much beyond the longest that a program may have (see `fault::shown`).
    pub fn show(&self, value: Value) -> String {
        if let Some(text) = self.as_str(value) {
            return text.to_owned();
        }
        let mut out = String::new();
        self.show_to(value, &mut out, self.limit.min(super::MAX_TEXT));
        out
    }

    /// The text of a value for messages: not longer than a line.
    pub fn show_short(&self, value: Value) -> String {
        let mut out = String::new();
        if let Some(text) = self.as_str(value) {
            let _ = write!(out, "{:?}", text.chars().take(60).collect::<String>());
        } else {
            self.show_to(value, &mut out, 80);
        }
        if out.chars().count() > 80 {
            out = out.chars().take(79).collect();
            out.push('…');
        }
        out
    }

    /// Without recursion, so that no depth of nesting exhausts the native stack; stops beyond `limit` bytes.
    fn show_to(&self, value: Value, out: &mut String, limit: usize) {
        let mut todo = vec![Todo::Value(value)];
        let mut open = hashbrown::HashSet::new();
        while let Some(next) = todo.pop() {
            if out.len() > limit {
                return;
            }
            match next {
                Todo::Word(word) => out.push_str(word),
                Todo::Key(key) => {
                    out.push_str(self.str_at(key));
                    out.push_str(": ");
                }
                Todo::Leave(handle) => {
                    open.remove(&handle);
                }
                Todo::Value(value) => match value.as_handle(Kind::Array).or(value.as_handle(Kind::Map)) {
                    Some(handle) if !open.insert(handle) => {
                        out.push_str(if value.is(Kind::Array) { "[...]" } else { "{...}" });
                    }
                    Some(handle) => self.open(value, handle, &mut todo, out),
                    None => self.show_plain(value, out),
                },
            }
        }
    }

    fn open(&self, value: Value, handle: u32, todo: &mut Vec<Todo>, out: &mut String) {
        todo.push(Todo::Leave(handle));
        let first = todo.len();
        if let Some(map) = self.as_map(value) {
            out.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                if i > 0 {
                    todo.push(Todo::Word(", "));
                }
                todo.push(Todo::Key(key));
                todo.push(Todo::Value(value));
            }
            todo.push(Todo::Word("}"));
        } else {
            out.push('[');
            for (i, value) in self.items(value).iter().enumerate() {
                if i > 0 {
                    todo.push(Todo::Word(", "));
                }
                todo.push(Todo::Value(*value));
            }
            todo.push(Todo::Word("]"));
        }
        // What comes first is done first.
        todo[first..].reverse();
    }

    fn show_plain(&self, value: Value, out: &mut String) {
        let Some(kind) = value.kind() else {
            out.push_str(&number::text(value.as_number().unwrap_or(0.0)));
            return;
        };
        let handle = value.payload();
        let _ = match kind {
            Kind::Special => write!(out, "{}", value.as_bool().map_or("nil".into(), |b| b.to_string())),
            Kind::Text | Kind::Growing => write!(out, "{}", self.str(value)),
            Kind::Closure | Kind::Native | Kind::Bound => write!(out, "<fn {}>", self.function_name(value)),
            Kind::Class => write!(out, "<class {}>", self.class(handle).map_or("", |c| self.str_at(c.name))),
            Kind::Instance => write!(out, "<{} instance>", self.class_name(value)),
            Kind::Module => write!(out, "<module {}>", crate::modules::name(handle)),
            Kind::Bytes => write!(out, "<buffer {}>", self.as_bytes(value).map_or(0, <[u8]>::len)),
            Kind::Task => write!(out, "<task {}>", self.task(handle).map_or(0, |t| t.id)),
            Kind::Cell => write!(out, "<variable>"),
            Kind::Array | Kind::Map => Ok(()),
        };
    }

    /// The name of an instance's class.
    pub fn class_name(&self, instance: Value) -> &str {
        match &self.slots[instance.payload() as usize] {
            Obj::Instance { class, .. } => self.class(*class).map_or("", |c| self.str_at(c.name)),
            _ => "",
        }
    }

    pub fn function_name(&self, value: Value) -> &str {
        match value.kind() {
            Some(Kind::Closure) => {
                let function = self.closure(value.payload()).map_or(0, |c| c.function);
                self.protos.get(function as usize).map_or("", |p| &p.name)
            }
            Some(Kind::Native) => crate::modules::native(value.payload()).map_or("", |n| n.short_name()),
            Some(Kind::Bound) => match &self.slots[value.payload() as usize] {
                Obj::Bound { method, .. } if !method.is(Kind::Bound) => self.function_name(*method),
                _ => "",
            },
            _ => "",
        }
    }

    /// Equality as `==` sees it: structural for arrays and objects, also for those that contain themselves.
    pub fn equal(&self, a: Value, b: Value) -> bool {
        if a.is_number() || b.is_number() {
            return a.as_number().is_some_and(|x| b.as_number() == Some(x));
        }
        if a == b {
            return true;
        }
        if a.is(Kind::Text) && b.is(Kind::Text) {
            return self.str(a) == self.str(b);
        }
        let structural = |v: Value| v.is(Kind::Array) || v.is(Kind::Map) || v.is(Kind::Bytes);
        structural(a) && structural(b) && self.equal_deep(a, b)
    }

    fn equal_deep(&self, a: Value, b: Value) -> bool {
        // Pairs that are being compared count as equal: cycles end, and shared parts are compared once.
        let mut seen = hashbrown::HashSet::new();
        let mut todo = vec![(a, b)];
        while let Some((a, b)) = todo.pop() {
            if a.is(Kind::Array) && b.is(Kind::Array) {
                let (x, y) = (self.items(a), self.items(b));
                if a == b || !seen.insert((a.payload(), b.payload())) {
                    continue;
                }
                if x.len() != y.len() {
                    return false;
                }
                todo.extend(x.iter().copied().zip(y.iter().copied()));
            } else if let (Some(x), Some(y)) = (self.as_map(a), self.as_map(b)) {
                if a == b || !seen.insert((a.payload(), b.payload())) {
                    continue;
                }
                if x.len() != y.len() {
                    return false;
                }
                for (key, value) in x.iter() {
                    match y.get(key) {
                        Some(other) => todo.push((value, other)),
                        None => return false,
                    }
                }
            } else if let (Some(x), Some(y)) = (self.as_bytes(a), self.as_bytes(b)) {
                if x != y {
                    return false;
                }
            } else if a.is(Kind::Array) || a.is(Kind::Map) || a.is(Kind::Bytes) || !self.equal(a, b) {
                return false;
            }
        }
        true
    }
}
